// Timestamps from PD over one long-lived stream. Private to the folder.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "base/backoff.h"
#include "dataflow/upstream/grpc_support.h"
#include "model/ts.h"
#include "tikv/pdpb.grpc.pb.h"

namespace cdc {

// Batches concurrent callers without a thread of its own: of those who wait, one sends a request
// for all and hands out what comes back. Thread-safe.
class TsoClient {
 public:
  struct Source {
    std::function<std::shared_ptr<grpc::Channel>()> leader;  // the channel to PD's leader
    std::function<void()> rediscover;                        // look for the leader anew
    uint64_t cluster_id = 0;
  };
  TsoClient(Source source, CallRegistry& calls, Clock& clock);
  ~TsoClient();  // no call may be under way

  Result<Ts> Get();

 private:
  struct Waiter {
    bool done = false;
    Result<Ts> result;
  };
  struct Stream;

  // The first of `count` consecutive timestamps, as (physical, logical of the first, step).
  struct Range {
    int64_t physical = 0;
    int64_t first_logical = 0;
    int64_t step = 1;
    Ts At(size_t i) const {
      return Ts((static_cast<uint64_t>(physical) << 18) +
                static_cast<uint64_t>(first_logical + static_cast<int64_t>(i) * step));
    }
  };
  void SendForAll(std::unique_lock<std::mutex>* lock);  // unlocks in between
  Result<Range> Request(uint32_t count);                // only the caller that sends
  Result<Range> TryRequest(uint32_t count);

  const Source source_;
  CallRegistry& calls_;
  Clock& clock_;
  std::unique_ptr<Stream> stream_;  // only the caller that sends
  std::mutex mutex_;                // guards all below; not held while sending
  std::condition_variable changed_;
  std::deque<Waiter*> waiting_;
  bool sending_ = false;
};

}  // namespace cdc
