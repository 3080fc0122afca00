#include <algorithm>
#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "dataflow/sorter/sorter.h"
#include "dataflow/sorter/tests/event_notation.h"
#include "dataflow/spill/spill_dir.h"
#include "dataflow/spill/spill_store.h"
#include "testing/fake_spill_store.h"

namespace cdc {
namespace {

class SpillingSorterTest : public testing::Test {
 protected:
  SpillingSorterTest() : dir_(SpillDir::Make(testing::TempDir() + "sorter").value()) { Open(0); }

  void Open(uint64_t disk_bytes_max) {
    sorter_.reset();
    pool_.reset();
    store_ =
        SpillStore::Open(
            {.dir = dir_.path() + "/store", .bytes_max = disk_bytes_max, .file_bytes = 64 << 10})
            .value();
    pool_ = MakeSorterPool(store_.get());
    sorter_ = pool_->Make(quota_);
  }
  // As the dispatcher does it: room first.
  Result<SorterPool::Room> Append(SpanSorter& sorter, std::vector<KvEvent> events) {
    auto room = pool_->MakeRoom(*quota_, SorterBytes(events));
    if (room) {
      EXPECT_TRUE(sorter.Append(std::move(events)).ok());
    }
    return room;
  }
  void OpenInMemory() {
    sorter_.reset();
    pool_ = MakeSorterPool(&fake_store_);
    sorter_ = pool_->Make(quota_);
  }
  void RandomHistories(uint64_t seeds);
  void Spill() { ASSERT_TRUE(pool_->MakeRoom(*quota_, quota_->bytes_max()).has_value()); }
  std::string Scan(uint64_t bound, size_t bytes_max = 1 << 20) {
    last_ = sorter_->Scan(Ts(bound), bytes_max).value();
    return Text(last_.events);
  }

  const SpillDir dir_;
  const std::shared_ptr<MemoryQuota> quota_ = std::make_shared<MemoryQuota>(16 << 10);
  std::unique_ptr<SpillStore> store_;
  FakeSpillStore fake_store_;
  std::unique_ptr<SorterPool> pool_;
  std::unique_ptr<SpanSorter> sorter_;
  EventBatch last_;
};

TEST_F(SpillingSorterTest, MergesDiskAndMemory) {
  Append(*sorter_, {Event(5, 9, "b"), Event(1, 3, "x"), Event(6, 20, "y")}).value();
  Spill();
  EXPECT_EQ(quota_->used(), 0u);
  EXPECT_GT(sorter_->spilled_bytes(), 0u);
  EXPECT_EQ(sorter_->FirstPending(), Ts(3));
  Append(*sorter_, {Event(5, 9, "a"), Event(4, 12, "c"), Event(1, 2, "w")}).value();
  sorter_->Advance(Ts(10));
  EXPECT_EQ(Scan(5), "1-2:w 1-3:x");
  EXPECT_TRUE(last_.caught_up);
  EXPECT_EQ(Scan(100), "5-9:a 5-9:b");
  EXPECT_EQ(sorter_->FirstPending(), Ts(12));
  sorter_->Advance(Ts(30));
  EXPECT_EQ(Scan(100), "4-12:c 6-20:y");
  EXPECT_EQ(sorter_->FirstPending(), Ts::Max());
}

TEST_F(SpillingSorterTest, ReturnsToMemoryWhenTheBacklogIsGone) {
  for (int round = 0; round < 3; ++round) {
    const uint64_t ts = 10 + static_cast<uint64_t>(round) * 10;
    Append(*sorter_, {Event(ts, ts + 1, "a", 100)}).value();
    Spill();
    EXPECT_GT(sorter_->spilled_bytes(), 0u);
    sorter_->Advance(Ts(ts + 1));
    EXPECT_NE(Scan(ts + 1), "");
    EXPECT_EQ(sorter_->spilled_bytes(), 0u);
    Append(*sorter_, {Event(ts + 2, ts + 3, "b", 100)}).value();
    sorter_->Advance(Ts(ts + 3));
    EXPECT_EQ(Scan(ts + 3), fmt::format("{}-{}:b", ts + 2, ts + 3));
  }
}

TEST_F(SpillingSorterTest, KeepsOperationAndOldValue) {
  KvEvent update = Event(1, 2, "k", 5);
  update.old_value = "before";
  KvEvent removal{
      .op = KvOp::kDelete, .start_ts = Ts(1), .commit_ts = Ts(2), .key = "l", .old_value = "was"};
  Append(*sorter_, {update, removal}).value();
  Spill();
  sorter_->Advance(Ts(2));
  EXPECT_EQ(Scan(2), "1-2:k 1-2:l");
  EXPECT_EQ(last_.events[0].op, KvOp::kPut);
  EXPECT_EQ(last_.events[0].value, "vvvvv");
  EXPECT_EQ(last_.events[0].old_value, "before");
  EXPECT_EQ(last_.events[1].op, KvOp::kDelete);
  EXPECT_EQ(last_.events[1].value, "");
  EXPECT_EQ(last_.events[1].old_value, "was");
}

TEST_F(SpillingSorterTest, GivesOutOnceWhatIsOnDiskAndInMemory) {
  Append(*sorter_, {Event(1, 3, "a"), Event(1, 3, "b"), Event(4, 6, "a")}).value();
  Spill();
  Append(*sorter_, {Event(1, 3, "b"), Event(4, 6, "a")}).value();
  Spill();
  Append(*sorter_, {Event(4, 6, "a"), Event(1, 3, "a")}).value();
  sorter_->Advance(Ts(6));
  EXPECT_EQ(Scan(6), "1-3:a 1-3:b 4-6:a");
  EXPECT_EQ(quota_->used(), 0u);
}

TEST_F(SpillingSorterTest, SpillsTheLargestAndLeavesTheOthers) {
  const auto other = pool_->Make(quota_);
  Append(*other, {Event(1, 2, "small", 10)}).value();
  for (uint64_t i = 1; i < 100; ++i) Append(*sorter_, {Event(i, i + 1, "large", 500)}).value();
  EXPECT_GT(sorter_->spilled_bytes(), 0u);
  EXPECT_EQ(other->spilled_bytes(), 0u);
}

TEST_F(SpillingSorterTest, CutsAHugeTransactionOnDisk) {
  for (int i = 0; i < 40; ++i)
    Append(*sorter_, {Event(5, 9, fmt::format("{:02}", i), 1000)}).value();
  Spill();
  sorter_->Advance(Ts(9));
  std::vector<KvEvent> all;
  int batches = 0;
  do {
    last_ = sorter_->Scan(Ts(9), 4000).value();
    EXPECT_LT(last_.events.size(), 12u);
    EXPECT_EQ(last_.txn_open, !last_.caught_up);
    std::ranges::move(last_.events, std::back_inserter(all));
  } while (!last_.caught_up && ++batches < 100);
  EXPECT_EQ(all.size(), 40u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), CommitOrder));
}

