#include "control/owner/feed_decision.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

std::vector<TableId> Tables(std::initializer_list<int> ids) {
  std::vector<TableId> tables;
  for (const int id : ids) tables.push_back(TableId{id});
  return tables;
}

DdlEventPtr Ddl(uint64_t ts, std::initializer_list<int> blocked,
                std::initializer_list<int> added = {}, std::initializer_list<int> dropped = {}) {
  auto ddl = std::make_shared<DdlEvent>();
  ddl->commit_ts = Ts(ts);
  ddl->blocked = Tables(blocked);
  ddl->added = Tables(added);
  ddl->dropped = Tables(dropped);
  return ddl;
}

// A cluster of one capture whose tables all run and have reached `position`.
FeedView Running(std::initializer_list<int> tables, uint64_t checkpoint, uint64_t position) {
  FeedView view;
  view.status = {.resolved_ts = Ts(checkpoint), .checkpoint_ts = Ts(checkpoint)};
  view.captures = {"c1"};
  view.tables = Tables(tables);
  for (const TableId table : view.tables)
    view.tasks["c1"].tables[table] = {.start_ts = Ts(checkpoint)};
  view.positions["c1"] = {
      .checkpoint_ts = Ts(position), .resolved_ts = Ts(position), .ddl_reached_ts = Ts(position)};
  view.schema_resolved = Ts(1000);
  return view;
}

TEST(FeedDecision, SpreadsTablesEvenlyFromTheCheckpoint) {
  FeedView view;
  view.status.checkpoint_ts = Ts(5);
  view.captures = {"c1", "c2"};
  view.tables = Tables({1, 2, 3, 4});
  view.schema_resolved = Ts(9);
  const FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.tasks.at("c1").tables.size(), 2u);
  EXPECT_EQ(decision.tasks.at("c2").tables.size(), 2u);
  for (const auto& [capture, task] : decision.tasks)
    for (const auto& [table, operation] : task.operations) EXPECT_EQ(operation.boundary_ts, Ts(5));
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(5)) << "nothing runs yet";
}

TEST(FeedDecision, CheckpointIsTheLeastPositionAndNeverGoesBack) {
  FeedView view = Running({1}, 10, 20);
  view.captures.insert("c2");
  view.tasks["c2"].tables[TableId{2}] = {.start_ts = Ts(10)};
  view.tables = Tables({1, 2});
  view.positions["c2"].checkpoint_ts = Ts(15);
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(15));
  view.positions["c2"].checkpoint_ts = Ts(5);
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(10));
  view.positions["c2"].checkpoint_ts = Ts(2000);
  view.schema_resolved = Ts(12);
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(12)) << "bounded by the schema";
}

TEST(FeedDecision, CheckpointWaitsForTablesThatDoNotRunYet) {
  FeedView view = Running({1, 2}, 10, 20);
  view.tasks["c1"].operations[TableId{2}] = {.boundary_ts = Ts(10)};
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(10));
  view.tasks["c1"].operations[TableId{2}].status = OperationStatus::kFinished;
  const FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(20));
  EXPECT_TRUE(decision.tasks.at("c1").operations.empty());
}

TEST(FeedDecision, WithoutTablesTheCheckpointFollowsTheSchema) {
  FeedView view;
  view.captures = {"c1"};
  view.schema_resolved = Ts(50);
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(50));
}

TEST(FeedDecision, ADeadCapturesTablesMoveAtOnce) {
  FeedView view = Running({1}, 10, 20);
  view.captures = {"c2"};
  const FeedDecision decision = DecideFeed(view);
  EXPECT_FALSE(decision.tasks.contains("c1"));
  EXPECT_EQ(decision.tasks.at("c2").tables.at(TableId{1}).start_ts, Ts(10));
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(10));
}

