// The dispatcher's promises: order, barriers, and a checkpoint that never passes what is not
// acknowledged.
#include "dataflow/dispatcher/dataflow.h"

#include <algorithm>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "testing/fake_sink.h"
#include "testing/fake_spill_store.h"

namespace cdc {
namespace {

const TableInfo& AnyTable() {
  static const TableInfo& table = *new TableInfo();
  return table;
}

// A row for each event; the key is found again through the event.
class FakeMounter : public Mounter {
 public:
  Result<RowBatch> Mount(std::vector<KvEvent> events) override {
    RowBatch batch;
    for (const KvEvent& event : events) {
      if (event.key == "poison") return Error(Code::kDecodeRow, "poison");
      if (event.key == "ignored") continue;
      batch.rows.push_back({.table = &AnyTable(),
                            .start_ts = event.start_ts,
                            .commit_ts = event.commit_ts,
                            .bytes = event.bytes()});
      batch.bytes += event.bytes();
    }
    batch.events = std::move(events);
    return batch;
  }
};

class FakeSchema : public SchemaStore {
 public:
  std::vector<Span> DdlSpans() const override { return {}; }
  void Append(std::vector<KvEvent>) override {}
  Status Advance(Ts) override { return Status::Ok(); }
  Ts resolved() const override { return resolved_; }
  std::vector<DdlEventPtr> DdlsAfter(Ts after) const override {
    std::vector<DdlEventPtr> ddls;
    for (const DdlEventPtr& ddl : ddls_)
      if (ddl->commit_ts > after && ddl->commit_ts <= resolved_) ddls.push_back(ddl);
    return ddls;
  }
  std::vector<PhysicalTable> CapturedTables(Ts) const override { return {}; }
  std::vector<TableInfoPtr> IneligibleTables(Ts) const override { return {}; }
  Result<TableInfoPtr> TableAt(TableId, Ts) const override {
    return Error(Code::kInternal, "not here");
  }
  void CollectGarbage(Ts) override {}

  void Set(uint64_t resolved) { resolved_ = Ts(resolved); }
  void AddDdl(uint64_t ts, std::vector<TableId> blocked) {
    DdlEvent ddl{.commit_ts = Ts(ts)};
    ddl.blocked = std::move(blocked);
    ddls_.push_back(std::make_shared<const DdlEvent>(std::move(ddl)));
  }

 private:
  Ts resolved_;
  std::vector<DdlEventPtr> ddls_;
};

std::vector<KvEvent> Txn(uint64_t commit, std::string key = "k", size_t bytes = 0) {
  auto buffer = std::make_shared<const std::string>(key + std::string(bytes, 'v'));
  KvEvent event{.start_ts = Ts(commit - 1), .commit_ts = Ts(commit)};
  event.key = std::string_view(*buffer).substr(0, key.size());
  event.value = std::string_view(*buffer).substr(key.size());
  event.owner = buffer;
  return {std::move(event)};
}

constexpr TableId kT1{1};
constexpr TableId kT2{2};

// Steps run inline: no WorkerPool thread is involved, tests call Run().
class DataflowTest : public testing::Test {
 protected:
  void Open(FakeSink& sink, size_t quota = 1 << 30) {
    schema_.Set(0);
    dataflow_ = std::make_unique<Dataflow>(
        DataflowOptions{.memory_quota = quota,
                        .node_sink_quota = node_sink_quota_,
                        .sorters = sorters_.get(),
                        .disk_full_patience = 50ms,
                        .schema = &schema_,
                        .sink = &sink,
                        .workers = &pool_,
                        .make_mounter = [](TableId) -> Result<std::unique_ptr<Mounter>> {
                          return std::make_unique<FakeMounter>();
                        },
                        .on_error = [this](Status status) { error_ = std::move(status); }});
  }
  TableFlow& Table(TableId id, uint64_t start = 0) { return **dataflow_->AddTable(id, Ts(start)); }
  void Feed(TableId id, std::vector<KvEvent> events) {
    ASSERT_TRUE(dataflow_->Append(Table(id), std::move(events), {}).ok());
  }
  void Schema(uint64_t ts) {
    schema_.Set(ts);
    dataflow_->AdvanceSchema();
  }
  // Runs all tables until none has anything to do.
  void Run() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& table : dataflow_->Tables()) more = table->Step() || more;
    }
  }
  std::string Written(const FakeSink& sink) {
    std::string text;
    for (const auto& batch : sink.batches())
      for (const RowChange& row : batch->rows)
        text += fmt::format("{}{}", text.empty() ? "" : " ", row.commit_ts);
    return text;
  }

  FakeSchema schema_;
  // Its one thread is kept busy by a task that waits, so that whatever is scheduled runs by Run()
  // only.
  struct Parking : Task {
    bool Step() override {
      open.wait(false);
      return false;
    }
    std::atomic<bool> open{false};
  };
  // Before the worker pool, in whose queue tables may be left at the end.
  FakeSpillStore spill_;
  std::unique_ptr<SorterPool> sorters_;  // null: no disk
  std::shared_ptr<Parking> parking_ = std::make_shared<Parking>();
  WorkerPool pool_{1};
  DataflowTest() { pool_.Schedule(parking_, 0); }
  ~DataflowTest() override {
    parking_->open = true;
    parking_->open.notify_all();
  }
  std::optional<Status> error_;
  std::shared_ptr<MemoryQuota> node_sink_quota_;
  std::unique_ptr<Dataflow> dataflow_;
};

