// A fake cluster with a client connected to it, and a listener that checks the feed's promises.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataflow/upstream/region_feed.h"
#include "testing/fake_pd.h"
#include "testing/fake_tikv.h"

namespace cdc {

inline constexpr Duration kPatience = 20s;  // for outcomes that must come

// Polls until `done`, for at most kPatience.
inline bool Eventually(const std::function<bool()>& done) {
  const SteadyTime give_up = SystemClock().Now() + kPatience;
  while (SystemClock().Now() < give_up) {
    if (done()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return done();
}

inline std::string Text(const KvEvent& e) {
  return fmt::format("{}@{}-{}={}<{}", e.key, e.start_ts, e.commit_ts,
                     e.op == KvOp::kDelete ? "x" : e.value, e.old_value);
}

// Unsubscribes when it goes.
class RecordingListener final : public FeedListener {
 public:
  ~RecordingListener() override {
    Block(false);
    if (feed_) feed_->Unsubscribe(id_);
  }
  SubscriptionId Follow(RegionFeed& feed, const Span& span, Ts checkpoint) {
    feed_ = &feed;
    id_ = feed.Subscribe(span, checkpoint, this);
    return id_;
  }
  void OnEvents(std::vector<KvEvent> events) override {
    const Entered entered(this);
    std::unique_lock lock(mutex_);
    for (const KvEvent& e : events) {
      EXPECT_GT(e.commit_ts, resolved_) << Text(e);
      seen_.insert({e.commit_ts, Text(e)});
    }
    unblocked_.wait(lock, [this] { return !blocked_; });
  }
  void OnResolved(Ts resolved) override {
    const Entered entered(this);
    std::lock_guard lock(mutex_);
    EXPECT_GT(resolved, resolved_);
    resolved_ = resolved;
  }
  void OnFailure(Status status) override {
    std::lock_guard lock(mutex_);
    failure_ = std::move(status);
  }

  // What has committed up to the resolved ts, in order, each change once.
  std::vector<std::string> Seen(Ts upto) const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    for (const auto& [ts, text] : seen_) {
      if (ts <= upto) texts.push_back(text);
    }
    return texts;
  }
  Ts resolved() const {
    std::lock_guard lock(mutex_);
    return resolved_;
  }
  Status failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
  }
  void Block(bool on) {
    std::lock_guard lock(mutex_);
    blocked_ = on;
    unblocked_.notify_all();
  }

 private:
  // Fails the test if two calls overlap.
  struct Entered {
    explicit Entered(RecordingListener* l) : listener(l) {
      EXPECT_FALSE(listener->inside_.exchange(true));
    }
    ~Entered() { listener->inside_ = false; }
    RecordingListener* listener;
  };

  RegionFeed* feed_ = nullptr;
  SubscriptionId id_{};
  std::atomic<bool> inside_ = false;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable unblocked_;
  bool blocked_ = false;
  std::set<std::pair<Ts, std::string>> seen_;
  Ts resolved_;
  Status failure_;
};

class FeedTest : public testing::Test {
 protected:
  explicit FeedTest(int stores = 3) : tikv_(pd_, stores) {}

  TiKvClient& client() {
    if (!client_) {
      auto opened = TiKvClient::Open(pd_.endpoints(), {}, config_, SystemClock());
      EXPECT_TRUE(opened) << opened.error().ToString();
      client_ = std::move(*opened);
    }
    return *client_;
  }
  RegionFeed& feed() { return client().feed(); }

  // All that the cluster has committed until now is delivered and resolved.
  void ExpectAllDelivered(const RecordingListener& listener, const KeyRange& range, Ts after) {
    const Ts now = pd_.NextTs();
    ASSERT_TRUE(Eventually([&] { return listener.resolved() >= now; }))
        << "resolved " << listener.resolved().raw() << " of " << now.raw();
    std::vector<std::string> expected;
    for (const KvEvent& e : tikv_.Committed(range, after, now)) expected.push_back(Text(e));
    auto seen = listener.Seen(now);
    std::ranges::sort(expected);
    std::ranges::sort(seen);
    EXPECT_EQ(seen, expected);
  }

  FakePd pd_;
  FakeTiKv tikv_;
  RegionFeedConfig config_;
  std::unique_ptr<TiKvClient> client_;
};

}  // namespace cdc
