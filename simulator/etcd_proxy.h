// Passes calls that nobody else answers on to etcd, so that PD and etcd share an address, as they
// do in a real cluster.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

namespace cdc {

class EtcdProxy : public grpc::CallbackGenericService {
 public:
  explicit EtcdProxy(const std::string& address);  // host:port

 private:
  class Call;
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  grpc::GenericStub stub_;
};

}  // namespace cdc
