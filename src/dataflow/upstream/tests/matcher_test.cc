#include "dataflow/upstream/matcher.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "testing/fake_spill_store.h"

namespace cdc {
namespace {

// "P k@5=v" prewrite, "C k@5-9" commit, "R k@5" rollback, "1 k@5-9=v" committed, "I" initialized,
// "P k@5-" (no value) a delete's prewrite; "/g2" a generation.
class MatcherTest : public testing::Test {
 protected:
  static CdcRow Row(CdcRowType type, std::string_view key, uint64_t start, uint64_t commit = 0,
                    std::string_view value = "", KvOp op = KvOp::kPut) {
    return {.type = type,
            .op = op,
            .start_ts = Ts(start),
            .commit_ts = Ts(commit),
            .key = key,
            .value = value};
  }
  static CdcRow Prewrite(std::string_view key, uint64_t start, std::string_view value) {
    return Row(CdcRowType::kPrewrite, key, start, 0, value);
  }
  static CdcRow Commit(std::string_view key, uint64_t start, uint64_t commit) {
    return Row(CdcRowType::kCommit, key, start, commit);
  }
  static CdcRow Rollback(std::string_view key, uint64_t start) {
    return Row(CdcRowType::kRollback, key, start);
  }
  static CdcRow Committed(std::string_view key, uint64_t start, uint64_t commit,
                          std::string_view value) {
    return Row(CdcRowType::kCommitted, key, start, commit, value);
  }
  static CdcRow Initialized() { return Row(CdcRowType::kInitialized, "", 0); }

  Status Feed(const CdcRow& row) { return matcher_.Add(row, nullptr, &out_); }
  std::string Out() {
    std::string text;
    for (const KvEvent& e : out_) {
      text += fmt::format("{}{}@{}-{}={}", text.empty() ? "" : " ", e.key, e.start_ts, e.commit_ts,
                          e.op == KvOp::kDelete ? "x" : e.value);
    }
    out_.clear();
    return text;
  }

  Matcher matcher_{Ts(3)};
  std::vector<KvEvent> out_;
};

TEST_F(MatcherTest, CompletesAPrewriteByItsCommit) {
  ASSERT_TRUE(Feed(Initialized()).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 5, "v")).ok());
  EXPECT_EQ(Out(), "");
  EXPECT_GT(matcher_.bytes(), 2U);
  ASSERT_TRUE(Feed(Commit("a", 5, 9)).ok());
  EXPECT_EQ(Out(), "a@5-9=v");
  EXPECT_EQ(matcher_.prewrites(), 0U);
  EXPECT_EQ(matcher_.bytes(), 0U);
}

TEST_F(MatcherTest, KeepsTransactionsOnOneKeyApart) {
  ASSERT_TRUE(Feed(Initialized()).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 5, "v5")).ok());
  ASSERT_TRUE(Feed(Rollback("a", 5)).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 6, "v6")).ok());
  ASSERT_TRUE(Feed(Commit("a", 6, 9)).ok());
  EXPECT_EQ(Out(), "a@6-9=v6");
  EXPECT_EQ(matcher_.prewrites(), 0U);
}

TEST_F(MatcherTest, PassesWhatTheScanFoundCommitted) {
  ASSERT_TRUE(Feed(Committed("a", 4, 5, "v")).ok());
  ASSERT_TRUE(Feed(Committed("b", 1, 3, "old")).ok());  // at the checkpoint
  EXPECT_EQ(Out(), "a@4-5=v");
}

TEST_F(MatcherTest, KeepsEarlyCommitsUntilInitialized) {
  ASSERT_TRUE(Feed(Commit("a", 5, 9)).ok());  // its prewrite comes with the scan
  ASSERT_TRUE(Feed(Commit("b", 5, 9)).ok());  // the scan has it as committed
  ASSERT_TRUE(Feed(Committed("b", 5, 9, "b")).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 5, "a")).ok());
  EXPECT_EQ(Out(), "b@5-9=b");
  ASSERT_TRUE(Feed(Initialized()).ok());
  EXPECT_EQ(Out(), "a@5-9=a");
}