TEST(FeedDecision, ADdlStartsOnlyWhenItsTablesHaveReachedIt) {
  FeedView view = Running({1}, 10, 20);
  view.ddls = {Ddl(30, {1})};
  FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.status.ddl_started_ts, Ts());
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(20));
  view.positions["c1"].ddl_reached_ts = Ts(30);
  view.positions["c1"].checkpoint_ts = Ts(40);
  decision = DecideFeed(view);
  EXPECT_EQ(decision.status.ddl_started_ts, Ts(30));
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(29)) << "never past a DDL that is not finished";
  EXPECT_TRUE(decision.execute.empty()) << "first etcd must say that it has started";
}

TEST(FeedDecision, AStartedDdlIsExecutedThenFinished) {
  FeedView view = Running({1}, 29, 30);
  view.ddls = {Ddl(30, {1}), Ddl(30, {2}), Ddl(31, {1})};
  view.status.ddl_started_ts = Ts(30);
  EXPECT_EQ(DecideFeed(view).execute.size(), 2u) << "both of this ts, not the later one";
  view.executed = Ts(30);
  const FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.status.ddl_finished_ts, Ts(30));
  EXPECT_TRUE(decision.execute.empty());
}

TEST(FeedDecision, TablesThatADdlAddedStartAtIt) {
  FeedView view = Running({1}, 29, 30);
  view.status.ddl_started_ts = view.status.ddl_finished_ts = Ts(30);
  view.ddls = {Ddl(30, {}, {2})};
  view.tables = Tables({1, 2});
  const FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.tasks.at("c1").tables.at(TableId{2}).start_ts, Ts(30));
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(29));
}

TEST(FeedDecision, TablesThatADdlDroppedAreRemoved) {
  FeedView view = Running({1, 2}, 30, 30);
  view.tables = Tables({1});
  const FeedDecision decision = DecideFeed(view);
  EXPECT_FALSE(decision.tasks.at("c1").tables.contains(TableId{2}));
  EXPECT_TRUE(decision.tasks.at("c1").operations.at(TableId{2}).remove);
}

TEST(FeedDecision, ADdlIsFinishedOnlyWhenTheTablesThatItDroppedAreGone) {
  FeedView view = Running({1, 2}, 29, 30);
  view.ddls = {Ddl(30, {2}, {}, {2}), Ddl(31, {}, {2})};  // dropped, and flashed back
  view.status.ddl_started_ts = Ts(30);
  view.executed = Ts(30);
  FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.status.ddl_finished_ts, Ts()) << "table 2 would run into its second life";
  EXPECT_TRUE(decision.tasks.at("c1").operations.at(TableId{2}).remove);
  view.tasks = decision.tasks;
  EXPECT_EQ(DecideFeed(view).status.ddl_finished_ts, Ts()) << "not applied yet";
  view.tasks["c1"].operations.clear();
  decision = DecideFeed(view);
  EXPECT_EQ(decision.status.ddl_finished_ts, Ts(30));
  EXPECT_FALSE(decision.tasks.at("c1").tables.contains(TableId{2}));
}

TEST(FeedDecision, AfterARestartTablesStartBehindTheDdlsThatWereExecuted) {
  FeedView view;
  view.status = {.checkpoint_ts = Ts(10), .ddl_started_ts = Ts(30), .ddl_finished_ts = Ts(20)};
  view.captures = {"c1"};
  view.tables = Tables({1, 2, 3});
  view.ddls = {Ddl(20, {1}), Ddl(30, {2})};
  view.schema_resolved = Ts(29);
  EXPECT_TRUE(DecideFeed(view).tasks.empty()) << "the schema is not known up to the started DDL";
  view.schema_resolved = Ts(35);
  const FeedDecision decision = DecideFeed(view);
  const auto& tables = decision.tasks.at("c1").tables;
  EXPECT_EQ(tables.at(TableId{1}).start_ts, Ts(20));
  EXPECT_EQ(tables.at(TableId{2}).start_ts, Ts(30));
  EXPECT_EQ(tables.at(TableId{3}).start_ts, Ts(10));
  ASSERT_EQ(decision.execute.size(), 1u) << "started, not known to be finished: again";
  EXPECT_EQ(decision.execute[0]->commit_ts, Ts(30));
}

