// What all gRPC clients of this folder share. Private to the folder: it includes gRPC's headers.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <grpcpp/grpcpp.h>

#include "base/clock.h"
#include "base/status.h"
#include "dataflow/upstream/pd_client.h"

namespace cdc {

// Reads the files. Without TLS: credentials of a plain connection.
Result<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const TlsConfig& tls);

// "http://host:port" to "host:port", which gRPC wants.
std::string_view WithoutScheme(std::string_view url);

std::string Describe(const grpc::Status& status);  // "UNAVAILABLE: connection refused"

// One channel per address, with the keepalive and window settings that suit the peer. Thread-safe.
// A channel that leaves the pool lives on until the last call on it has ended.
class ChannelPool {
 public:
  enum class Peer { kPd, kTiKv };
  ChannelPool(std::shared_ptr<grpc::ChannelCredentials> credentials, Peer peer)
      : credentials_(std::move(credentials)), peer_(peer) {}

  std::shared_ptr<grpc::Channel> Get(const std::string& address);
  // From now on there are new ones.
  void Clear();
  // Lets go of those that nobody has, or has asked for since the last time.
  void DropIdle();

 private:
  struct Entry {
    std::shared_ptr<grpc::Channel> channel;
    bool asked_for = false;  // since the last DropIdle
  };
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const Peer peer_;
  std::mutex mutex_;  // guards all below
  std::unordered_map<std::string, Entry> channels_;
};

// Calls under way, so that a client which is going away can end them. Thread-safe.
class CallRegistry {
 public:
  // Ends all calls and every call that is started later.
  void Shutdown();
  bool stopped() const { return stop_.stop_requested(); }
  std::stop_token stop_token() const { return stop_.get_token(); }

  // Registers `context` and gives it a deadline, for the life of this object.
  class Scope {
   public:
    Scope(CallRegistry& calls, grpc::ClientContext* context, Duration timeout);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CallRegistry& calls_;
    grpc::ClientContext* const context_;
  };

 private:
  std::stop_source stop_;
  std::mutex mutex_;  // guards all below
  std::unordered_set<grpc::ClientContext*> contexts_;
};

}  // namespace cdc
