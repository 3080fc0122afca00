#include "dataflow/upstream/snapshot_reader.h"

#include "dataflow/upstream/tests/feed_fixture.h"

namespace cdc {
namespace {

class SnapshotReaderTest : public FeedTest {
 protected:
  std::string ReadAll(const KeyRange& range, Ts ts) {
    std::string text;
    const Status status =
        client().snapshot().Scan(range, ts, [&](std::string_view key, std::string_view value) {
          text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
          return Status::Ok();
        });
    return status.ok() ? text : status.ToString();
  }
};

TEST_F(SnapshotReaderTest, SeesWhatIsVisibleAtTheTs) {
  tikv_.Put("a", "1");
  const Ts before = tikv_.Put("b", "2");
  tikv_.Put("a", "3");
  tikv_.Delete("b");
  EXPECT_EQ(ReadAll({}, before), "a=1 b=2");
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=3");
  EXPECT_EQ(client().snapshot().Get("b", before).value(), "2");
  EXPECT_EQ(client().snapshot().Get("b", pd_.NextTs()).value(), std::nullopt);
  EXPECT_EQ(client().snapshot().Get("z", before).value(), std::nullopt);
}

TEST_F(SnapshotReaderTest, ReadsOverRegionsAndPages) {
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    tikv_.Put(fmt::format("k{:05}", i), "v");
    if (i >= 10 && i < 1990) expected += fmt::format("{}k{:05}=v", i == 10 ? "" : " ", i);
  }
  for (int i = 300; i < 2000; i += 700) tikv_.Split(fmt::format("k{:05}", i));
  tikv_.MoveLeader("k00300", 2);
  EXPECT_EQ(ReadAll({.start = "k00010", .end = "k01990"}, pd_.NextTs()), expected);
}

TEST_F(SnapshotReaderTest, FollowsSplitsAndLeadersThatPdDoesNotKnowYet) {
  tikv_.Put("a", "1");
  tikv_.Put("n", "2");
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1 n=2");
  tikv_.Split("m", false);
  tikv_.MoveLeader("n", 3, false);
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1 n=2");
}

TEST_F(SnapshotReaderTest, TriesAgainOnRegionErrors) {
  tikv_.Put("a", "1");
  using enum FakeTiKv::RegionError;
  for (const auto error : {kNotLeader, kEpochNotMatch, kRegionNotFound, kServerIsBusy, kUnknown}) {
    tikv_.FailNextKvRequests(2, error);
    EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1");
  }
}

TEST_F(SnapshotReaderTest, ReadsPastATransactionThatIsAlive) {
  tikv_.Put("a", "1");
  const Ts start = tikv_.Prewrite({{"a", "2"}});
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1");  // pushed to commit later
  EXPECT_TRUE(tikv_.locked("a"));
  tikv_.Commit(start, {"a"});
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=2");
}

TEST_F(SnapshotReaderTest, CommitsTheSecondariesOfACommittedPrimary) {
  const Ts start = tikv_.Prewrite({{"a", "1"}, {"b", "2"}});
  tikv_.Commit(start, {"a"});
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1 b=2");
  EXPECT_FALSE(tikv_.locked("b"));
}

TEST_F(SnapshotReaderTest, RollsBackWhatHasExpired) {
  tikv_.Put("a", "1");
  tikv_.Prewrite({{"a", "2"}, {"b", "2"}});
  tikv_.Prewrite({{"p", "2"}, {"c", "2"}}, {.without_primary = true});
  pd_.AdvanceTime(60'000);
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1");
  EXPECT_FALSE(tikv_.locked("a"));
  EXPECT_FALSE(tikv_.locked("b"));
  EXPECT_FALSE(tikv_.locked("c"));
}

TEST_F(SnapshotReaderTest, DecidesAnExpiredAsyncCommitByItsSecondaries) {
  tikv_.Split("m");
  tikv_.MoveLeader("m", 2);
  tikv_.Prewrite({{"a", "1"}, {"b", "2"}, {"n", "3"}}, {.async_commit = true});
  pd_.AdvanceTime(60'000);
  // All locks are there, so it is committed.
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "a=1 b=2 n=3");
  EXPECT_FALSE(tikv_.locked("n"));
}

TEST_F(SnapshotReaderTest, RollsBackAnAsyncCommitThatLacksALock) {
  const Ts start = tikv_.Prewrite({{"a", "1"}, {"b", "2"}}, {.async_commit = true});
  tikv_.Rollback(start, {"b"});
  pd_.AdvanceTime(60'000);
  EXPECT_EQ(ReadAll({}, pd_.NextTs()), "");
  EXPECT_FALSE(tikv_.locked("a"));
}

TEST_F(SnapshotReaderTest, RefusesToReadWhatIsCollected) {
  const Ts ts = tikv_.Put("a", "1");
  pd_.SetGcSafePoint(pd_.NextTs());
  const auto value = client().snapshot().Get("a", ts);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code(), Code::kSnapshotLost);
}

TEST_F(SnapshotReaderTest, ReturnsTheErrorOfTheVisitor) {
  tikv_.Put("a", "1");
  const Status status = client().snapshot().Scan(
      {}, pd_.NextTs(), [](auto, auto) { return Status(Code::kDecode, "enough"); });
  EXPECT_EQ(status.code(), Code::kDecode);
}

}  // namespace
}  // namespace cdc
