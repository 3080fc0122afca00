#include "sim_tikv.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "sabotage.h"

namespace cdc {
namespace {

constexpr SimTime kRequestTimeout = std::chrono::seconds(10);
constexpr SimTime kFeedIntervalMin = std::chrono::milliseconds(100);
constexpr SimTime kFeedIntervalMax = std::chrono::milliseconds(400);

class SimPd : public PdClient {
 public:
  SimPd(SimUpstream& upstream, const Links& links, Chance& chance)
      : upstream_(upstream), links_(links), chance_(chance) {}

  uint64_t cluster_id() const override { return 1; }
  Result<Ts> GetTs() override {
    return Call<Ts>([this] { return upstream_.NextTs(); });
  }
  Result<Ts> UpdateServiceGcSafePoint(std::string_view service_id, std::chrono::seconds ttl,
                                      Ts safe_point) override {
    return Call<Ts>([this, service = std::string(service_id), ttl, safe_point] {
      if (Without(Protection::kSafePoint)) return upstream_.gc_safe_point();
      return upstream_.UpdateServiceSafePoint(service, ttl, safe_point);
    });
  }
  Result<Ts> GetGcSafePoint() override {
    return Call<Ts>([this] { return upstream_.gc_safe_point(); });
  }
  Result<Region> GetRegion(std::string_view) override { return None(); }
  Result<Region> GetRegionById(RegionId) override { return None(); }
  Result<std::vector<Region>> ScanRegions(std::string_view, std::string_view, int) override {
    return None();
  }
  Result<Store> GetStore(StoreId) override { return None(); }
  Result<std::vector<Store>> GetAllStores() override { return std::vector<Store>(); }
  std::vector<std::string> endpoints() const override { return {}; }

 private:
  static Unexpected None() { return Error(Code::kPdRequest, "the simulation has no regions"); }
  template <typename T>
  Result<T> Call(std::function<T()> serve) {
    const auto answer =
        CallOver<T>(chance_, links_, links_.pd, kRequestTimeout,
                    [serve = std::move(serve)]() -> std::optional<T> { return serve(); });
    if (!answer) return Error(Code::kPdRequest, "PD does not answer");
    return *answer;
  }

  SimUpstream& upstream_;
  const Links& links_;
  Chance& chance_;
};

class SimReader : public SnapshotReader {
 public:
  SimReader(SimUpstream& upstream, const Links& links, Chance& chance)
      : upstream_(upstream), links_(links), chance_(chance) {}

  Result<std::optional<std::string>> Get(std::string_view key, Ts ts) override {
    RETURN_UNEXPECTED_IF_ERROR(Reach(ts));
    return upstream_.Get(key, ts);
  }
  Status Scan(const KeyRange& range, Ts ts,
              const std::function<Status(std::string_view, std::string_view)>& visit) override {
    RETURN_IF_ERROR(Reach(ts));
    return upstream_.Scan(range, ts, visit);
  }

 private:
  Status Reach(Ts ts) {
    const auto reached = CallOver<bool>(chance_, links_, links_.tikv, kRequestTimeout,
                                        []() -> std::optional<bool> { return true; });
    if (!reached) return Status(Code::kPdRequest, "TiKV does not answer");
    if (ts < upstream_.gc_safe_point())
      return Status(Code::kSnapshotLost, "read at {}, but GC is at {}", ts,
                    upstream_.gc_safe_point());
    return Status::Ok();
  }

  SimUpstream& upstream_;
  const Links& links_;
  Chance& chance_;
};

// One thread serves all subscriptions of the process, as the stream of one store would.
class SimFeed : public RegionFeed {
 public:
  SimFeed(SimUpstream& upstream, const Links& links, Chance& chance)
      : upstream_(upstream),
        links_(links),
        chance_(chance),
        thread_([this](std::stop_token stop) { Run(stop); }) {}

  SubscriptionId Subscribe(const Span& span, Ts checkpoint, FeedListener* listener, bool) override {
    std::lock_guard lock(mutex_);
    const SubscriptionId id{next_id_++};
    subscriptions_.emplace(id, Subscription{span, checkpoint, listener});
    return id;
  }