TEST_F(MatcherTest, UndoesAPrewriteOfTheScanThatWasRolledBackBefore) {
  ASSERT_TRUE(Feed(Rollback("a", 5)).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 5, "a")).ok());
  ASSERT_TRUE(Feed(Initialized()).ok());
  EXPECT_EQ(matcher_.prewrites(), 0U);
}

TEST_F(MatcherTest, IgnoresLocksSentAgainWithoutTheirValue) {
  ASSERT_TRUE(Feed(Initialized()).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 5, "v")).ok());
  ASSERT_TRUE(Feed(Prewrite("a", 5, "")).ok());
  ASSERT_TRUE(Feed(Commit("a", 5, 9)).ok());
  EXPECT_EQ(Out(), "a@5-9=v");
}

TEST_F(MatcherTest, WaitsForTheValueWhileScanning) {
  ASSERT_TRUE(Feed(Prewrite("a", 5, "")).ok());  // a heartbeat, before the scan gets to the lock
  ASSERT_TRUE(Feed(Commit("a", 5, 9)).ok());
  EXPECT_EQ(Out(), "");
  ASSERT_TRUE(Feed(Prewrite("a", 5, "v")).ok());
  ASSERT_TRUE(Feed(Initialized()).ok());
  EXPECT_EQ(Out(), "a@5-9=v");
}

TEST_F(MatcherTest, DeletesHaveNoValue) {
  ASSERT_TRUE(Feed(Initialized()).ok());
  ASSERT_TRUE(Feed(Row(CdcRowType::kPrewrite, "a", 5, 0, "", KvOp::kDelete)).ok());
  ASSERT_TRUE(Feed(Row(CdcRowType::kCommit, "a", 5, 9, "", KvOp::kDelete)).ok());
  EXPECT_EQ(Out(), "a@5-9=x");
}

TEST_F(MatcherTest, TakesTheLatestGeneration) {
  ASSERT_TRUE(Feed(Initialized()).ok());
  CdcRow first = Prewrite("a", 5, "one");
  first.generation = 1;
  CdcRow third = Prewrite("a", 5, "three");
  third.generation = 3;
  CdcRow second = Prewrite("a", 5, "two");
  second.generation = 2;
  for (const CdcRow& row : {first, third, second}) ASSERT_TRUE(Feed(row).ok());
  ASSERT_TRUE(Feed(Commit("a", 5, 9)).ok());
  EXPECT_EQ(Out(), "a@5-9=three");
}

TEST_F(MatcherTest, DropsWhatCommittedAtOrBeforeTheCheckpoint) {
  ASSERT_TRUE(Feed(Prewrite("a", 2, "v")).ok());
  ASSERT_TRUE(Feed(Initialized()).ok());
  ASSERT_TRUE(Feed(Commit("a", 2, 3)).ok());
  EXPECT_EQ(Out(), "");
  EXPECT_EQ(matcher_.prewrites(), 0U);
}

TEST_F(MatcherTest, RefusesACommitOutOfNowhere) {
  ASSERT_TRUE(Feed(Initialized()).ok());
  EXPECT_EQ(Feed(Commit("a", 5, 9)).code(), Code::kPrewriteNotMatch);
}

// A key's history in a store: transactions one after the other, each prewritten (with heartbeats)
// and then committed or rolled back. The store begins to scan at some point of it; rows of the scan
// are mixed at random with the live ones, each in order.
struct KeyHistory {
  std::string key;
  std::vector<std::string> values;  // kept alive here
  std::vector<CdcRow> live;
  std::vector<CdcRow> scan;
  std::set<std::string> expected;
};

// As a store worker does it.
Status Spill(Matcher& matcher, SpillStore& store) {
  std::vector<Matcher::SpillItem> items;
  matcher.CollectSpill(&items);
  std::ranges::sort(items, {}, [](const auto& item) { return std::pair(item.space, item.key); });
  auto run = store.NewRun();
  Status status = run ? Status::Ok() : run.error();
  std::string value;
  for (const Matcher::SpillItem& item : items) {
    SpilledPrewrites::Encode(*item.prewrite, &value);
    if (status.ok()) status = (*run)->Add(item.space, item.key, value);
  }
  if (status.ok()) status = (*run)->Finish();
  matcher.EndSpill(status.ok());
  return status;
}