TEST_F(DataflowTest, WritesUpToResolvedTsAndSchemaBound) {
  FakeSink sink;
  Open(sink);
  Feed(kT1, Txn(5));
  Feed(kT1, Txn(9));
  dataflow_->AdvanceResolved(Table(kT1), Ts(12));
  Run();
  EXPECT_EQ(Written(sink), "");
  Schema(6);
  Run();
  EXPECT_EQ(Written(sink), "5");
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(6));
  Schema(20);
  Run();
  EXPECT_EQ(Written(sink), "5 9");
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(12));
}

TEST_F(DataflowTest, CheckpointStaysBelowTheOldestUnacknowledgedBatch) {
  FakeSink sink(false);
  Open(sink);
  Schema(100);
  for (const uint64_t ts : {5, 9, 14}) {
    Feed(kT1, Txn(ts));
    dataflow_->AdvanceResolved(Table(kT1), Ts(ts));
    Run();
  }
  ASSERT_EQ(sink.held(), 3u);
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(4));
  sink.Acknowledge(1);  // 9: out of order
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(4));
  sink.Acknowledge(0);  // 5
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(13));
  sink.Acknowledge(0);
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(14));
  EXPECT_EQ(dataflow_->rows_written(), 3u);
}

TEST_F(DataflowTest, ADdlHoldsOnlyTheTablesItTouches) {
  FakeSink sink;
  Open(sink);
  Table(kT1);
  Table(kT2);
  schema_.AddDdl(10, {kT1});
  Schema(50);
  for (const uint64_t ts : {9, 10, 11}) {
    Feed(kT1, Txn(ts));
    Feed(kT2, Txn(ts + 100 - 100));
  }
  dataflow_->AdvanceResolved(Table(kT1), Ts(30));
  dataflow_->AdvanceResolved(Table(kT2), Ts(30));
  Run();
  EXPECT_EQ(Table(kT1).Checkpoint(), Ts(10));
  EXPECT_EQ(Table(kT2).Checkpoint(), Ts(30));
  EXPECT_EQ(dataflow_->DdlReached(), Ts(50));
  EXPECT_EQ(dataflow_->PendingDdls().size(), 1u);
  dataflow_->FinishDdls(Ts(10));
  Run();
  EXPECT_EQ(Table(kT1).Checkpoint(), Ts(30));
  EXPECT_TRUE(dataflow_->PendingDdls().empty());
}

