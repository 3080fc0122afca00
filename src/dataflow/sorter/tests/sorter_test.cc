#include "dataflow/sorter/sorter.h"

#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "dataflow/sorter/tests/event_notation.h"

namespace cdc {
namespace {

class SorterTest : public testing::Test {
 protected:
  void Append(std::vector<KvEvent> events) { ASSERT_TRUE(sorter_->Append(std::move(events)).ok()); }
  std::string Scan(uint64_t bound, size_t bytes_max = 1 << 20) {
    last_ = sorter_->Scan(Ts(bound), bytes_max).value();
    return Text(last_.events);
  }

  std::shared_ptr<MemoryQuota> quota_ = std::make_shared<MemoryQuota>(1 << 30);
  const std::unique_ptr<SorterPool> pool_ = MakeSorterPool(nullptr);
  std::unique_ptr<SpanSorter> sorter_ = pool_->Make(quota_);
  EventBatch last_;
};

TEST_F(SorterTest, GivesOutInCommitOrderUpToTheResolvedTs) {
  Append({Event(5, 9, "b"), Event(1, 3, "x"), Event(5, 9, "a"), Event(4, 12, "c")});
  EXPECT_EQ(Scan(100), "");
  sorter_->Advance(Ts(10));
  EXPECT_EQ(sorter_->FirstPending(), Ts(3));
  EXPECT_EQ(Scan(100), "1-3:x 5-9:a 5-9:b");
  EXPECT_TRUE(last_.caught_up);
  EXPECT_EQ(sorter_->FirstPending(), Ts(12));
  sorter_->Advance(Ts(12));
  EXPECT_EQ(Scan(100), "4-12:c");
}

// A region that splits is subscribed to anew, and sends again what is not resolved yet. An update
// given out twice does not find its row the second time.
TEST_F(SorterTest, GivesOutOnceWhatTheFeedDeliversTwice) {
  Append({Event(1, 3, "a"), Event(1, 3, "b"), Event(4, 6, "a")});
  Append({Event(1, 3, "b"), Event(4, 6, "a"), Event(1, 3, "a")});
  sorter_->Advance(Ts(6));
  EXPECT_EQ(Scan(6), "1-3:a 1-3:b 4-6:a");
  EXPECT_EQ(quota_->used(), 0u);
}

TEST_F(SorterTest, StopsAtTheBound) {
  Append({Event(1, 3, "a"), Event(4, 6, "b")});
  sorter_->Advance(Ts(10));
  EXPECT_EQ(Scan(5), "1-3:a");
  EXPECT_TRUE(last_.caught_up);
  EXPECT_EQ(Scan(6), "4-6:b");
}

TEST_F(SorterTest, CutsBetweenTransactionsUnlessOneIsHuge) {
  Append({Event(1, 3, "a", 50), Event(1, 3, "b", 50), Event(2, 4, "c", 50)});
  for (int i = 0; i < 8; ++i)
    Append({Event(5, 9, std::string(1, static_cast<char>('d' + i)), 100)});
  sorter_->Advance(Ts(10));
  EXPECT_EQ(Scan(100, 100), "1-3:a 1-3:b");
  EXPECT_FALSE(last_.txn_open);
  EXPECT_EQ(Scan(100, 100), "2-4:c");
  EXPECT_EQ(Scan(100, 400), "5-9:d 5-9:e 5-9:f 5-9:g 5-9:h");
  EXPECT_TRUE(last_.txn_open);
  EXPECT_FALSE(last_.caught_up);
}

TEST_F(SorterTest, CountsWhatItHoldsAgainstTheQuota) {
  Append({Event(1, 3, "a", 1000)});
  EXPECT_EQ(quota_->used(), sorter_->bytes());
  EXPECT_GT(quota_->used(), 1000u);
  sorter_->Advance(Ts(3));
  Scan(3);
  EXPECT_EQ(quota_->used(), 0u);
  Append({Event(4, 5, "a", 1000)});
  sorter_.reset();
  EXPECT_EQ(quota_->used(), 0u);
}

// Property: whatever the order of arrival, resolved timestamps and reads, what comes out is what
// went in, sorted, each once.
TEST_F(SorterTest, RandomHistoriesComeOutSortedAndWhole) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    auto sorter = pool_->Make(quota_);
    std::vector<KvEvent> in;
    std::vector<KvEvent> out;
    uint64_t resolved = 0;
    while (resolved < 400) {
      std::vector<KvEvent> events;
      for (size_t n = random() % 6; n > 0; --n) {
        const uint64_t commit = resolved + 1 + random() % 50;
        events.push_back(
            Event(commit - random() % 2, commit, std::to_string(random() % 5), random() % 64));
        in.push_back(events.back());
      }
      ASSERT_TRUE(sorter->Append(std::move(events)).ok());
      if (random() % 3 == 0) {
        resolved += random() % 20;
        sorter->Advance(Ts(resolved));
      }
      auto batch =
          sorter->Scan(Ts(random() % 2 ? resolved : resolved / 2), 1 + random() % 500).value();
      for (KvEvent& event : batch.events) out.push_back(std::move(event));
    }
    sorter->Advance(Ts(1000));
    for (EventBatch batch; !batch.caught_up;) {
      batch = sorter->Scan(Ts(1000), 100).value();
      for (KvEvent& event : batch.events) out.push_back(std::move(event));
    }
    ASSERT_TRUE(std::is_sorted(out.begin(), out.end(), CommitOrder)) << "seed " << seed;
    std::sort(in.begin(), in.end(), CommitOrder);
    in.erase(std::unique(in.begin(), in.end(),
                         [](const KvEvent& a, const KvEvent& b) {
                           return !CommitOrder(a, b) && !CommitOrder(b, a);
                         }),
             in.end());
    ASSERT_EQ(Text(in), Text(out)) << "seed " << seed;
  }
}

TEST_F(SorterTest, FirstPendingNeverPassesWhatIsBeingSorted) {
  std::jthread feed([&](std::stop_token stop) {
    for (uint64_t ts = 1; ts < 200'000 && !stop.stop_requested(); ts += 2) {
      ASSERT_TRUE(sorter_->Append({Event(ts, ts + 1, "k"), Event(ts, ts, "j")}).ok());
      sorter_->Advance(Ts(ts + 1));
    }
  });
  Ts last;
  while (last < Ts(100'000)) {
    const Ts first = sorter_->FirstPending();
    const EventBatch batch = sorter_->Scan(Ts::Max(), 10'000).value();
    if (batch.events.empty()) continue;
    ASSERT_GE(batch.events.front().commit_ts, std::min(first, batch.events.front().commit_ts));
    ASSERT_GT(batch.events.front().commit_ts, last);
    last = batch.events.back().commit_ts;
  }
}

}  // namespace
}  // namespace cdc
