// The region feed: finds regions, hands them to store workers, watches over progress. Private to
// the folder.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "dataflow/upstream/lock_resolver.h"
#include "dataflow/upstream/region_feed.h"
#include "dataflow/upstream/region_watch.h"
#include "dataflow/upstream/store_worker.h"

namespace cdc {

class RegionFeedImpl : public RegionFeed, private StoreWorkerHost {
 public:
  // All references outlive the feed.
  RegionFeedImpl(const RegionFeedConfig& config, PdClient& pd, RegionCache& regions,
                 StoreNetwork& network, TiKvRpc& rpc, LockResolver& locks, Clock& clock);
  ~RegionFeedImpl() override;

  SubscriptionId Subscribe(const Span& span, Ts checkpoint, FeedListener* listener,
                           bool filter_loop) override;
  void Unsubscribe(SubscriptionId id) override;
  SpanProgress Progress(SubscriptionId id) const override;
  std::vector<SlowTable> Slowest(size_t max) const override;

  // Ends the workers, with their streams, of stores at which nothing is followed.
  void DropIdleWorkers();

 private:
  struct LocateTask {
    SteadyTime due;
    uint64_t order;  // first come, first served among those due at the same time
    SubscriptionRef subscription;
    PieceRef ref;
  };
  struct Later {
    bool operator()(const LocateTask& a, const LocateTask& b) const {
      return std::tie(a.due, a.order) > std::tie(b.due, b.order);
    }
  };

  void Relocate(const SubscriptionRef& subscription, PieceRef ref, std::string reason,
                Duration delay_min) override;
  void Abort(const SubscriptionRef& subscription, Status status) override;
  RegionCache& regions() override { return regions_; }

  void Schedule(const SubscriptionRef& subscription, const Subscription::Locating& locating);
  void LocateLoop(std::stop_token stop);
  void Locate(const SubscriptionRef& subscription, PieceRef ref);
  Status CheckNotCollected(Ts checkpoint);
  // Whoever has a worker keeps it from being dropped.
  Result<std::shared_ptr<StoreWorker>> WorkerOf(StoreId store);
  std::shared_ptr<StoreWorker> ExistingWorker(StoreId store);
  void DropEverywhere(const SubscriptionRef& subscription);

  void WatchLoop(std::stop_token stop);
  void Watch(const SubscriptionRef& subscription);
  void Apply(Cure cure, const SubscriptionRef& subscription, const Subscription::Laggard& laggard,
             uint64_t now_ms);
  void ResolveLocks(const SubscriptionRef& subscription, const Subscription::Laggard& laggard,
                    uint64_t now_ms);

  const RegionFeedConfig config_;
  PdClient& pd_;
  RegionCache& regions_;
  StoreNetwork& network_;
  TiKvRpc& rpc_;
  LockResolver& locks_;
  Clock& clock_;
  FeedMetrics metrics_;

  mutable std::mutex mutex_;  // guards all below, down to the threads; never held across a call
  std::unordered_map<SubscriptionId, SubscriptionRef> subscriptions_;
  uint64_t next_subscription_ = 1;
  std::unordered_map<uint64_t, std::pair<std::string, std::shared_ptr<StoreWorker>>> workers_;
  // Of stores that have another address now; kept as long as they follow something.
  std::vector<std::shared_ptr<StoreWorker>> retired_workers_;
  std::priority_queue<LocateTask, std::vector<LocateTask>, Later> to_locate_;
  std::condition_variable_any located_wakeup_;
  uint64_t next_order_ = 0;
  Ts gc_safe_point_;
  std::optional<SteadyTime> gc_checked_at_;

  RegionWatch watch_;  // of the watchdog's thread

  std::vector<std::jthread> threads_;  // last: they use all above
};

}  // namespace cdc
