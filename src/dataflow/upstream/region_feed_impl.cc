#include "dataflow/upstream/region_feed_impl.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/failpoint.h"
#include "base/log.h"

namespace cdc {
namespace {

constexpr int kLocateThreads = 2;
constexpr size_t kRegionsAtOnce = 256;
constexpr Duration kGcCheckInterval = 10s;
constexpr Duration kResolveTimeout = 10s;
// Younger locks belong to transactions that are most likely still at work.
constexpr uint64_t kLockAgeMinMs = 10'000;
constexpr size_t kLaggardsAtOnce = 16;
constexpr size_t kLocksAtOnce = 1024;

}  // namespace

RegionFeedImpl::RegionFeedImpl(const RegionFeedConfig& config, PdClient& pd, RegionCache& regions,
                               StoreNetwork& network, TiKvRpc& rpc, LockResolver& locks,
                               Clock& clock)
    : config_(config),
      pd_(pd),
      regions_(regions),
      network_(network),
      rpc_(rpc),
      locks_(locks),
      clock_(clock),
      metrics_(Metrics()),
      watch_({.resolve_interval = config.resolve_lock_interval,
              .register_after = config.register_anew_after,
              .reload_after = config.reload_route_after}) {
  for (int i = 0; i < kLocateThreads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { LocateLoop(std::move(stop)); });
  }
  threads_.emplace_back([this](std::stop_token stop) { WatchLoop(std::move(stop)); });
}

RegionFeedImpl::~RegionFeedImpl() {
  for (std::jthread& thread : threads_) thread.request_stop();
  std::vector<SubscriptionRef> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, subscription] : subscriptions_) all.push_back(subscription);
  }
  for (const SubscriptionRef& subscription : all) subscription->Stop();
  threads_.clear();
  decltype(workers_) workers;  // their threads may still look for others in workers_
  decltype(retired_workers_) retired;
  std::lock_guard lock(mutex_);
  workers.swap(workers_);
  retired.swap(retired_workers_);
}

SubscriptionId RegionFeedImpl::Subscribe(const Span& span, Ts checkpoint, FeedListener* listener,
                                         bool filter_loop) {
  SubscriptionRef subscription;
  {
    std::lock_guard lock(mutex_);
    const SubscriptionId id{next_subscription_++};
    subscription =
        std::make_shared<Subscription>(id, span, checkpoint, listener, filter_loop, clock_.Now());
    subscriptions_[id] = subscription;
  }
  metrics_.subscriptions.Add(1);
  Schedule(subscription, subscription->Start());
  return subscription->id();
}

void RegionFeedImpl::Unsubscribe(SubscriptionId id) {
  SubscriptionRef subscription;
  {
    std::lock_guard lock(mutex_);
    const auto node = subscriptions_.extract(id);
    if (!node) return;
    subscription = node.mapped();
  }
  metrics_.subscriptions.Add(-1);
  subscription->Stop();
  DropEverywhere(subscription);
}

void RegionFeedImpl::DropEverywhere(const SubscriptionRef& subscription) {
  std::lock_guard lock(mutex_);
  for (const auto& [store, worker] : workers_) worker.second->Unsubscribe(subscription);
  for (const auto& worker : retired_workers_) worker->Unsubscribe(subscription);
}

SpanProgress RegionFeedImpl::Progress(SubscriptionId id) const {
  SubscriptionRef subscription;
  {
    std::lock_guard lock(mutex_);
    const auto it = subscriptions_.find(id);
    if (it == subscriptions_.end()) return {.reason = "not subscribed"};
    subscription = it->second;
  }
  return subscription->Progress();
}

std::vector<SlowTable> RegionFeedImpl::Slowest(size_t max) const {
  std::vector<std::pair<Ts, SubscriptionRef>> all;
  {
    std::lock_guard lock(mutex_);
    all.reserve(subscriptions_.size());
    for (const auto& [id, subscription] : subscriptions_) all.emplace_back(Ts(), subscription);
  }
  for (auto& [resolved, subscription] : all) resolved = subscription->resolved();
  const size_t count = std::min(max, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<ptrdiff_t>(count), {},
                            &std::pair<Ts, SubscriptionRef>::first);
  std::vector<SlowTable> slowest;
  for (size_t i = 0; i < count; ++i)
    slowest.push_back(
        {.table = all[i].second->span().table, .progress = all[i].second->Progress()});
  return slowest;
}

// ---- Finding regions ----

void RegionFeedImpl::Schedule(const SubscriptionRef& subscription,
                              const Subscription::Locating& locating) {
  {
    std::lock_guard lock(mutex_);
    to_locate_.push({.due = clock_.Now() + locating.delay,
                     .order = next_order_++,
                     .subscription = subscription,
                     .ref = locating.ref});
  }
  located_wakeup_.notify_one();
}

void RegionFeedImpl::Relocate(const SubscriptionRef& subscription, PieceRef ref, std::string reason,
                              Duration delay_min) {
  if (const auto locating = subscription->Failed(ref, std::move(reason), delay_min)) {
    Schedule(subscription, *locating);
  }
}