TEST(FeedDecision, CheckpointSkipsTheTimeBetweenTheStepsOfADdl) {
  FeedView view = Running({1}, 10, 35);
  auto ddl = std::make_shared<DdlEvent>(*Ddl(30, {1}));
  ddl->done_ts = Ts(40);
  view.ddls = {ddl};
  view.status.ddl_started_ts = view.status.ddl_finished_ts = Ts(30);
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(29));
  view.positions["c1"].checkpoint_ts = Ts(40);
  EXPECT_EQ(DecideFeed(view).status.checkpoint_ts, Ts(40));
}

TEST(FeedDecision, NothingAboveTheTargetAndThenItIsFinished) {
  FeedView view = Running({1}, 10, 100);
  view.target = Ts(40);
  view.ddls = {Ddl(41, {1})};
  const FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.status.checkpoint_ts, Ts(40));
  EXPECT_TRUE(decision.finished);
  EXPECT_EQ(decision.status.ddl_started_ts, Ts());
}

TEST(FeedDecision, AManualMoveLetsGoBeforeItAddsElsewhere) {
  FeedView view = Running({1}, 10, 20);
  view.captures.insert("c2");
  view.targets[TableId{1}] = "c2";
  FeedDecision decision = DecideFeed(view);
  const TableOperation& removal = decision.tasks.at("c1").operations.at(TableId{1});
  EXPECT_TRUE(removal.remove);
  EXPECT_EQ(removal.flag, TableOperation::kFlagMove);
  EXPECT_FALSE(decision.tasks.contains("c2"));
  view.tasks = decision.tasks;
  view.status = decision.status;
  decision = DecideFeed(view);
  EXPECT_FALSE(decision.tasks.contains("c2")) << "c1 still has it";
  view.tasks["c1"].operations[TableId{1}].status = OperationStatus::kFinished;
  decision = DecideFeed(view);
  EXPECT_EQ(decision.tasks.at("c2").tables.at(TableId{1}).start_ts, decision.status.checkpoint_ts);
}

TEST(FeedDecision, ANewCaptureGetsItsShareWhenAsked) {
  FeedView view = Running({1, 2, 3, 4}, 10, 20);
  view.captures.insert("c2");
  EXPECT_TRUE(DecideFeed(view).tasks.at("c1").operations.empty());
  view.rebalance = true;
  const FeedDecision decision = DecideFeed(view);
  EXPECT_EQ(decision.tasks.at("c1").tables.size(), 2u);
  EXPECT_FALSE(decision.balanced) << "the tables have not arrived";
}

// Lets every operation be applied and decides again, until nothing changes.
FeedDecision Settle(FeedView view) {
  for (int round = 0;; ++round) {
    EXPECT_LT(round, 100) << "it goes on for ever";
    for (auto& [capture, task] : view.tasks) {
      view.positions[capture] = view.positions.begin()->second;
      for (auto& [table, operation] : task.operations)
        operation.status = OperationStatus::kFinished;
    }
    FeedDecision decision = DecideFeed(view);
    if ((decision.tasks == view.tasks && decision.status == view.status) || round >= 100)
      return decision;
    view.tasks = decision.tasks;
    view.status = decision.status;
  }
}

TEST(FeedDecision, RebalancingLeavesNoCaptureShort) {
  FeedView view = Running({1, 2, 3, 4, 5}, 10, 20);
  view.captures = {"c1", "c2", "c3", "c4"};
  view.rebalance = true;
  const FeedDecision decision = Settle(view);
  EXPECT_TRUE(decision.balanced);
  std::multiset<size_t> loads;
  for (const auto& [capture, task] : decision.tasks) loads.insert(task.tables.size());
  EXPECT_EQ(loads, (std::multiset<size_t>{1, 1, 1, 2}));
}

TEST(FeedDecision, BetweenEqualsTheCaptureWithFewerTablesOfOtherChangefeedsIsTaken) {
  FeedView view;
  view.captures = {"c1", "c2", "c3"};
  view.tables = Tables({1});
  view.schema_resolved = Ts(9);
  view.other_tables = {{"c1", 3}, {"c2", 1}, {"c3", 2}};
  EXPECT_EQ(DecideFeed(view).tasks.begin()->first, "c2");
}

