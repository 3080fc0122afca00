// A real etcd on a free loopback port, for tests.
#pragma once

#include <memory>
#include <string>

#include "control/etcd/etcd_client.h"

namespace cdc {

// A loopback port that nothing listens at now.
int FreePort();

// Starts in the constructor (aborts the test program if it cannot); the destructor kills it and
// erases its data.
class EtcdProcess {
 public:
  enum class Security : uint8_t {
    kNone,
    kTls
  };  // TLS: of both sides, with certificates of its own
  explicit EtcdProcess(Security security = Security::kNone);
  ~EtcdProcess();
  EtcdProcess(const EtcdProcess&) = delete;
  EtcdProcess& operator=(const EtcdProcess&) = delete;

  std::string endpoint() const {
    return (tls_.enabled() ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
  }
  const TlsConfig& tls() const { return tls_; }
  void Kill();     // as kill -9
  void Restart();  // with the data it had
  void Pause();    // SIGSTOP
  void Resume();
  void CompactAll();  // with etcdctl
  // Aborts unless it succeeds. `arguments` are for the shell.
  void Etcdctl(const std::string& arguments) const;

  std::unique_ptr<EtcdClient> Client(Duration request_timeout = 3s) const;

 private:
  void Start();
  void MakeCertificates();
  std::string dir_;
  TlsConfig tls_;
  int port_ = 0;
  int peer_port_ = 0;
  int pid_ = 0;
};

}  // namespace cdc