// A table that moves while the DDL is being executed: its rows up to the DDL are written already.
TEST_F(DataflowTest, ATableThatStartsAtAnUnfinishedDdlWaitsForIt) {
  FakeSink sink;
  Open(sink);
  schema_.AddDdl(10, {kT1});
  Schema(50);
  Table(kT1, 10);
  Feed(kT1, Txn(11));
  dataflow_->AdvanceResolved(Table(kT1), Ts(30));
  Run();
  EXPECT_EQ(Written(sink), "");
  EXPECT_EQ(Table(kT1).Checkpoint(), Ts(10));
  dataflow_->FinishDdls(Ts(10));
  Run();
  EXPECT_EQ(Written(sink), "11");
}

TEST_F(DataflowTest, DdlReachedWaitsForEveryTouchedTable) {
  FakeSink sink(false);
  Open(sink);
  Table(kT1);
  Table(kT2);
  schema_.AddDdl(10, {kT1, kT2});
  schema_.AddDdl(20, {kT1});
  Schema(50);
  Feed(kT1, Txn(8));
  dataflow_->AdvanceResolved(Table(kT1), Ts(30));
  dataflow_->AdvanceResolved(Table(kT2), Ts(30));
  Run();
  EXPECT_EQ(dataflow_->DdlReached(), Ts(9));
  sink.Acknowledge();
  EXPECT_EQ(dataflow_->DdlReached(), Ts(19));
  dataflow_->FinishDdls(Ts(10));
  Run();
  EXPECT_EQ(dataflow_->DdlReached(), Ts(50));
}

TEST_F(DataflowTest, ATableAddedLateKeepsTheBarriersThatArePending) {
  FakeSink sink;
  Open(sink);
  schema_.AddDdl(10, {kT1});
  schema_.AddDdl(20, {kT1});
  Schema(50);
  dataflow_->FinishDdls(Ts(10));
  TableFlow& table = Table(kT1, 10);
  dataflow_->AdvanceResolved(table, Ts(40));
  EXPECT_EQ(table.Checkpoint(), Ts(20));
}

TEST_F(DataflowTest, ABadRowStopsTheFlowAndTheCheckpointStaysBelowIt) {
  FakeSink sink;
  Open(sink);
  Schema(100);
  Feed(kT1, Txn(5));
  Feed(kT1, Txn(7, "poison"));
  dataflow_->AdvanceResolved(Table(kT1), Ts(30));
  Run();
  ASSERT_TRUE(error_.has_value());
  EXPECT_EQ(error_->code(), Code::kDecodeRow);
  EXPECT_LT(dataflow_->Checkpoint(), Ts(5));
}

TEST_F(DataflowTest, AFailedWriteStopsTheFlowAndTheCheckpointStaysBelowIt) {
  FakeSink sink(false);
  Open(sink);
  Schema(100);
  Feed(kT1, Txn(5));
  dataflow_->AdvanceResolved(Table(kT1), Ts(30));
  Run();
  sink.Acknowledge(0, Status(Code::kMySqlTxn, "gone away"));
  ASSERT_TRUE(error_.has_value());
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(4));
}

TEST_F(DataflowTest, ASlowSinkBoundsWhatIsOnItsWay) {
  FakeSink sink(false);
  Open(sink, 8 << 20);  // 4 MiB on the way
  Schema(1000);
  for (uint64_t ts = 1; ts <= 100; ++ts) Feed(kT1, Txn(ts + 1, "k", 200 << 10));
  dataflow_->AdvanceResolved(Table(kT1), Ts(500));
  Run();
  const size_t held = sink.held();
  EXPECT_LE(held, 9u);  // batches of about 0.5 MiB
  sink.Acknowledge();
  sink.Acknowledge();
  Run();
  EXPECT_GE(sink.held(), held - 1);
  while (sink.held() > 0) {
    sink.Acknowledge();
    Run();
  }
  EXPECT_EQ(dataflow_->rows_written(), 100u);
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(500));
}

