// Connections to the members of one etcd cluster. Private to this folder.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
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

  // Sets what every call carries: the deadline, that a member without a leader must refuse, and who
  // we are. Fails only when etcd at `index` does not let us log in.
  Status Prepare(size_t index, grpc::ClientContext* context, Duration timeout);
  // Whether the call failed because etcd has forgotten our login: then the next Prepare logs in
  // anew and the same call, which was not done, may be sent again.
  bool LoginLapsed(const grpc::Status& status);

 private:
  Status LogIn(size_t index, Duration timeout, std::string* token);

  std::string user_;
  std::string password_;
  std::mutex mutex_;  // guards token_; not held while logging in
  std::string token_;
  std::vector<std::string> endpoints_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::atomic<size_t> current_{0};
};

}  // namespace cdc
