// The gRPC server of one simulated store: transactions and the change feed.
#pragma once

#include <memory>
#include <string>

#include "simulator/sim_cluster.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace cdc {

class StoreServer {
 public:
  // Port 0: any that is free.
  static Result<std::unique_ptr<StoreServer>> Open(SimCluster& cluster, uint64_t store, int port);
  ~StoreServer();  // breaks all streams

  int port() const { return port_; }
  // Answers that there is no EventFeedV2, as versions before it do.
  void RefuseV2(bool on);

 private:
  class Feed;
  StoreServer();

  SimCluster* cluster_ = nullptr;
  uint64_t store_ = 0;
  int port_ = 0;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<grpc::Service> kv_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cdc