TEST_F(DataflowTest, WhatAStalledSinkDoesNotTakeGoesToDiskAndComesBackInOrder) {
  FakeSink sink(false);
  sorters_ = MakeSorterPool(&spill_);
  Open(sink, 2 << 20);
  Schema(1000);
  for (uint64_t ts = 1; ts <= 100; ++ts) {
    Feed(kT1, Txn(ts + 1, "k", 100 << 10));
    dataflow_->AdvanceResolved(Table(kT1), Ts(ts + 1));
    Run();
  }
  EXPECT_LE(Table(kT1).sorter_bytes(), 1u << 20);
  EXPECT_GT(spill_.written(), 50u);
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(1)) << "what is on disk is not acknowledged";
  while (sink.held() > 0) {
    sink.Acknowledge();
    Run();
  }
  std::string expected;
  for (int ts = 2; ts <= 101; ++ts) expected += fmt::format("{}{}", ts == 2 ? "" : " ", ts);
  EXPECT_EQ(Written(sink), expected);
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(101));
  EXPECT_EQ(spill_.spaces(), 0u);
}

TEST_F(DataflowTest, AFullDiskFailsTheChangefeedWhenNothingCanBeWritten) {
  FakeSink sink;
  sorters_ = MakeSorterPool(&spill_);
  Open(sink, 2 << 20);
  spill_.FailWith(Status(Code::kDiskFull, "no space left"));
  Status status;
  for (uint64_t ts = 1; ts <= 100 && status.ok(); ++ts)
    status = dataflow_->Append(Table(kT1), Txn(ts + 1, "k", 100 << 10), {});
  EXPECT_EQ(status.code(), Code::kDiskFull) << status.ToString();
  EXPECT_EQ(status.reaction(), Reaction::kFailChangefeed);
}

TEST_F(DataflowTest, AFullDiskHoldsTheFeedBackWhileTheSinkWrites) {
  FakeSink sink(false);
  sorters_ = MakeSorterPool(&spill_);
  Open(sink, 2 << 20);
  Schema(1000);
  spill_.FailWith(Status(Code::kDiskFull, "no space left"));
  Feed(kT1, Txn(1, "k", 600 << 10));
  dataflow_->AdvanceResolved(Table(kT1), Ts(1));
  Run();
  Feed(kT1, Txn(2, "k", 900 << 10));
  std::atomic<bool> appended = false;
  std::jthread feed([&] {
    EXPECT_TRUE(dataflow_->Append(Table(kT1), Txn(3, "k", 900 << 10), {}).ok());
    appended = true;
  });
  std::this_thread::sleep_for(200ms);  // longer than it would wait for a sink that writes nothing
  EXPECT_FALSE(appended);
  dataflow_->AdvanceResolved(Table(kT1), Ts(2));
  Run();
  feed.join();
  EXPECT_TRUE(appended);
}

TEST_F(DataflowTest, OneBatchGoesWhateverOtherChangefeedsHold) {
  FakeSink sink(false);
  node_sink_quota_ = std::make_shared<MemoryQuota>(1 << 20);
  node_sink_quota_->Force(2 << 20);
  Open(sink);
  Schema(1000);
  for (uint64_t ts = 1; ts <= 3; ++ts) Feed(kT1, Txn(ts + 1, "k", 600 << 10));
  dataflow_->AdvanceResolved(Table(kT1), Ts(500));
  for (int i = 1; i <= 3; ++i) {
    Run();
    EXPECT_EQ(sink.held(), 1u);
    sink.Acknowledge();
  }
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(500));
  node_sink_quota_->Release(2 << 20);
}