  void Unsubscribe(SubscriptionId id) override {
    std::unique_lock lock(mutex_);
    subscriptions_.erase(id);
    idle_.wait(lock, [&] { return serving_ != id; });
  }

  SpanProgress Progress(SubscriptionId id) const override {
    std::lock_guard lock(mutex_);
    const auto found = subscriptions_.find(id);
    SpanProgress progress;
    if (found != subscriptions_.end()) progress.resolved = found->second.resolved;
    return progress;
  }

 private:
  struct Subscription {
    Span span;
    Ts resolved;
    FeedListener* listener;
    bool started = false;
    bool failed = false;
  };

  void Run(std::stop_token stop) {
    std::mutex pause_mutex;
    std::unique_lock pause(pause_mutex);
    std::condition_variable_any never;
    while (!stop.stop_requested()) {
      never.wait_for(pause, stop, chance_.Between(kFeedIntervalMin, kFeedIntervalMax),
                     [] { return false; });
      if (links_.dead || links_.tikv.cut) continue;
      for (const SubscriptionId id : Ids()) {
        if (stop.stop_requested()) return;
        Serve(id);
      }
    }
  }

  std::vector<SubscriptionId> Ids() const {
    std::lock_guard lock(mutex_);
    std::vector<SubscriptionId> ids;
    for (const auto& [id, subscription] : subscriptions_) ids.push_back(id);
    return ids;
  }

  void Serve(SubscriptionId id) {
    Subscription now;
    {
      std::lock_guard lock(mutex_);
      const auto found = subscriptions_.find(id);
      if (found == subscriptions_.end() || found->second.failed) return;
      now = found->second;
      serving_ = id;
    }
    const bool lost = !now.started && now.resolved < upstream_.gc_safe_point();
    if (lost)
      now.listener->OnFailure(Status(Code::kSnapshotLost, "the feed starts at {}, but GC is at {}",
                                     now.resolved, upstream_.gc_safe_point()));
    else
      Deliver(&now);
    {
      std::lock_guard lock(mutex_);
      if (const auto found = subscriptions_.find(id); found != subscriptions_.end()) {
        found->second.resolved = now.resolved;
        found->second.started = true;
        found->second.failed = lost;
      }
      serving_ = SubscriptionId{};
    }
    idle_.notify_all();
  }

  // Events in any order, some of them twice, before the resolved ts that covers them.
  void Deliver(Subscription* subscription) {
    const Ts upto = upstream_.NextTs();
    std::vector<KvEvent> events =
        upstream_.Changes(subscription->span.range, subscription->resolved, upto);
    for (size_t i = 0; i + 1 < events.size(); ++i)
      if (chance_.OneIn(3)) std::swap(events[i], events[i + 1]);
    if (!events.empty() && chance_.OneIn(8)) subscription->listener->OnEvents(events);
    if (!events.empty()) subscription->listener->OnEvents(std::move(events));
    if (chance_.OneIn(10)) return;  // the stream broke: the same comes again
    subscription->listener->OnResolved(upto);
    subscription->resolved = upto;
  }

  SimUpstream& upstream_;
  const Links& links_;
  Chance& chance_;
  mutable std::mutex mutex_;  // guards the three below; not held while a listener is called
  std::map<SubscriptionId, Subscription> subscriptions_;
  uint64_t next_id_ = 1;
  SubscriptionId serving_{};
  std::condition_variable idle_;
  std::jthread thread_;
};

class SimTiKvClient : public TiKvClient {
 public:
  SimTiKvClient(SimUpstream& upstream, const Links& links, Chance& chance)
      : pd_(upstream, links, chance),
        reader_(upstream, links, chance),
        feed_(upstream, links, chance) {}
  PdClient& pd() override { return pd_; }
  SnapshotReader& snapshot() override { return reader_; }
  RegionFeed& feed() override { return feed_; }
  void Reconnect() override {}
  void RecycleConnections() override {}

 private:
  SimPd pd_;
  SimReader reader_;
  SimFeed feed_;
};

}  // namespace

std::unique_ptr<TiKvClient> MakeSimTiKvClient(SimUpstream& upstream, const Links& links,
                                              Chance& chance) {
  return std::make_unique<SimTiKvClient>(upstream, links, chance);
}

}  // namespace cdc
