#include "control/processor/schema_feed.h"

#include <algorithm>
#include <list>
#include <shared_mutex>
#include <vector>

#include "base/failpoint.h"

namespace cdc {

// One store with the subscriptions that feed it, and those who use it.
class SchemaFeeds::Shared {
 public:
  struct User {
    SchemaFeed::Callbacks callbacks;
    Ts needs;  // and what is later
  };

  Shared(TiKvClient& tikv, std::unique_ptr<Filter> filter, std::unique_ptr<SchemaStore> store,
         Ts start)
      : feed_(tikv.feed()),
        filter_(std::move(filter)),
        store_(std::move(store)),
        resolved_(start),
        collected_(start) {}

  ~Shared() {
    (void)FailPoint("ProcessorDDLPullerExitDelaying");
    for (const auto& span : spans_) feed_.Unsubscribe(span->subscription);
  }

  void Subscribe(Ts start) {
    const std::vector<Span> spans = store_->DdlSpans();
    // All listeners first: the frontier is the minimum over all of them from the first event on.
    for (size_t i = 0; i < spans.size(); ++i)
      spans_.push_back(std::make_unique<SpanListener>(*this, start));
    for (size_t i = 0; i < spans.size(); ++i)
      spans_[i]->subscription = feed_.Subscribe(spans[i], start, spans_[i].get());
  }

  // nullptr: what is known here does not begin, or end, where it would have to.
  User* Join(Ts start, SchemaFeed::Callbacks* callbacks) {
    std::unique_lock lock(users_mutex_);
    if (failed_ || start < collected_ || start > store_->resolved()) return nullptr;
    return &users_.emplace_back(std::move(*callbacks), start);
  }
  // Waits for a callback that is under way.
  void Leave(const User* user) {
    std::unique_lock lock(users_mutex_);
    users_.remove_if([&](const User& other) { return &other == user; });
  }
  void CollectGarbage(User* user, Ts ts) {
    std::unique_lock lock(users_mutex_);
    user->needs = std::max(user->needs, ts);
    const Ts needed = std::ranges::min_element(users_, {}, &User::needs)->needs;
    if (needed <= collected_) return;
    collected_ = needed;
    store_->CollectGarbage(needed);
  }

  SchemaStore& store() { return *store_; }

 private:
  // One of the spans that together hold the schema changes.
  struct SpanListener : FeedListener {
    SpanListener(Shared& owner, Ts start) : owner(owner), resolved(start) {}
    void OnEvents(std::vector<KvEvent> events) override { owner.store_->Append(std::move(events)); }
    void OnResolved(Ts ts) override { owner.Advance(*this, ts); }
    void OnFailure(Status status) override { owner.Fail(status); }

    Shared& owner;
    SubscriptionId subscription{};
    Ts resolved;  // guarded by the owner's mutex
  };

  void Advance(SpanListener& span, Ts ts) {
    if (FailPoint("processorDDLResolved")) return;
    Status status;
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      span.resolved = ts;
      const Ts resolved = (*std::ranges::min_element(spans_, {}, [](const auto& s) {
                            return s->resolved;
                          }))->resolved;
      if (resolved <= resolved_) return;
      resolved_ = resolved;
      // Under the lock: the store takes resolved timestamps in order.
      status = store_->Advance(resolved);
    }
    if (!status.ok()) return Fail(status);
    std::shared_lock lock(users_mutex_);
    for (const User& user : users_) user.callbacks.on_advance();
  }

  void Fail(const Status& status) {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    std::unique_lock lock(users_mutex_);
    failed_ = true;
    for (const User& user : users_) user.callbacks.on_error(status);
  }

  RegionFeed& feed_;
  const std::unique_ptr<Filter> filter_;  // the store's
  const std::unique_ptr<SchemaStore> store_;
  std::vector<std::unique_ptr<SpanListener>> spans_;  // constant after Subscribe

  std::mutex mutex_;  // guards the two below and each span's resolved; not held during callbacks
  Ts resolved_;
  bool stopped_ = false;

  std::shared_mutex users_mutex_;  // guards all below; held, shared, during callbacks
  std::list<User> users_;
  Ts collected_;  // what was before is forgotten
  bool failed_ = false;
};

class SchemaFeeds::Handle : public SchemaFeed {
 public:
  Handle(std::shared_ptr<Shared> shared, Shared::User* user)
      : shared_(std::move(shared)), user_(user) {}
  ~Handle() override { shared_->Leave(user_); }

  SchemaStore& store() override { return shared_->store(); }
  void CollectGarbage(Ts ts) override { shared_->CollectGarbage(user_, ts); }

 private:
  const std::shared_ptr<Shared> shared_;
  Shared::User* const user_;
};

Result<std::unique_ptr<SchemaFeed>> SchemaFeeds::Open(const ChangefeedId& changefeed,
                                                      const ReplicaConfig& config, Ts start,
                                                      SchemaFeed::Callbacks callbacks) {
  const std::pair key(changefeed, config.ToJson());
  std::shared_ptr<Shared> open;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(feeds_, [](const auto& entry) { return entry.second.expired(); });
    if (const auto found = feeds_.find(key); found != feeds_.end()) open = found->second.lock();
  }
  if (open)
    if (Shared::User* user = open->Join(start, &callbacks))
      return std::make_unique<Handle>(std::move(open), user);

  ASSIGN_OR_RETURN(auto filter, Filter::Create(config));
  ASSIGN_OR_RETURN(auto store, SchemaStore::Open(tikv_.snapshot(), start, *filter));
  auto fresh = std::make_shared<Shared>(tikv_, std::move(filter), std::move(store), start);
  auto handle = std::make_unique<Handle>(fresh, fresh->Join(start, &callbacks));
  fresh->Subscribe(start);
  std::lock_guard lock(mutex_);
  feeds_[key] = std::move(fresh);
  return handle;
}

}  // namespace cdc