TEST_F(DataflowTest, RemovedTablesNoLongerHoldTheCheckpoint) {
  FakeSink sink(false);
  Open(sink);
  Schema(100);
  Feed(kT1, Txn(5));
  dataflow_->AdvanceResolved(Table(kT1), Ts(30));
  Run();
  EXPECT_EQ(dataflow_->RemoveTable(kT1), Ts(4));
  EXPECT_EQ(dataflow_->RemoveTable(kT1), std::nullopt);
  EXPECT_EQ(dataflow_->Checkpoint(), Ts(100));
  EXPECT_TRUE(dataflow_->IsLeaving(kT1)) << "its row may yet be written";
  sink.Acknowledge(0, Status(Code::kStopped, "too late to matter"));
  EXPECT_FALSE(dataflow_->IsLeaving(kT1));
  EXPECT_FALSE(error_.has_value());
}

// Simulation: random feeds, resolved timestamps, DDLs, acknowledgements out of order. After every
// step: no row above a barrier of its table, rows in commit order, checkpoint monotone and below
// every row that is not acknowledged; at the end all is there.
TEST_F(DataflowTest, RandomSchedulesKeepThePromises) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    FakeSink sink(false);
    schema_ = FakeSchema();
    Open(sink);
    const std::vector<TableId> ids = {kT1, kT2, TableId{3}};
    for (const TableId id : ids) Table(id);
    std::map<TableId, uint64_t> resolved;
    std::vector<std::pair<uint64_t, std::vector<TableId>>> ddls;
    uint64_t schema_ts = 0;
    uint64_t finished = 0;
    size_t fed = 0;
    Ts checkpoint;
    const auto blocked = [&](const auto& ddl, TableId id) {
      return std::ranges::find(ddl.second, id) != ddl.second.end();
    };
    for (int step = 0; step < 300; ++step) {
      const TableId id = ids[random() % ids.size()];
      switch (random() % 7) {
        case 0:
        case 1:
          Feed(id, Txn(resolved[id] + 2 + random() % 20, random() % 10 ? "k" : "ignored"));
          ++fed;
          break;
        case 2:
          resolved[id] += random() % 10;
          dataflow_->AdvanceResolved(Table(id), Ts(resolved[id]));
          break;
        case 3: {
          const uint64_t next = schema_ts + random() % 10;
          if (random() % 4 == 0 && next > schema_ts) {
            ddls.push_back({next, {id}});
            if (random() % 2) ddls.back().second.push_back(ids[(random() % 2)]);
            schema_.AddDdl(next, ddls.back().second);
          }
          schema_ts = next;
          Schema(schema_ts);
          break;
        }
        case 4:
          for (const auto& ddl : ddls) {
            if (ddl.first <= finished || dataflow_->DdlReached() < Ts(ddl.first)) continue;
            for (const TableId touched : ddl.second)
              ASSERT_GE(Table(touched).Checkpoint(), Ts(ddl.first));
            finished = ddl.first;
            dataflow_->FinishDdls(Ts(finished));
            break;
          }
          break;
        case 5:
          if (sink.held() > 0) sink.Acknowledge(random() % sink.held());
          break;
        default:
          Table(id).Step();
      }
      ASSERT_GE(dataflow_->Checkpoint(), checkpoint);
      checkpoint = dataflow_->Checkpoint();
      for (const TableId each : ids)
        for (const auto& ddl : ddls)
          if (ddl.first > finished && blocked(ddl, each)) {
            ASSERT_LE(Table(each).Checkpoint(), Ts(ddl.first));
          }
    }
    const uint64_t end = 10'000;
    Schema(end);
    dataflow_->FinishDdls(Ts(end));
    for (const TableId id : ids) dataflow_->AdvanceResolved(Table(id), Ts(end));
    for (Run(); sink.held() > 0; Run()) sink.Acknowledge();
    ASSERT_EQ(dataflow_->Checkpoint(), Ts(end));
    size_t events = 0;
    for (const auto& batch : sink.batches()) {
      events += batch->events.size();
      ASSERT_TRUE(std::ranges::is_sorted(batch->rows, {}, &RowChange::commit_ts));
    }
    ASSERT_LE(events, fed);
    ASSERT_FALSE(error_.has_value());
    dataflow_->Stop();
  }
}

}  // namespace
}  // namespace cdc