void RegionFeedImpl::Abort(const SubscriptionRef& subscription, Status status) {
  LogError("subscription of table {} ends: {}", subscription->span().table, status.ToString());
  subscription->Fail(std::move(status));
  DropEverywhere(subscription);
}

void RegionFeedImpl::LocateLoop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::optional<LocateTask> task;
    {
      std::unique_lock lock(mutex_);
      const auto due = [this] {
        return !to_locate_.empty() && to_locate_.top().due <= clock_.Now();
      };
      const SteadyTime wake =
          to_locate_.empty() ? clock_.Now() + Duration(10s) : to_locate_.top().due;
      const uint64_t seen = next_order_;
      clock_.WaitUntil(lock, located_wakeup_, wake, stop,
                       [&] { return due() || next_order_ != seen; });
      if (!due()) continue;
      task = to_locate_.top();
      to_locate_.pop();
    }
    Locate(task->subscription, task->ref);
  }
}

void RegionFeedImpl::Locate(const SubscriptionRef& subscription, PieceRef ref) {
  const auto piece = subscription->ToLocate(ref);
  if (!piece) return;
  const auto& [range, checkpoint] = *piece;
  if (Status status = CheckNotCollected(checkpoint); status.code() == Code::kSnapshotLost) {
    Abort(subscription, std::move(status));
    return;
  } else if (!status.ok()) {
    Relocate(subscription, ref, std::string(status.message()), Duration::zero());
    return;
  }
  const SteadyTime start = clock_.Now();
  const auto regions = regions_.LocateRange(range, kRegionsAtOnce);
  metrics_.locate_seconds.Observe(std::chrono::duration<double>(clock_.Now() - start).count());
  if (!regions) {
    Relocate(subscription, ref, std::string(regions.error().message()), Duration::zero());
    return;
  }
  Subscription::LocateResult located = subscription->Located(ref, *regions);
  for (Subscription::Assignment& assignment : located.assigned) {
    const auto worker = WorkerOf(assignment.region->leader_store);
    if (worker) {
      (*worker)->Register(subscription, std::move(assignment));
      continue;
    }
    regions_.LeaderUnreachable(*assignment.region);
    Relocate(subscription, assignment.ref, std::string(worker.error().message()), Duration::zero());
  }
  if (located.rest) Schedule(subscription, *located.rest);
}

// A piece can be followed only from where the store still has all versions.
Status RegionFeedImpl::CheckNotCollected(Ts checkpoint) {
  {
    std::lock_guard lock(mutex_);
    if (gc_checked_at_ && clock_.Now() - *gc_checked_at_ < kGcCheckInterval &&
        checkpoint >= gc_safe_point_) {
      return Status::Ok();
    }
  }
  ASSIGN_OR_RETURN_STATUS(Ts safe_point, pd_.GetGcSafePoint());
  std::lock_guard lock(mutex_);
  gc_safe_point_ = safe_point;
  gc_checked_at_ = clock_.Now();
  if (checkpoint >= safe_point) return Status::Ok();
  return Status(Code::kSnapshotLost, "changes after {} are wanted, those before {} are collected",
                checkpoint, safe_point);
}

Result<std::shared_ptr<StoreWorker>> RegionFeedImpl::WorkerOf(StoreId store) {
  if (FailPoint("kvClientErrUnreachable"))
    return Error(Code::kTiKvRpc, "fail point kvClientErrUnreachable");
  ASSIGN_OR_RETURN(std::string address, regions_.StoreAddress(store));
  std::lock_guard lock(mutex_);
  auto& [known_address, worker] = workers_[Raw(store)];
  if (worker && known_address == address) return worker;
  if (worker) retired_workers_.push_back(std::move(worker));
  known_address = address;
  const StoreWorker::Config config{.store = store,
                                   .cluster_id = pd_.cluster_id(),
                                   .scan_limit = static_cast<size_t>(config_.scan_limit_per_store),
                                   .received_quota = config_.received_quota,
                                   .prewrite_quota = config_.prewrite_quota,
                                   .spill = config_.spill};
  worker = std::make_shared<StoreWorker>(config, network_, address,
                                         static_cast<StoreWorkerHost&>(*this), clock_);
  return worker;
}

std::shared_ptr<StoreWorker> RegionFeedImpl::ExistingWorker(StoreId store) {
  std::lock_guard lock(mutex_);
  const auto it = workers_.find(Raw(store));
  return it == workers_.end() ? nullptr : it->second.second;
}

void RegionFeedImpl::DropIdleWorkers() {
  std::vector<std::shared_ptr<StoreWorker>> dropped;  // their threads end without our lock
  std::lock_guard lock(mutex_);
  const auto take = [&](std::shared_ptr<StoreWorker>& worker) {
    // Nobody else has it, and nobody gets it without the lock.
    if (worker.use_count() != 1 || !worker->Idle()) return false;
    dropped.push_back(std::move(worker));
    return true;
  };
  for (auto it = workers_.begin(); it != workers_.end();)
    it = take(it->second.second) ? workers_.erase(it) : std::next(it);
  std::erase_if(retired_workers_, take);
}

