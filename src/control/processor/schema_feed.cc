#include "control/processor/schema_feed.h"

#include <algorithm>
#include <mutex>
#include <vector>

namespace cdc {
namespace {

class SchemaFeedImpl : public SchemaFeed {
 public:
  SchemaFeedImpl(RegionFeed& feed, std::unique_ptr<SchemaStore> store, Ts start,
                 Callbacks callbacks)
      : feed_(feed), store_(std::move(store)), callbacks_(std::move(callbacks)), resolved_(start) {}

  ~SchemaFeedImpl() override {
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

  SchemaStore& store() override { return *store_; }

 private:
  // One of the spans that together hold the schema changes.
  struct SpanListener : FeedListener {
    SpanListener(SchemaFeedImpl& owner, Ts start) : owner(owner), resolved(start) {}
    void OnEvents(std::vector<KvEvent> events) override { owner.store_->Append(std::move(events)); }
    void OnResolved(Ts ts) override { owner.Advance(*this, ts); }
    void OnFailure(Status status) override { owner.Fail(std::move(status)); }

    SchemaFeedImpl& owner;
    SubscriptionId subscription{};
    Ts resolved;  // guarded by the owner's mutex
  };

  void Advance(SpanListener& span, Ts ts) {
    Status status;
    {
      std::lock_guard lock(mutex_);
      if (failed_) return;
      span.resolved = ts;
      const Ts resolved = (*std::ranges::min_element(spans_, {}, [](const auto& s) {
                            return s->resolved;
                          }))->resolved;
      if (resolved <= resolved_) return;
      resolved_ = resolved;
      // Under the lock: the store takes resolved timestamps in order.
      status = store_->Advance(resolved);
    }
    if (!status.ok()) return Fail(std::move(status));
    callbacks_.on_advance();
  }

  void Fail(Status status) {
    {
      std::lock_guard lock(mutex_);
      if (failed_) return;
      failed_ = true;
    }
    callbacks_.on_error(std::move(status));
  }

  RegionFeed& feed_;
  const std::unique_ptr<SchemaStore> store_;
  const Callbacks callbacks_;
  std::vector<std::unique_ptr<SpanListener>> spans_;  // constant after Subscribe

  std::mutex mutex_;  // guards the below and each span's resolved
  Ts resolved_;
  bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<SchemaFeed>> SchemaFeed::Open(TiKvClient& tikv, const Filter& filter,
                                                     Ts start, Callbacks callbacks) {
  ASSIGN_OR_RETURN(auto store, SchemaStore::Open(tikv.snapshot(), start, filter));
  auto feed =
      std::make_unique<SchemaFeedImpl>(tikv.feed(), std::move(store), start, std::move(callbacks));
  feed->Subscribe(start);
  return feed;
}

}  // namespace cdc