class SpillingMatcherTest : public MatcherTest {
 protected:
  SpillingMatcherTest() { EXPECT_TRUE(Feed2(Initialized()).ok()); }
  Status Feed2(const CdcRow& row) { return spilling_.Add(row, nullptr, &out_); }

  FakeSpillStore store_;
  Matcher spilling_{Ts(3), &store_};
};

TEST_F(SpillingMatcherTest, BringsPrewritesBackFromDiskAsTheyAreCommitted) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(Feed2(Prewrite(key, 5, "v")).ok());
  ASSERT_TRUE(Feed2(Prewrite("a", 6, "w")).ok());
  ASSERT_TRUE(Spill(spilling_, store_).ok());
  EXPECT_EQ(spilling_.bytes(), 0u);
  EXPECT_EQ(spilling_.prewrites(), 0u);
  EXPECT_EQ(store_.spaces(), 2u);
  EXPECT_TRUE(spilling_.has_spilled());
  ASSERT_TRUE(Feed2(Prewrite("d", 5, "v")).ok());
  for (const char* key : {"b", "d", "a"}) ASSERT_TRUE(Feed2(Commit(key, 5, 9)).ok());
  EXPECT_EQ(Out(), "b@5-9=v d@5-9=v a@5-9=v");
  EXPECT_EQ(store_.spaces(), 2u);
  ASSERT_TRUE(Feed2(Commit("c", 5, 9)).ok());
  EXPECT_EQ(store_.spaces(), 1u) << "the transaction is complete, its disk is given back";
  ASSERT_TRUE(Feed2(Rollback("a", 6)).ok());
  EXPECT_EQ(store_.spaces(), 0u);
  EXPECT_FALSE(spilling_.has_spilled());
  EXPECT_FALSE(Feed2(Commit("c", 5, 9)).ok());
}

// A heartbeat comes without the value, which is on disk by then.
TEST_F(SpillingMatcherTest, AHeartbeatDoesNotHideTheValueOnDisk) {
  ASSERT_TRUE(Feed2(Prewrite("a", 5, "v")).ok());
  ASSERT_TRUE(Spill(spilling_, store_).ok());
  ASSERT_TRUE(Feed2(Prewrite("a", 5, "")).ok());
  ASSERT_TRUE(Feed2(Commit("a", 5, 9)).ok());
  EXPECT_EQ(Out(), "a@5-9=v");
}

TEST_F(SpillingMatcherTest, AFullDiskLosesNothing) {
  ASSERT_TRUE(Feed2(Prewrite("a", 5, "v")).ok());
  store_.FailWith(Status(Code::kDiskFull, "full"));
  EXPECT_EQ(Spill(spilling_, store_).code(), Code::kDiskFull);
  EXPECT_EQ(store_.spaces(), 0u);
  ASSERT_TRUE(Feed2(Commit("a", 5, 9)).ok());
  EXPECT_EQ(Out(), "a@5-9=v");
}

TEST_F(SpillingMatcherTest, TellsOfADiskThatCannotBeRead) {
  ASSERT_TRUE(Feed2(Prewrite("a", 5, "v")).ok());
  ASSERT_TRUE(Spill(spilling_, store_).ok());
  store_.FailWith(Status(Code::kSorterIo, "broken"));
  EXPECT_EQ(Feed2(Commit("a", 5, 9)).code(), Code::kSorterIo);
}

TEST_F(SpillingMatcherTest, TheEndOfTheScanComesInStepsIfItCompletesMuch) {
  Matcher matcher(Ts(3), &store_);
  const std::string value(1 << 20, 'v');
  for (const std::string_view key : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
    CdcRow prewrite = Prewrite(key, 5, value);
    prewrite.generation = 1;  // whose commit waits for the end of the scan
    ASSERT_TRUE(matcher.Add(prewrite, nullptr, &out_).ok());
    ASSERT_TRUE(Spill(matcher, store_).ok());
    ASSERT_TRUE(matcher.Add(Commit(key, 5, 9), nullptr, &out_).ok());
    EXPECT_FALSE(matcher.draining());
  }
  EXPECT_TRUE(out_.empty());
  ASSERT_TRUE(matcher.Add(Initialized(), nullptr, &out_).ok());
  EXPECT_EQ(out_.size(), 4u);
  for (; matcher.draining(); out_.clear()) ASSERT_TRUE(matcher.Drain(&out_).ok());
  EXPECT_EQ(matcher.bytes(), 0u);
}

