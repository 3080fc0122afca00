// Transactions whose prewrites do not fit into memory, and regions that stand still: the feed as a
// whole.
#include "base/metrics.h"
#include "dataflow/upstream/tests/feed_fixture.h"
#include "testing/fake_spill_store.h"

namespace cdc {
namespace {

const Span kEverything{};

class PrewriteSpillTest : public FeedTest {
 protected:
  PrewriteSpillTest() {
    config_.prewrite_quota = std::make_shared<MemoryQuota>(256 << 10);
    config_.spill = &store_;
  }
  ~PrewriteSpillTest() override { client_.reset(); }  // before the store

  // About 4 MiB of changes of one transaction.
  Ts PrewriteMuch() {
    std::vector<FakeMutation> changes;
    for (int i = 0; i < 64; ++i) {
      keys_.push_back(fmt::format("k{:02}", i));
      changes.push_back({keys_.back(), std::string(64 << 10, static_cast<char>('a' + i % 26))});
    }
    return tikv_.Prewrite(changes);
  }

  FakeSpillStore store_;
  std::vector<std::string> keys_;
};

TEST_F(PrewriteSpillTest, ATransactionLargerThanMemoryArrivesWhole) {
  RecordingListener listener;
  listener.Follow(feed(), kEverything, Ts(1));
  const Ts start = PrewriteMuch();
  ASSERT_TRUE(Eventually([&] { return store_.written() >= 32; }));
  EXPECT_LT(config_.prewrite_quota->used(), 2u << 20);
  tikv_.Commit(start, keys_);
  ExpectAllDelivered(listener, {}, Ts(1));
  EXPECT_TRUE(Eventually([&] { return store_.spaces() == 0; }));
  EXPECT_EQ(store_.broken_promises(), 0u);
  EXPECT_EQ(config_.prewrite_quota->used(), 0u);
}

TEST_F(PrewriteSpillTest, LeavesNothingOnDiskWhenTheTableLeaves) {
  {
    RecordingListener listener;
    listener.Follow(feed(), kEverything, Ts(1));
    (void)PrewriteMuch();
    ASSERT_TRUE(Eventually([&] { return store_.spaces() > 0; }));
  }
  EXPECT_TRUE(Eventually([&] { return store_.spaces() == 0; }));
  EXPECT_TRUE(Eventually([&] { return config_.prewrite_quota->used() == 0; }));
}

TEST_F(PrewriteSpillTest, AFullDiskFailsTheSubscriptionAndNoOther) {
  RecordingListener large;
  RecordingListener small;
  large.Follow(feed(), {.range = {.start = "k", .end = "l"}}, Ts(1));
  small.Follow(feed(), {.range = {.start = "x", .end = "y"}}, Ts(1));
  store_.FailWith(Status(Code::kDiskFull, "no space left"));
  (void)PrewriteMuch();
  ASSERT_TRUE(Eventually([&] { return !large.failure().ok(); }));
  EXPECT_EQ(large.failure().code(), Code::kDiskFull);
  tikv_.Put("x1", "1");
  ExpectAllDelivered(small, {.start = "x", .end = "y"}, Ts(1));
  EXPECT_TRUE(small.failure().ok());
}

// A store that says nothing more: after the locks, the registration and the route are tried.
TEST_F(FeedTest, RegistersARegionAnewThatStandsStill) {
  config_.resolve_lock_after = 50ms;
  config_.resolve_lock_interval = 20ms;
  config_.register_anew_after = 100ms;
  config_.reload_route_after = 300ms;
  RecordingListener listener;
  const auto id = listener.Follow(feed(), kEverything, Ts(1));
  ASSERT_TRUE(Eventually([&] { return listener.resolved() > Ts(1); }));
  const auto cures = [](const char* cure) {
    return Metrics()
        .Counter("ticdc_kvclient_region_cures_total",
                 "What was tried with regions that make no progress.", {{"cure", cure}})
        .Value();
  };
  const double before = cures("reload-route");
  tikv_.HoldResolved(true);
  pd_.AdvanceTime(60'000);
  EXPECT_TRUE(Eventually([&] { return cures("reload-route") > before; }));
  EXPECT_GT(cures("register-anew"), 0);
  EXPECT_GT(cures("resolve-locks"), 0);
  EXPECT_FALSE(feed().Progress(id).reason.empty());
  tikv_.HoldResolved(false);
  tikv_.Put("a", "1");
  ExpectAllDelivered(listener, {}, Ts(1));
}

TEST_F(FeedTest, TellsTheSlowestTablesWithTheReason) {
  RecordingListener quick;
  RecordingListener slow;
  quick.Follow(feed(), {.table = TableId(1), .range = {.start = "a", .end = "b"}}, Ts(1));
  slow.Follow(feed(), {.table = TableId(2), .range = {.start = "c", .end = "d"}}, Ts(1));
  const Ts start = tikv_.Prewrite({{"c1", "1"}});
  const Ts now = pd_.NextTs();
  ASSERT_TRUE(
      Eventually([&] { return quick.resolved() >= now && slow.resolved() >= start.Prev(); }));
  const auto slowest = feed().Slowest(1);
  ASSERT_EQ(slowest.size(), 1u);
  EXPECT_EQ(slowest[0].table, TableId(2));
  EXPECT_LE(slowest[0].progress.resolved, start);
  EXPECT_FALSE(slowest[0].progress.reason.empty());
  EXPECT_EQ(feed().Slowest(10).size(), 2u);
  tikv_.Commit(start, {"c1"});
}

}  // namespace
}  // namespace cdc