TEST_F(SpillingSorterTest, AFullDiskIsToldAndLosesNothing) {
  Open(256 << 10);
  std::mt19937_64 random(1);
  uint64_t ts = 1;
  Result<SorterPool::Room> room = SorterPool::Room::kYes;
  size_t events = 0;
  while (room.value() == SorterPool::Room::kYes && events < 10'000) {
    auto value = std::make_shared<std::string>(1000, '\0');  // that does not compress
    for (char& c : *value) c = static_cast<char>(random());
    const KvEvent event{
        .start_ts = Ts(ts), .commit_ts = Ts(ts + 1), .key = "k", .value = *value, .owner = value};
    room = Append(*sorter_, {event});
    ASSERT_TRUE(room.has_value());
    ts += 2;
    ++events;
  }
  EXPECT_LT(events, 10'000u);
  sorter_->Advance(Ts(ts));
  size_t read = 0;
  do {
    last_ = sorter_->Scan(Ts(ts), 8 << 10).value();
    read += last_.events.size();
  } while (!last_.caught_up);
  EXPECT_EQ(read, events);
  EXPECT_EQ(pool_->MakeRoom(*quota_, 1000).value(), SorterPool::Room::kYes);
}

TEST_F(SpillingSorterTest, ABrokenDiskIsAnErrorAndLosesNothingInMemory) {
  Append(*sorter_, {Event(1, 2, "a")}).value();
  Spill();
  Append(*sorter_, {Event(3, 4, "b")}).value();
  std::filesystem::remove_all(dir_.path() + "/store");
  const auto room = pool_->MakeRoom(*quota_, quota_->bytes_max());
  ASSERT_FALSE(room.has_value());
  EXPECT_NE(room.error().code(), Code::kOk);
  EXPECT_EQ(sorter_->FirstPending(), Ts(2));
  const auto other = pool_->Make(quota_);
  ASSERT_TRUE(other->Append({Event(5, 6, "c")}).ok());
  other->Advance(Ts(6));
  EXPECT_EQ(Text(other->Scan(Ts(6), 1000).value().events), "5-6:c");
}

// Property: whatever the order of arrival, resolved timestamps, reads and spills, what comes out is
// what went in, sorted, each once; and the quota holds.
void SpillingSorterTest::RandomHistories(uint64_t seeds) {
  struct Table {
    std::unique_ptr<SpanSorter> sorter;
    std::vector<KvEvent> in;
    std::vector<KvEvent> out;
    uint64_t resolved = 0;
  };
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Table> tables(3);
    for (Table& table : tables) table.sorter = pool_->Make(quota_);
    const size_t steps = 300;
    for (size_t step = 0; step < steps; ++step) {
      Table& table = tables[random() % 10 < 7 ? 0 : random() % 3];
      std::vector<KvEvent> events;
      for (size_t n = random() % 8; n > 0; --n) {
        const uint64_t commit = table.resolved + 1 + random() % 50;
        if (!table.in.empty() && random() % 8 == 0) {  // delivered again
          const KvEvent& again = table.in[random() % table.in.size()];
          if (again.commit_ts > Ts(table.resolved)) events.push_back(again);
          continue;
        }
        events.push_back(
            Event(commit - random() % 2, commit, std::to_string(random() % 9), random() % 400));
        table.in.push_back(events.back());
      }
      ASSERT_EQ(Append(*table.sorter, std::move(events)).value(), SorterPool::Room::kYes);
      ASSERT_LE(quota_->used(), quota_->bytes_max()) << "seed " << seed;
      if (random() % 3 == 0) {
        table.resolved += random() % 20;
        table.sorter->Advance(Ts(table.resolved));
      }
      if (random() % 2 == 0) {
        const uint64_t bound = random() % 2 ? table.resolved : table.resolved / 2;
        auto batch = table.sorter->Scan(Ts(bound), 1 + random() % 4000).value();
        std::ranges::move(batch.events, std::back_inserter(table.out));
      }
      if (random() % 40 == 0) Spill();
    }
    for (Table& table : tables) {
      table.sorter->Advance(Ts(100'000));
      for (EventBatch batch; !batch.caught_up;) {
        batch = table.sorter->Scan(Ts(100'000), 2000).value();
        std::ranges::move(batch.events, std::back_inserter(table.out));
      }
      EXPECT_EQ(table.sorter->FirstPending(), Ts::Max());
      EXPECT_EQ(table.sorter->spilled_bytes(), 0u);
      ASSERT_TRUE(std::is_sorted(table.out.begin(), table.out.end(), CommitOrder));
      std::ranges::sort(table.in, CommitOrder);
      const auto same = [](const KvEvent& a, const KvEvent& b) {
        return !CommitOrder(a, b) && !CommitOrder(b, a);
      };
      table.in.erase(std::unique(table.in.begin(), table.in.end(), same), table.in.end());
      ASSERT_EQ(Text(table.in), Text(table.out)) << "seed " << seed;
    }
    tables.clear();
    ASSERT_EQ(quota_->used(), 0u);
  }
}

TEST_F(SpillingSorterTest, RandomHistoriesComeOutSortedAndWholeWithinTheQuota) {
  RandomHistories(3);
}
TEST_F(SpillingSorterTest, ManyRandomHistories) {
  OpenInMemory();
  RandomHistories(200);
  EXPECT_EQ(fake_store_.broken_promises(), 0u);
  EXPECT_EQ(fake_store_.spaces(), 0u);
  EXPECT_GT(fake_store_.written(), 10'000u);
}

// The feed appends and spills while a reader reads: nothing is lost, doubled or out of order, and
// FirstPending never claims more than was given out.
TEST_F(SpillingSorterTest, ReadsWhileTheFeedSpills) {
  constexpr uint64_t kEnd = 20'000;
  std::jthread feed([&] {
    std::mt19937_64 random(7);
    for (uint64_t ts = 1; ts < kEnd; ts += 4) {
      std::vector<KvEvent> events{Event(ts, ts + 3, "k", 200), Event(ts, ts + 1, "j", 100)};
      if (random() % 4 == 0) events.push_back(events.front());
      ASSERT_TRUE(pool_->MakeRoom(*quota_, SorterBytes(events)).has_value());
      ASSERT_TRUE(sorter_->Append(std::move(events)).ok());
      if (random() % 16 == 0) sorter_->Advance(Ts(ts + 3));
    }
    sorter_->Advance(Ts(kEnd + 10));
  });
  size_t read = 0;
  Ts last;
  while (last < Ts(kEnd - 1)) {
    const Ts first = sorter_->FirstPending();
    const EventBatch batch = sorter_->Scan(Ts::Max(), 10'000).value();
    if (batch.events.empty()) continue;
    ASSERT_GE(batch.events.front().commit_ts, std::min(first, batch.events.front().commit_ts));
    for (const KvEvent& event : batch.events) {
      ASSERT_GT(event.commit_ts, last);
      last = event.commit_ts;
    }
    read += batch.events.size();
  }
  EXPECT_EQ(read, kEnd / 2);
}

}  // namespace
}  // namespace cdc
