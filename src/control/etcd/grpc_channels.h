// Connections to the members of one etcd cluster. Private to this folder.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "base/status.h"
#include "control/etcd/etcd_client.h"

namespace cdc {

// Thread-safe. One channel per endpoint; one of them is current until it fails.
class GrpcChannels {
 public:
  static Result<std::shared_ptr<GrpcChannels>> Open(const EtcdClient::Options& options);

  size_t size() const { return channels_.size(); }
  size_t current() const { return current_.load(std::memory_order_relaxed); }
  const std::shared_ptr<grpc::Channel>& at(size_t index) const { return channels_[index]; }
  const std::string& endpoint(size_t index) const { return endpoints_[index]; }
  // The next endpoint is current from now on, unless another thread moved on already.
  void MoveOnFrom(size_t index) {
    current_.compare_exchange_strong(index, (index + 1) % channels_.size());
  }

  // Sets what every call carries: the deadline, and that a member without a leader must refuse.
  static void Prepare(grpc::ClientContext* context, Duration timeout);

 private:
  std::vector<std::string> endpoints_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::atomic<size_t> current_{0};
};

}  // namespace cdc