// A world that follows the decisions: captures come, die and act late; tables are written in commit
// order; DDLs come at random and touch, add or drop tables.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    view_.status.checkpoint_ts = Ts(1);
    view_.captures = {"c0"};
    for (int id = 1; id <= 5; ++id) Captured(1).insert(id);
  }

  void Step() {
    now_ += 1 + Roll(3);
    switch (Roll(8)) {
      case 0:
        view_.captures.insert(fmt::format("c{}", ++capture_));
        break;
      case 1:
        if (view_.captures.size() > 1)
          Kill(*std::next(view_.captures.begin(), Roll(view_.captures.size())));
        break;
      case 2:
        AddDdl();
        break;
      case 3:
        view_.rebalance = Roll(2) == 0;
        if (!view_.rebalance && !view_.tables.empty())
          view_.targets[view_.tables[Roll(view_.tables.size())]] =
              *std::next(view_.captures.begin(), Roll(view_.captures.size()));
        break;
      case 4:
        view_.executed = executing_;
        if (executing_) last_executed_ = std::max(last_executed_, *executing_);
        break;
      default:
        for (const CaptureId& capture : view_.captures)
          if (Roll(2) == 0) Act(capture);
    }
    if (Roll(20) == 0) {  // the owner restarts
      view_.executed.reset();
      executing_.reset();
      opened_at_ = view_.status.checkpoint_ts;
    }
    Decide();
  }

  Ts checkpoint() const { return view_.status.checkpoint_ts; }

 private:
  uint64_t Roll(uint64_t sides) { return random_() % sides; }

  // The ids captured from `ts` on (the newest version at or before it).
  std::set<int>& Captured(uint64_t ts) { return captured_[ts]; }

  void AddDdl() {
    now_ += 1;
    std::set<int> tables = std::prev(captured_.end())->second;
    auto ddl = std::make_shared<DdlEvent>();
    ddl->commit_ts = Ts(now_);
    if (!tables.empty()) {
      const int touched = *std::next(tables.begin(), Roll(tables.size()));
      ddl->blocked = {TableId{touched}};
      if (Roll(3) == 0) {
        ddl->dropped = {TableId{touched}};
        tables.erase(touched);
      }
    }
    if (Roll(2) == 0) {
      ddl->added = {TableId{++table_}};
      tables.insert(table_);
    }
    Captured(now_) = tables;
    ddls_.push_back(ddl);
  }

  void Kill(CaptureId capture) {
    view_.captures.erase(capture);
    running_.erase(capture);
    view_.positions.erase(capture);
  }

  // A processor's turn: applies its operations, writes as far as the barrier lets it, reports.
  void Act(const CaptureId& capture) {
    const auto task = view_.tasks.find(capture);
    if (task == view_.tasks.end()) return;
    auto& tables = running_[capture];
    for (auto& [id, operation] : task->second.operations) {
      if (operation.applied()) continue;
      if (operation.remove) {
        tables.erase(id);
      } else {
        for (const auto& [other, theirs] : running_)
          EXPECT_FALSE(theirs.contains(id)) << "table " << Raw(id) << " runs twice";
        tables[id] = operation.boundary_ts;
      }
      operation.status = OperationStatus::kFinished;
    }
    TaskPosition position{
        .checkpoint_ts = Ts(now_), .resolved_ts = Ts(now_), .ddl_reached_ts = Ts(now_)};
    for (auto& [id, reached] : tables) {
      Ts limit(now_);
      for (const DdlEventPtr& ddl : ddls_)
        if (ddl->commit_ts > view_.status.ddl_finished_ts &&
            std::ranges::find(ddl->blocked, id) != ddl->blocked.end())
          limit = std::min(limit, ddl->commit_ts);
      if (Roll(3) != 0) reached = std::max(reached, limit);
      position.checkpoint_ts = std::min(position.checkpoint_ts, reached);
      for (const DdlEventPtr& ddl : ddls_)
        if (reached < ddl->commit_ts && std::ranges::find(ddl->blocked, id) != ddl->blocked.end()) {
          position.ddl_reached_ts = std::min(position.ddl_reached_ts, ddl->commit_ts.Prev());
          break;
        }
    }
    view_.positions[capture] = position;
  }

  void Decide() {
    view_.schema_resolved = Ts(now_);
    view_.ddls.clear();
    for (const DdlEventPtr& ddl : ddls_)
      if (ddl->commit_ts > view_.status.checkpoint_ts) view_.ddls.push_back(ddl);
    const Ts at = std::max({opened_at_, view_.status.ddl_finished_ts, Ts(1)});
    view_.tables.clear();
    for (const int id : std::prev(captured_.upper_bound(at.raw()))->second)
      view_.tables.push_back(TableId{id});
    std::erase_if(view_.targets, [&](const auto& target) {
      const auto task = view_.tasks.find(target.second);
      return !view_.captures.contains(target.second) ||
             (task != view_.tasks.end() && task->second.tables.contains(target.first));
    });
    const FeedDecision decision = DecideFeed(view_);
    Check(decision);
    if (Roll(4) == 0) return;  // the transaction met a conflict
    view_.status = decision.status;
    view_.tasks = decision.tasks;
    std::erase_if(view_.tasks, [&](const auto& e) { return !view_.captures.contains(e.first); });
    std::erase_if(view_.positions, [&](const auto& e) { return !view_.tasks.contains(e.first); });
    std::erase_if(running_, [&](const auto& e) { return !view_.tasks.contains(e.first); });
    view_.rebalance = false;
    if (!decision.execute.empty()) executing_ = decision.execute.front()->commit_ts;
  }

  void Check(const FeedDecision& decision) {
    EXPECT_GE(decision.status.checkpoint_ts, view_.status.checkpoint_ts);
    EXPECT_GE(decision.status.ddl_started_ts, decision.status.ddl_finished_ts);
    std::set<TableId> seen;
    for (const auto& [capture, task] : decision.tasks)
      for (const auto& [table, replica] : task.tables)
        EXPECT_TRUE(seen.insert(table).second) << "table " << Raw(table) << " has two homes";
    for (const DdlEventPtr& ddl : ddls_) {
      if (ddl->commit_ts <= decision.status.ddl_finished_ts) {
        EXPECT_LE(ddl->commit_ts, last_executed_) << "finished without having been executed";
      } else {
        EXPECT_LT(decision.status.checkpoint_ts, ddl->commit_ts);
      }
    }
    for (const auto& [capture, tables] : running_)
      for (const auto& [table, reached] : tables)
        EXPECT_LE(decision.status.checkpoint_ts, reached) << "table " << Raw(table);
    if (decision.status.ddl_started_ts > view_.status.ddl_started_ts) {
      const auto ddl = *std::ranges::find(ddls_, decision.status.ddl_started_ts,
                                          [](const DdlEventPtr& d) { return d->commit_ts; });
      for (const auto& [capture, tables] : running_)
        for (const TableId id : ddl->blocked)
          if (tables.contains(id)) {
            EXPECT_GE(tables.at(id), ddl->commit_ts);
          }
    }
  }

  std::mt19937_64 random_;
  uint64_t now_ = 1;
  int capture_ = 0;
  int table_ = 5;
  Ts opened_at_{1};
  FeedView view_;
  std::vector<DdlEventPtr> ddls_;
  std::map<uint64_t, std::set<int>> captured_;
  std::map<CaptureId, std::map<TableId, Ts>> running_;  // how far each table is written
  std::optional<Ts> executing_;
  Ts last_executed_;
};

TEST(FeedDecision, KeepsItsInvariantsOverRandomHistories) {
  Ts furthest;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) world.Step();
    furthest = std::max(furthest, world.checkpoint());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(furthest, Ts(100)) << "the histories get somewhere";
}

}  // namespace
}  // namespace cdc
