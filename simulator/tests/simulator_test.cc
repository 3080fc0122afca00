// The simulator and our client of it, over gRPC in one process.
#include "simulator/simulator.h"

#include <condition_variable>

#include <gtest/gtest.h>

#include "dataflow/upstream/region_feed.h"
#include "simulator/load_schema.h"

namespace cdc {
namespace {

constexpr Duration kPatience = 60s;

// The state that the changes of a span lead to.
class Follower final : public FeedListener {
 public:
  void OnEvents(std::vector<KvEvent> events) override {
    std::lock_guard lock(mutex_);
    for (const KvEvent& event : events) {
      EXPECT_GT(event.commit_ts, resolved_);
      Version version{.commit_ts = event.commit_ts, .old_value = std::string(event.old_value)};
      if (event.op == KvOp::kPut) version.value = std::string(event.value);
      log_[std::string(event.key)].insert_or_assign(event.commit_ts, std::move(version));
      ++events_;
    }
  }
  void OnResolved(Ts resolved) override {
    std::lock_guard lock(mutex_);
    EXPECT_GT(resolved, resolved_);
    resolved_ = resolved;
    changed_.notify_all();
  }
  void OnFailure(Status status) override { ADD_FAILURE() << status.ToString(); }

  bool WaitFor(Ts ts) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return resolved_ >= ts; });
  }
  std::map<std::string, std::string> StateAt(Ts ts) {
    std::lock_guard lock(mutex_);
    std::map<std::string, std::string> state;
    for (const auto& [key, versions] : log_) {
      const auto after = versions.upper_bound(ts);
      if (after == versions.begin() || !std::prev(after)->second.value) continue;
      state[key] = *std::prev(after)->second.value;
    }
    return state;
  }
  // Each version's old value is the one before it, if the feed began with the table.
  void CheckOldValues() {
    std::lock_guard lock(mutex_);
    for (const auto& [key, versions] : log_) {
      std::string last;
      for (const auto& [commit_ts, version] : versions) {
        EXPECT_EQ(version.old_value, last) << ToHexForLog(key) << " at " << commit_ts.raw();
        last = version.value.value_or("");
      }
    }
  }
  size_t keys() {
    std::lock_guard lock(mutex_);
    return log_.size();
  }
  uint64_t events() {
    std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  struct Version {
    Ts commit_ts;
    std::optional<std::string> value;
    std::string old_value;
  };
  static std::string ToHexForLog(const std::string& key) {
    return fmt::format("{:02x}", fmt::join(std::vector<uint8_t>(key.begin(), key.end()), ""));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::map<Ts, Version>> log_;
  Ts resolved_;
  uint64_t events_ = 0;
};

class SimulatorTest : public testing::Test {
 protected:
  void Open(uint64_t stores, size_t tables, uint64_t regions_per_table, bool updates = false) {
    SimulatorOptions options;
    options.cluster.stores = stores;
    options.cluster.resolved_interval = 20ms;
    options.pd_port = 0;
    options.store_port = 0;
    options.etcd = false;
    options.recording = std::string(CDC_RECORDINGS) + "/21_oltp";
    options.play = false;
    options.tables = {.tables = tables, .regions_per_table = regions_per_table, .updates = updates};
    auto opened = Simulator::Open(options);
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    simulator_ = *std::move(opened);
    RegionFeedConfig config;
    config.resolve_lock_after = 2s;
    config.resolve_lock_interval = 1s;
    auto client = TiKvClient::Open({simulator_->pd_url()}, {}, config, SystemClock());
    ASSERT_TRUE(client.has_value()) << client.error().ToString();
    client_ = *std::move(client);
  }
  Span TableSpan(size_t table) {
    const TableId id = simulator_->tables()->id(table);
    return {.table = id, .range = RecordRange(id)};
  }
  std::map<std::string, std::string> Stored(size_t table, Ts ts) {
    std::map<std::string, std::string> state;
    simulator_->cluster().Snapshot(
        TableSpan(table).range, ts,
        [&](std::string_view key, std::string_view value) { state[std::string(key)] = value; });
    return state;
  }
  Ts Now() { return simulator_->cluster().oracle().Next(); }
  bool Wait(const std::function<bool()>& done) {
    const SteadyTime give_up = SystemClock().Now() + kPatience;
    while (!done() && SystemClock().Now() < give_up) SystemClock().SleepFor(5ms, {});
    return done();
  }
  bool LoadsDone() {
    for (const auto& load : simulator_->loads()->Views()) {
      if (!load.done) return false;
    }
    return true;
  }

  std::unique_ptr<Simulator> simulator_;
  Follower follower_;  // the client calls it
  std::unique_ptr<TiKvClient> client_;
};

TEST_F(SimulatorTest, StoredRowsArriveLiveAndByScan) {
  Open(3, 1, 4);
  const Ts start = Now();
  (void)simulator_->loads()->Start({.kind = "oltp", .rows = 3000, .txn_rows = 5, .keys = 200});
  const auto id = client_->feed().Subscribe(TableSpan(0), start, &follower_);
  ASSERT_TRUE(Wait([&] { return LoadsDone(); }));
  const Ts end = Now();
  EXPECT_TRUE(follower_.WaitFor(end));
  client_->feed().Unsubscribe(id);
  EXPECT_GT(Stored(0, end).size(), 50);
  EXPECT_EQ(follower_.StateAt(end), Stored(0, end));
  follower_.CheckOldValues();
}

TEST_F(SimulatorTest, SyntheticRowsArriveOnceEach) {
  Open(3, 1, 4);
  const Ts start = Now();
  ASSERT_TRUE(simulator_->loads()->Start({.kind = "backlog", .rows = 5000}).has_value());
  const auto id = client_->feed().Subscribe(TableSpan(0), start, &follower_);
  (void)simulator_->loads()->Start({.kind = "stream", .rows = 5000, .txn_rows = 50});
  (void)simulator_->loads()->Start(
      {.kind = "stream", .rows = 5000, .txn_rows = 50, .one_phase = true});
  (void)simulator_->loads()->Start({.kind = "huge", .rows = 20'000});
  ASSERT_TRUE(Wait([&] { return LoadsDone(); }));
  EXPECT_TRUE(follower_.WaitFor(Now()));
  client_->feed().Unsubscribe(id);
  EXPECT_EQ(follower_.keys(), 35'000);
  EXPECT_EQ(follower_.events(), 35'000);
}

TEST_F(SimulatorTest, ATransactionThatIsUnderWayHoldsResolvedTimestampsBack) {
  Open(3, 1, 2);
  const Ts start = Now();
  const auto id = client_->feed().Subscribe(TableSpan(0), start, &follower_);
  EXPECT_TRUE(follower_.WaitFor(Now()));
  auto& cluster = simulator_->cluster();
  SyntheticTable* const table = simulator_->tables()->synthetic(0);
  const Ts txn_start = Now();
  const size_t txn = cluster.SyntheticPrewrite(table, 7, 3, txn_start);
  ASSERT_TRUE(cluster.Split(table->KeyOf(8)).ok());  // through the midst of it
  EXPECT_TRUE(follower_.WaitFor(txn_start));
  EXPECT_EQ(client_->feed().Progress(id).resolved, txn_start);
  cluster.SyntheticCommit(table, txn, Now());
  EXPECT_TRUE(follower_.WaitFor(Now()));
  client_->feed().Unsubscribe(id);
  EXPECT_EQ(follower_.events(), 3);
}

TEST_F(SimulatorTest, LocksLeftBehindAreResolved) {
  Open(3, 1, 2);
  const Ts start = Now();
  const auto id = client_->feed().Subscribe(TableSpan(0), start, &follower_);
  simulator_->cluster().LeaveLocks(
      {{RecordKey(simulator_->tables()->id(0), 1), "one"},
       {RecordKey(simulator_->tables()->id(0), int64_t{1} << 40), "two"}},
      100);
  EXPECT_TRUE(follower_.WaitFor(Now()));
  client_->feed().Unsubscribe(id);
  EXPECT_EQ(follower_.events(), 0);
}

// A region has one resolved ts, and a subscription need not cover all of it.
TEST_F(SimulatorTest, LocksElsewhereInTheRegionAreResolvedToo) {
  Open(3, 1, 1);
  const TableId table = simulator_->tables()->id(0);
  const Span part{.table = table,
                  .range = {.start = RecordKey(table, 0), .end = RecordKey(table, 100)}};
  const auto id = client_->feed().Subscribe(part, Now(), &follower_);
  simulator_->cluster().LeaveLocks({{RecordKey(table, 500), "elsewhere"}}, 100);
  EXPECT_TRUE(follower_.WaitFor(Now()));
  client_->feed().Unsubscribe(id);
}

class SimulatorNemesisTest : public SimulatorTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(SimulatorNemesisTest, WhatIsStoredArrivesWhateverBreaks) {
  Open(4, 1, 4);
  const Ts start = Now();
  const auto id = client_->feed().Subscribe(TableSpan(0), start, &follower_);
  simulator_->nemesis().Start(
      {.seed = GetParam(),
       .interval = 15ms,
       .down_time = 50ms,
       .table_prefix = RecordKey(simulator_->tables()->id(0), 0).substr(0, 9)});
  (void)simulator_->loads()->Start({.kind = "oltp",
                                    .rows = 12'000,
                                    .rate = 3000,
                                    .txn_rows = 6,
                                    .keys = 300,
                                    .seed = GetParam()});
  ASSERT_TRUE(Wait([&] { return LoadsDone(); }));
  simulator_->nemesis().Stop();
  const Ts end = Now();
  EXPECT_TRUE(follower_.WaitFor(end)) << client_->feed().Progress(id).reason;
  client_->feed().Unsubscribe(id);
  EXPECT_EQ(follower_.StateAt(end), Stored(0, end));
  follower_.CheckOldValues();
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulatorNemesisTest, testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace cdc
