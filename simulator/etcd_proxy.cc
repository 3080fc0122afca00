#include "simulator/etcd_proxy.h"

#include <atomic>
#include <mutex>
#include <string_view>

namespace cdc {
namespace {

// What gRPC itself sets, or refuses to be given.
bool Passes(std::string_view key) {
  return !key.starts_with(":") && !key.starts_with("grpc-") && key != "user-agent" &&
         key != "content-type" && key != "te";
}

}  // namespace

// One call: a reactor on each side, each message read on one side before the next is asked of the
// other. Gone when both sides are.
class EtcdProxy::Call : public grpc::ServerGenericBidiReactor {
 public:
  Call(grpc::GenericCallbackServerContext* context, grpc::GenericStub& stub)
      : method_(context->method()), etcd_(*this) {
    for (const auto& [key, value] : context->client_metadata()) {
      const std::string name(key.data(), key.size());
      if (Passes(name)) context_.AddMetadata(name, std::string(value.data(), value.size()));
    }
    stub.PrepareBidiStreamingCall(&context_, method_, {}, &etcd_);
    etcd_.AddHold();  // requests are written from our reactions, not its own
    StartRead(&from_client_);
    etcd_.StartRead(&from_etcd_);
    etcd_.StartCall();
  }

  void OnReadDone(bool ok) override {
    std::lock_guard lock(mutex_);
    if (released_) return;
    if (ok) {
      etcd_.StartWrite(&from_client_);
    } else {
      etcd_.StartWritesDone();
    }
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Release();
    std::lock_guard lock(mutex_);
    if (!released_) etcd_.StartRead(&from_etcd_);
  }
  void OnCancel() override {
    context_.TryCancel();
    Release();
  }
  void OnDone() override { Leave(); }

 private:
  class Etcd : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Etcd(Call& call) : call_(call) {}
    void OnReadDone(bool ok) override {
      if (ok)
        call_.StartWrite(&call_.from_etcd_);
      else
        call_.Release();
    }
    void OnWriteDone(bool ok) override {
      if (ok) call_.StartRead(&call_.from_client_);
    }
    void OnDone(const grpc::Status& status) override {
      call_.Finish(status);
      call_.Leave();
    }

   private:
    Call& call_;
  };

  // Nothing more is asked of etcd's side, which may be gone as soon as this returns.
  void Release() {
    std::lock_guard lock(mutex_);
    if (released_) return;
    released_ = true;
    etcd_.RemoveHold();
  }
  void Leave() {
    if (--sides_ == 0) delete this;
  }

  const std::string method_;
  grpc::ClientContext context_;
  Etcd etcd_;
  grpc::ByteBuffer from_client_;
  grpc::ByteBuffer from_etcd_;
  std::atomic<int> sides_{2};
  std::mutex mutex_;  // guards what follows, and what is started on etcd's side
  bool released_ = false;
};

EtcdProxy::EtcdProxy(const std::string& address)
    : stub_([&] {
        grpc::ChannelArguments arguments;
        arguments.SetMaxReceiveMessageSize(-1);
        return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
      }()) {}

grpc::ServerGenericBidiReactor* EtcdProxy::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new Call(context, stub_);
}

}  // namespace cdc
