#include "dataflow/upstream/region_feed.h"

#include <random>

#include "dataflow/upstream/tests/feed_fixture.h"

namespace cdc {
namespace {

const Span kAll{};

TEST_F(FeedTest, DeliversWhatWasCommittedAfterTheCheckpoint) {
  tikv_.Put("a", "0");
  const Ts checkpoint = pd_.NextTs();
  tikv_.Put("a", "1");
  RecordingListener listener;
  listener.Follow(feed(), kAll, checkpoint);
  ExpectAllDelivered(listener, {}, checkpoint);
  tikv_.Put("b", "2");
  tikv_.Delete("a");
  tikv_.OnePc({{"c", "3"}, {"d", std::nullopt}});
  ExpectAllDelivered(listener, {}, checkpoint);
  EXPECT_EQ(tikv_.streams(), 1);
}

TEST_F(FeedTest, DeliversOnlyTheSpan) {
  tikv_.Put("a", "1");
  tikv_.Put("m", "1");
  RecordingListener listener;
  const Span span{.range = {.start = "b", .end = "n"}};
  listener.Follow(feed(), span, Ts(1));
  ExpectAllDelivered(listener, span.range, Ts(1));
  tikv_.Put("m", "2");
  tikv_.Put("n", "2");
  ExpectAllDelivered(listener, span.range, Ts(1));
}

TEST_F(FeedTest, SharesOneStreamPerStoreAmongSubscriptions) {
  tikv_.Split("m");
  tikv_.MoveLeader("m", 2);
  RecordingListener listeners[3];
  for (auto& listener : listeners) listener.Follow(feed(), kAll, Ts(1));
  tikv_.Put("a", "1");
  tikv_.Put("z", "1");
  for (auto& listener : listeners) ExpectAllDelivered(listener, {}, Ts(1));
  EXPECT_EQ(tikv_.streams(), 2);
  EXPECT_EQ(tikv_.subscriptions(), 6);
}

TEST_F(FeedTest, ClosesConnectionsThatNothingUsesAndKeepsTheOthers) {
  tikv_.Split("m");
  tikv_.MoveLeader("m", 2);
  const Span low{.range = {.start = "", .end = "m"}};
  RecordingListener all;
  RecordingListener stays;
  const SubscriptionId id = all.Follow(feed(), kAll, Ts(1));
  stays.Follow(feed(), low, Ts(1));
  tikv_.Put("a", "1");
  tikv_.Put("z", "1");
  ExpectAllDelivered(all, {}, Ts(1));
  client().RecycleConnections();
  client().Reconnect();
  EXPECT_EQ(tikv_.streams(), 2) << "both stores are followed";
  feed().Unsubscribe(id);
  ASSERT_TRUE(Eventually([&] {
    client().RecycleConnections();
    return tikv_.streams() == 1;
  }));
  tikv_.Put("b", "1");
  ExpectAllDelivered(stays, low.range, Ts(1));
  RecordingListener again;
  again.Follow(feed(), kAll, Ts(1));
  ExpectAllDelivered(again, {}, Ts(1));
}

TEST_F(FeedTest, KeepsCommitsThatComeBeforeTheEndOfTheScan) {
  const Ts start = tikv_.Prewrite({{"a", "1"}, {"b", "1"}});
  const Ts other = tikv_.Prewrite({{"c", "1"}});
  tikv_.HoldScans(true);
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  ASSERT_TRUE(Eventually([&] { return tikv_.subscriptions() == 1; }));
  tikv_.Commit(start, {"a", "b"});
  tikv_.Rollback(other, {"c"});
  tikv_.Put("d", "1");
  tikv_.HoldScans(false);
  ExpectAllDelivered(listener, {}, Ts(1));
}

TEST_F(FeedTest, NeverResolvesPastALock) {
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  const Ts start = tikv_.Prewrite({{"a", "1"}});
  tikv_.Heartbeat("a");
  tikv_.Put("b", "1");
  ASSERT_TRUE(Eventually([&] { return listener.resolved() == start; }));
  tikv_.Commit(start, {"a"});
  ExpectAllDelivered(listener, {}, Ts(1));
}

class RegionErrorTest : public FeedTest,
                        public testing::WithParamInterface<FakeTiKv::RegionError> {};

TEST_P(RegionErrorTest, GoesOnAfterTheError) {
  tikv_.Split("m");
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  tikv_.Put("a", "1");
  ExpectAllDelivered(listener, {}, Ts(1));
  for (int i = 0; i < 3; ++i) {
    tikv_.FailSubscriptions("a", GetParam());
    tikv_.Put("a", "2");
    tikv_.Put("z", "2");
    ExpectAllDelivered(listener, {}, Ts(1));
  }
}

INSTANTIATE_TEST_SUITE_P(
    EachError, RegionErrorTest,
    testing::Values(FakeTiKv::RegionError::kNotLeader, FakeTiKv::RegionError::kEpochNotMatch,
                    FakeTiKv::RegionError::kRegionNotFound, FakeTiKv::RegionError::kServerIsBusy,
                    FakeTiKv::RegionError::kDuplicateRequest, FakeTiKv::RegionError::kCongested,
                    FakeTiKv::RegionError::kUnknown));

TEST_F(FeedTest, FailsWhenTheStoreIsOfAnotherClusterOrVersion) {
  for (const auto& [error, code] :
       {std::pair(FakeTiKv::RegionError::kClusterIdMismatch, Code::kClusterIdMismatch),
        std::pair(FakeTiKv::RegionError::kCompatibility, Code::kVersionIncompatible)}) {
    RecordingListener listener;
    const auto id = listener.Follow(feed(), kAll, Ts(1));
    ASSERT_TRUE(Eventually([&] { return tikv_.subscriptions() == 1; }));
    tikv_.FailSubscriptions("a", error);
    ASSERT_TRUE(Eventually([&] { return listener.failure().code() == code; }));
    feed().Unsubscribe(id);
  }
}

TEST_F(FeedTest, FailsWhenTheStartIsCollected) {
  pd_.SetGcSafePoint(pd_.NextTs());
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  ASSERT_TRUE(Eventually([&] { return listener.failure().code() == Code::kSnapshotLost; }));
}

TEST_F(FeedTest, FollowsSplitsMergesAndMoves) {
  RecordingListener listener;
  const auto id = listener.Follow(feed(), kAll, Ts(1));
  int n = 0;
  const auto write = [&] {
    for (const char* key : {"a", "g", "m", "t"}) tikv_.Put(key, fmt::format("{}", n++));
    ExpectAllDelivered(listener, {}, Ts(1));
  };
  write();
  tikv_.Split("g");
  tikv_.Split("m", false);
  write();
  tikv_.MoveLeader("g", 2);
  tikv_.MoveLeader("m", 3, false);
  write();
  EXPECT_EQ(feed().Progress(id).regions, 3U);
  EXPECT_EQ(feed().Progress(id).regions_initialized, 3U);
  tikv_.Merge("a");
  tikv_.Merge("g", false);
  write();
  EXPECT_EQ(tikv_.regions().size(), 1U);
}

TEST_F(FeedTest, GoesOnAfterAStreamBreaks) {
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  tikv_.Put("a", "1");
  ExpectAllDelivered(listener, {}, Ts(1));
  tikv_.BreakStreams(1);
  tikv_.Put("a", "2");
  ExpectAllDelivered(listener, {}, Ts(1));
  tikv_.SendGarbage(1);
  tikv_.Put("a", "3");
  ExpectAllDelivered(listener, {}, Ts(1));
}

TEST_F(FeedTest, GoesToTheNewLeaderWhenAStoreDies) {
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  tikv_.Put("a", "1");
  ExpectAllDelivered(listener, {}, Ts(1));
  tikv_.StopStore(1);
  tikv_.MoveLeader("a", 2, false);
  tikv_.Put("a", "2");
  ExpectAllDelivered(listener, {}, Ts(1));
}

TEST_F(FeedTest, UsesAStreamPerSubscriptionWithoutMultiplexing) {
  tikv_.RefuseV2(true);
  RecordingListener listeners[2];
  SubscriptionId ids[2];
  for (int i = 0; i < 2; ++i) ids[i] = listeners[i].Follow(feed(), kAll, Ts(1));
  tikv_.Put("a", "1");
  for (auto& listener : listeners) ExpectAllDelivered(listener, {}, Ts(1));
  EXPECT_EQ(tikv_.streams(), 2);
  tikv_.Split("m");
  tikv_.Merge("a");
  tikv_.FailSubscriptions("a", FakeTiKv::RegionError::kDuplicateRequest);
  tikv_.Put("z", "1");
  for (auto& listener : listeners) ExpectAllDelivered(listener, {}, Ts(1));
  feed().Unsubscribe(ids[0]);
  EXPECT_TRUE(Eventually([&] { return tikv_.streams() == 1; }));
}

TEST_F(FeedTest, CallsNobodyAfterUnsubscribe) {
  auto listener = std::make_unique<RecordingListener>();
  const auto id = listener->Follow(feed(), kAll, Ts(1));
  tikv_.Put("a", "1");
  ExpectAllDelivered(*listener, {}, Ts(1));
  feed().Unsubscribe(id);
  listener.reset();
  tikv_.Put("a", "2");
  EXPECT_TRUE(Eventually([&] { return tikv_.subscriptions() == 0; }));
  feed().Unsubscribe(id);  // twice does no harm
}

TEST_F(FeedTest, WaitsForASlowListenerWithoutLosingAnything) {
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  ASSERT_TRUE(Eventually([&] { return listener.resolved() > Ts(1); }));
  listener.Block(true);
  for (int i = 0; i < 300; ++i) tikv_.Put(fmt::format("k{}", i), std::string(100'000, 'v'));
  listener.Block(false);
  ExpectAllDelivered(listener, {}, Ts(1));
}

TEST_F(FeedTest, RegistersOnlyAFewRegionsAtATime) {
  config_.scan_limit_per_store = 2;
  for (char c = 'b'; c <= 'i'; ++c) tikv_.Split(std::string(1, c));
  tikv_.HoldScans(true);
  RecordingListener listener;
  const auto id = listener.Follow(feed(), kAll, Ts(1));
  ASSERT_TRUE(Eventually([&] { return tikv_.subscriptions() == 2; }));
  EXPECT_EQ(feed().Progress(id).regions_initialized, 0U);
  tikv_.HoldScans(false);
  ExpectAllDelivered(listener, {}, Ts(1));
  EXPECT_EQ(feed().Progress(id).regions_initialized, 9U);
}

class WatchdogTest : public FeedTest {
 protected:
  WatchdogTest() {
    config_.resolve_lock_after = 50ms;
    config_.resolve_lock_interval = 20ms;
  }
};

TEST_F(WatchdogTest, ResolvesALockLeftBehind) {
  RecordingListener listener;
  listener.Follow(feed(), kAll, Ts(1));
  const Ts start = tikv_.Prewrite({{"p", "1"}, {"a", "1"}});
  const Ts commit = tikv_.Commit(start, {"p"});
  pd_.AdvanceTime(60'000);
  ExpectAllDelivered(listener, {}, Ts(1));
  EXPECT_FALSE(tikv_.locked("a"));
  EXPECT_EQ(tikv_.Read("a", commit), "1");
}

TEST_F(WatchdogTest, NamesTheLockOfATransactionThatIsAlive) {
  RecordingListener listener;
  const auto id = listener.Follow(feed(), kAll, Ts(1));
  const Ts start = tikv_.Prewrite({{"a", "1"}}, {.ttl_ms = 3'600'000});
  pd_.AdvanceTime(60'000);
  ASSERT_TRUE(Eventually([&] {
    return feed().Progress(id).reason.contains(fmt::format("lock of txn {} on key 61", start));
  })) << feed().Progress(id).reason;
  EXPECT_EQ(feed().Progress(id).slowest_region, RegionId(2));
  EXPECT_TRUE(tikv_.locked("a"));
  tikv_.Commit(start, {"a"});
  ExpectAllDelivered(listener, {}, Ts(1));
  EXPECT_EQ(feed().Progress(id).reason, "streaming");
}

// Random writes and faults of all kinds at once: all that was committed arrives.
TEST_F(FeedTest, LosesNothingWhateverHappens) {
  RecordingListener whole;
  RecordingListener part;
  const KeyRange range{.start = "k3", .end = "k7"};
  whole.Follow(feed(), kAll, Ts(1));
  part.Follow(feed(), {.range = range}, Ts(1));
  std::mt19937 random(7);
  const auto key = [&] { return fmt::format("k{:02}", random() % 100); };
  std::vector<std::pair<Ts, std::string>> open;
  for (int i = 0; i < 600; ++i) {
    const uint32_t action = random() % 100;
    if (action < 50) {
      const std::string k = key();
      if (tikv_.locked(k)) continue;
      open.emplace_back(tikv_.Prewrite({{k, fmt::format("{}", i)}}), k);
    } else if (action < 80 && !open.empty()) {
      const auto [start, k] = open.front();
      open.erase(open.begin());
      if (random() % 5 == 0) {
        tikv_.Rollback(start, {k});
      } else {
        tikv_.Commit(start, {k});
      }
    } else if (action < 85) {
      tikv_.Split(key(), random() % 2 == 0);
    } else if (action < 88) {
      tikv_.Merge(key(), random() % 2 == 0);
    } else if (action < 92) {
      tikv_.MoveLeader(key(), 1 + random() % 3, random() % 2 == 0);
    } else if (action < 97) {
      using enum FakeTiKv::RegionError;
      constexpr FakeTiKv::RegionError kErrors[] = {kNotLeader,    kEpochNotMatch, kRegionNotFound,
                                                   kServerIsBusy, kCongested,     kUnknown};
      tikv_.FailSubscriptions(key(), kErrors[random() % std::size(kErrors)]);
    } else {
      tikv_.BreakStreams(1 + random() % 3);
    }
    if (i % 20 == 0) std::this_thread::sleep_for(2ms);  // let some of it happen in between
  }
  for (const auto& [start, k] : open) tikv_.Commit(start, {k});
  tikv_.TellPd();
  ExpectAllDelivered(whole, {}, Ts(1));
  ExpectAllDelivered(part, range, Ts(1));
}

}  // namespace
}  // namespace cdc