// ---- The watchdog ----

void RegionFeedImpl::WatchLoop(std::stop_token stop) {
  const Duration period = std::min<Duration>(1s, config_.resolve_lock_after / 2);
  while (clock_.SleepFor(period, stop)) {
    std::vector<SubscriptionRef> stuck;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [id, subscription] : subscriptions_) stuck.push_back(subscription);
    }
    const SteadyTime now = clock_.Now();
    const auto injected_s = FailPointInt("kvClientResolveLockInterval");
    const Duration after =
        injected_s ? Duration(std::chrono::seconds(*injected_s)) : config_.resolve_lock_after;
    std::erase_if(stuck, [&](const SubscriptionRef& subscription) {
      return subscription->stopped() || now - subscription->stands_since() < after;
    });
    for (const SubscriptionRef& subscription : stuck) {
      if (!stop.stop_requested()) Watch(subscription);
    }
    watch_.Tidy(now);
  }
}

void RegionFeedImpl::Watch(const SubscriptionRef& subscription) {
  const auto pd_now = pd_.GetTs();
  if (!pd_now) return;
  const auto stall_ms = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.resolve_lock_after).count());
  const uint64_t now_ms = pd_now->unix_ms();
  const auto laggards =
      subscription->Laggards(Ts::FromUnixMs(now_ms - std::min(now_ms, stall_ms)), kLaggardsAtOnce);
  for (const Subscription::Laggard& laggard : laggards) {
    const auto worker = ExistingWorker(laggard.region->leader_store);
    if (worker && worker->Behind()) {
      subscription->SetReason(laggard.ref, "messages of the store wait here for being handled");
      continue;
    }
    const Cure cure = watch_.Next(static_cast<uint64_t>(subscription->id()), laggard.region->id,
                                  laggard.resolved, clock_.Now());
    if (cure != Cure::kNone) Apply(cure, subscription, laggard, now_ms);
  }
}

void RegionFeedImpl::Apply(Cure cure, const SubscriptionRef& subscription,
                           const Subscription::Laggard& laggard, uint64_t now_ms) {
  CountCure(Metrics(), CureName(cure));
  if (cure == Cure::kResolveLocks) return ResolveLocks(subscription, laggard, now_ms);
  LogWarn("region {} at store {} of table {} stands at {} for {} ms and no lock explains it: {}",
          laggard.region->id, laggard.region->leader_store, subscription->span().table,
          laggard.resolved, now_ms - std::min(now_ms, laggard.resolved.unix_ms()), CureName(cure));
  if (cure == Cure::kReloadRoute) {
    regions_.InvalidateStore(laggard.region->leader_store);
    regions_.Invalidate(laggard.region->id, laggard.region->epoch);
  }
  if (const auto worker = ExistingWorker(laggard.region->leader_store))
    worker->Restart(subscription, laggard.ref, laggard.region->id);
}

void RegionFeedImpl::ResolveLocks(const SubscriptionRef& subscription,
                                  const Subscription::Laggard& laggard, uint64_t now_ms) {
  const RegionId region = laggard.region->id;
  const StoreId store = laggard.region->leader_store;
  const Ts lock_start_max = Ts::FromUnixMs(now_ms - std::min(now_ms, kLockAgeMinMs));
  Retry retry = rpc_.StartRetry(kResolveTimeout);
  // Of the whole region: its resolved ts is one, and the lock may be in another piece of it.
  const KeyRange range{.start = laggard.region->start_key, .end = laggard.region->end_key};
  const auto locks = locks_.ScanLocks(range, lock_start_max, kLocksAtOnce, &retry);
  if (!locks) {
    LogWarn("cannot look for locks in region {}: {}", region, locks.error().ToString());
    subscription->SetReason(laggard.ref, std::string(locks.error().message()));
    return;
  }
  if (locks->empty()) {
    subscription->SetReason(laggard.ref,
                            "the store sends no newer resolved ts, though no old lock");
    return;
  }
  const auto oldest = std::ranges::min_element(*locks, {}, &kvrpcpb::LockInfo::lock_version);
  const uint64_t lock_ms = Ts(oldest->lock_version()).unix_ms();
  std::string reason = fmt::format(
      "waiting for the lock of txn {} on key {} (primary {}), {} ms old, one of {} locks",
      oldest->lock_version(), ToHex(oldest->key()), ToHex(oldest->primary_lock()),
      now_ms - std::min(now_ms, lock_ms), locks->size());
  LogInfo("region {} at store {} of table {} is resolved up to {}: {}", region, store,
          subscription->span().table, laggard.resolved, reason);
  subscription->SetReason(laggard.ref, std::move(reason));
  const auto outcome = locks_.Resolve(*locks, Ts(), &retry);
  if (!outcome) {
    LogWarn("cannot resolve the locks in region {}: {}", region, outcome.error().ToString());
  } else if (outcome->alive) {
    watch_.Explained(static_cast<uint64_t>(subscription->id()), region, clock_.Now());
    LogInfo("txn {} in region {} is alive", outcome->alive->lock_version(), region);
  }
}

}  // namespace cdc