// The rows of one key as a store sends them, with and without the disk between.
void DeliversEachCommitExactlyAsTheStoreHasIt(bool spilling) {
  FakeSpillStore store;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    const Ts checkpoint(20);
    uint64_t now = 1;
    const int txns = 1 + static_cast<int>(random() % 6);
    const auto snapshot_at = random() % static_cast<uint32_t>(3 * txns + 1);
    std::vector<std::string> values;
    values.reserve(100);
    std::vector<CdcRow> live;
    std::vector<CdcRow> scan;
    std::set<std::string> expected;
    std::map<uint64_t, CdcRow> committed;  // by commit ts, before the snapshot
    std::optional<CdcRow> lock;
    uint32_t step = 0;
    bool scanning = false;
    const auto snapshot = [&] {
      if (scanning || step++ < snapshot_at) return;
      scanning = true;
      if (lock) scan.push_back(*lock);
      for (const auto& [ts, row] : committed) scan.push_back(row);
    };
    const auto emit = [&](const CdcRow& row) {
      if (scanning) live.push_back(row);
    };
    for (int i = 0; i < txns; ++i) {
      now += 1 + random() % 5;
      const bool put = random() % 3 != 0;
      values.push_back(put ? fmt::format("v{}", now) : "");
      CdcRow prewrite{.type = CdcRowType::kPrewrite,
                      .op = put ? KvOp::kPut : KvOp::kDelete,
                      .start_ts = Ts(now),
                      .key = "k",
                      .value = values.back()};
      snapshot();
      emit(prewrite);
      lock = prewrite;
      if (random() % 3 == 0) {
        CdcRow heartbeat = prewrite;
        heartbeat.value = {};
        emit(heartbeat);
      }
      snapshot();
      now += 1 + random() % 5;
      CdcRow end{.type = CdcRowType::kRollback, .start_ts = prewrite.start_ts, .key = "k"};
      if (random() % 4 != 0) {
        end.type = CdcRowType::kCommit;
        end.op = prewrite.op;
        end.commit_ts = Ts(now);
        CdcRow row = prewrite;
        row.type = CdcRowType::kCommitted;
        row.commit_ts = Ts(now);
        if (Ts(now) > checkpoint) {
          if (!scanning) committed.emplace(now, row);
          expected.insert(fmt::format("{}-{}={}", row.start_ts, now, row.value));
        }
      }
      lock.reset();
      emit(end);
      snapshot();
    }
    while (!scanning) snapshot();

    scan.push_back({.type = CdcRowType::kInitialized});
    Matcher matcher(checkpoint, spilling ? &store : nullptr);
    std::vector<KvEvent> out;
    // Live rows that come after INITIALIZED stay after it.
    size_t s = 0;
    size_t l = 0;
    while (s < scan.size() || l < live.size()) {
      const bool from_scan = l == live.size() || (s < scan.size() && random() % 2 == 0);
      const CdcRow& row = from_scan ? scan[s++] : live[l++];
      ASSERT_TRUE(matcher.Add(row, nullptr, &out).ok()) << "seed " << seed;
      if (spilling && random() % 3 == 0) {
        ASSERT_TRUE(Spill(matcher, store).ok());
      }
    }
    std::set<std::string> got;
    for (const KvEvent& e : out) {
      got.insert(fmt::format("{}-{}={}", e.start_ts, e.commit_ts, e.value));
    }
    ASSERT_EQ(got, expected) << "seed " << seed;
    ASSERT_LE(matcher.prewrites(), 1U) << "seed " << seed;
  }
  EXPECT_EQ(store.spaces(), 0u);
  EXPECT_EQ(store.broken_promises(), 0u);
}

TEST(MatcherProperty, DeliversEachCommitExactlyAsTheStoreHasIt) {
  DeliversEachCommitExactlyAsTheStoreHasIt(false);
}
TEST(MatcherProperty, DeliversEachCommitExactlyAsTheStoreHasItFromDiskToo) {
  DeliversEachCommitExactlyAsTheStoreHasIt(true);
}

}  // namespace
}  // namespace cdc
