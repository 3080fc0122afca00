// PD's port: HTTP/2 goes to its gRPC server, HTTP/1 to its HTTP API.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/status.h"

namespace httplib {
class Server;
}

namespace cdc {

// Tells a connection's protocol by its first bytes and then only passes bytes on. A thread for each
// connection: clients have few. The destructor ends all.
class PdFront {
 public:
  // Port 0: any. The gRPC server listens on loopback.
  static Result<std::unique_ptr<PdFront>> Open(int port, int grpc_port);
  ~PdFront();

  int port() const { return port_; }

 private:
  PdFront();
  Status StartHttp();
  void AcceptLoop();
  void Serve(int client);
  bool Remember(int socket);  // false: stopping
  void Forget(int socket);

  int port_ = 0;
  int grpc_port_ = 0;
  int http_port_ = 0;
  int listener_ = -1;
  std::unique_ptr<httplib::Server> http_;
  std::thread http_thread_;
  std::thread accept_thread_;

  std::mutex mutex_;  // guards all below
  bool stopping_ = false;
  std::set<int> open_;
  std::vector<std::thread> connections_;
};

}  // namespace cdc
