#include "control/capture/processor_manager.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

// What a test and the fake processor share; outlives the processor.
struct Stage {
  std::map<TableId, Ts> tables;
  Ts ddl_finished;
  ProcessorPosition position{.checkpoint = Ts(5), .resolved = Ts(5)};
  int started = 0;
  std::string cluster;
  std::atomic<bool> running = false;
  bool leaving = false;                // what was removed is still with the sink
  std::mutex* end_allowed = nullptr;   // held by the test: the processor's end waits for it
  std::mutex* look_allowed = nullptr;  // the same for Progress
  std::atomic<bool> looked_at = false;
};

class FakeProcessor : public Processor {
 public:
  explicit FakeProcessor(Stage& stage) : stage_(stage) {
    ++stage_.started;
    stage_.tables.clear();
    stage_.running = true;
  }
  ~FakeProcessor() override {
    if (stage_.end_allowed != nullptr) std::lock_guard wait(*stage_.end_allowed);
    stage_.running = false;
  }
  void AddTable(TableId table, Ts start) override { stage_.tables.try_emplace(table, start); }
  std::optional<Ts> RemoveTable(TableId table) override {
    const auto it = stage_.tables.find(table);
    if (it == stage_.tables.end()) return std::nullopt;
    stage_.tables.erase(it);
    return Ts(77);
  }
  bool IsLeaving(TableId) const override { return stage_.leaving; }
  void SetDdlFinished(Ts ts) override { stage_.ddl_finished = ts; }
  void ForgetSchemaBefore(Ts) override {}
  ProcessorPosition Position() const override { return stage_.position; }
  std::vector<TableId> Tables() const override { return {}; }
  std::vector<TableProgress> Progress() const override {
    stage_.looked_at = true;
    if (stage_.look_allowed != nullptr) std::lock_guard wait(*stage_.look_allowed);
    return {};
  }

 private:
  Stage& stage_;
};

class ProcessorManagerTest : public testing::Test {
 protected:
  ProcessorManagerTest() {
    ChangefeedInfo info;
    info.sink_uri = "blackhole://";
    Put(paths_.Info("f"), info.ToJson());
    Put(paths_.Status("f"), ChangefeedStatus{.checkpoint_ts = Ts(5)}.ToJson());
  }

  void Put(const std::string& key, std::optional<std::string> value) {
    ++revision_;
    state_.Apply({.revision = revision_,
                  .events = {{.kv = {.key = key,
                                     .value = value.value_or(""),
                                     .create_revision = revision_,
                                     .mod_revision = revision_,
                                     .lease = {}},
                              .deleted = !value}}});
  }

  // One tick, and what it asks for is done.
  void Tick() {
    now_ += 1s;
    const auto patches = manager_->Tick(state_, now_).value();
    state_.ClearChanges();
    for (const EtcdPatch& patch : patches) Put(patch.key, patch.value);
  }
  void TickUntil(const std::function<bool()>& condition) {
    const SteadyTime deadline = SystemClock().Now() + 20s;
    while (!condition() && SystemClock().Now() < deadline) {
      Tick();
      (void)SystemClock().SleepFor(1ms, {});
    }
    EXPECT_TRUE(condition());
  }

  // A tick that begins a run only says so; the next one starts it.
  void Assign(const TaskStatus& task) {
    Put(TaskKey(), task.ToJson());
    if (state_.Find(PositionKey()) == nullptr) Tick();
  }
  std::string TaskKey() const { return paths_.TaskStatus("c", "f"); }
  std::string PositionKey() const { return paths_.TaskPosition("c", "f"); }
  TaskStatus Task() const { return TaskStatus::FromJson(state_.Find(TaskKey())->value).value(); }
  TaskPosition Position() const {
    return TaskPosition::FromJson(state_.Find(PositionKey())->value).value();
  }

  KeyPaths paths_{"here"};
  Stage stage_;
  int64_t revision_ = 0;
  SteadyTime now_;
  EtcdState state_;
  std::unique_ptr<ProcessorManager> manager_ = std::make_unique<ProcessorManager>(
      ProcessorManagerOptions{.paths = paths_,
                              .capture = {"c", "a:1", "v"},
                              .time_zone = "",
                              .clock = &SystemClock(),
                              .start = [this](ProcessorOptions options) {
                                stage_.cluster = options.cluster;
                                return std::make_unique<FakeProcessor>(stage_);
                              }});
};

TaskStatus OneTable() {
  TaskStatus task;
  task.tables[TableId{1}] = {.start_ts = Ts(9)};
  task.operations[TableId{1}] = {.boundary_ts = Ts(9)};
  return task;
}

TEST_F(ProcessorManagerTest, RunsWhatIsAssignedAndReportsIt) {
  Tick();
  EXPECT_EQ(stage_.started, 0) << "nothing is assigned";
  Assign(OneTable());
  Tick();
  EXPECT_EQ(stage_.tables.at(TableId{1}), Ts(9));
  EXPECT_TRUE(Task().operations.at(TableId{1}).applied());
  EXPECT_EQ(Position().checkpoint_ts, Ts(5));
  stage_.position = {.checkpoint = Ts(20), .resolved = Ts(30), .ddl_reached = Ts(25), .rows = 3};
  Put(paths_.Status("f"),
      ChangefeedStatus{.checkpoint_ts = Ts(5), .ddl_finished_ts = Ts(8)}.ToJson());
  Tick();
  EXPECT_EQ(Position().checkpoint_ts, Ts(20));
  EXPECT_EQ(Position().ddl_reached_ts, Ts(25));
  EXPECT_EQ(Position().count, 3u);
  EXPECT_EQ(stage_.ddl_finished, Ts(8));
  EXPECT_EQ(stage_.started, 1);
  EXPECT_EQ(stage_.cluster, "here");
}

// Found by the simulation: a task that was taken back before the first position had reached etcd
// looked as if nobody had begun it, while its processor wrote.
TEST_F(ProcessorManagerTest, NothingStartsBeforeItsPositionIsInEtcd) {
  Put(TaskKey(), OneTable().ToJson());
  const auto patches = manager_->Tick(state_, now_ += 1s).value();
  state_.ClearChanges();
  ASSERT_EQ(patches.size(), 1u);
  EXPECT_EQ(patches[0].key, PositionKey());
  Put(TaskKey(), std::nullopt);  // comes first, so that the position meets a conflict
  Tick();
  EXPECT_EQ(stage_.started, 0);
}

TEST_F(ProcessorManagerTest, ARemovalReportsWhereTheTableStood) {
  Assign(OneTable());
  Tick();
  TaskStatus task;
  task.operations[TableId{1}] = {.remove = true, .boundary_ts = Ts(5)};
  Assign(task);
  Tick();
  EXPECT_TRUE(stage_.tables.empty());
  EXPECT_TRUE(Task().operations.at(TableId{1}).applied());
  EXPECT_EQ(Task().operations.at(TableId{1}).boundary_ts, Ts(77));
}

TEST_F(ProcessorManagerTest, ARemovalIsNotFinishedWhileRowsAreOnTheirWay) {
  Assign(OneTable());
  Tick();
  TaskStatus task;
  task.operations[TableId{1}] = {.remove = true, .boundary_ts = Ts(5)};
  Assign(task);
  stage_.leaving = true;
  Tick();
  Tick();
  EXPECT_TRUE(stage_.tables.empty());
  EXPECT_FALSE(Task().operations.at(TableId{1}).applied()) << "another capture would start it";
  stage_.leaving = false;
  Tick();
  EXPECT_TRUE(Task().operations.at(TableId{1}).applied());
  EXPECT_EQ(Task().operations.at(TableId{1}).boundary_ts, Ts(77));
}

TEST_F(ProcessorManagerTest, ThePositionGoesOnlyWhenTheProcessorHasEnded) {
  std::mutex end_allowed;
  std::unique_lock holding(end_allowed);
  stage_.end_allowed = &end_allowed;
  Assign(OneTable());
  Tick();
  Put(TaskKey(), std::nullopt);
  Tick();
  Tick();
  EXPECT_NE(state_.Find(PositionKey()), nullptr) << "it may still write";
  Assign(OneTable());
  Tick();
  EXPECT_EQ(stage_.started, 1) << "not twice at a time";
  holding.unlock();
  TickUntil([&] { return stage_.started == 2; });
  Put(TaskKey(), std::nullopt);
  TickUntil([&] { return state_.Find(PositionKey()) == nullptr; });
  EXPECT_FALSE(stage_.running);
}

TEST_F(ProcessorManagerTest, AnErrorIsReportedAndWaitsForTheOwner) {
  Assign(OneTable());
  Tick();
  stage_.position.error = Status(Code::kMySqlConnection, "gone away");
  Tick();
  EXPECT_EQ(Position().error->code, "CDC:ErrMySQLConnectionError");
  EXPECT_EQ(Position().error->address, "a:1");
  TickUntil([&] { return !stage_.running; });
  Tick();
  EXPECT_EQ(stage_.started, 1) << "the owner has not reacted yet";
  Put(TaskKey(), std::nullopt);
  TickUntil([&] { return state_.Find(PositionKey()) == nullptr; });
  stage_.position.error.reset();
  Assign(OneTable());
  TickUntil([&] { return stage_.started == 2; });
  EXPECT_FALSE(Position().error.has_value());
}

TEST_F(ProcessorManagerTest, AConfigurationThatCannotBeReadIsAnErrorOfTheChangefeed) {
  ChangefeedInfo info;
  info.sink_uri = "no uri";
  Put(paths_.Info("f"), info.ToJson());
  Assign(OneTable());
  Tick();
  EXPECT_EQ(Position().error->code, "CDC:ErrSinkURIInvalid");
  EXPECT_EQ(stage_.started, 0);
}

TEST_F(ProcessorManagerTest, PositionsThatOnlyMoveOnAreWrittenNowAndThen) {
  Assign(OneTable());
  Tick();
  stage_.position.checkpoint = Ts(50);
  now_ += 1ms;
  EXPECT_TRUE(manager_->Tick(state_, now_)->empty());
  Tick();
  EXPECT_EQ(Position().checkpoint_ts, Ts(50));
}

TEST_F(ProcessorManagerTest, AProcessorThatSomeoneLooksAtHasNotEnded) {
  std::mutex look;
  std::unique_lock held(look);
  stage_.look_allowed = &look;
  Assign(OneTable());
  Tick();
  std::jthread reader([&] { (void)manager_->Progress("f"); });
  TickUntil([&] { return stage_.looked_at.load(); });
  Put(TaskKey(), std::nullopt);
  for (int i = 0; i < 50; ++i) {
    Tick();
    (void)SystemClock().SleepFor(1ms, {});
    ASSERT_TRUE(stage_.running);
    ASSERT_NE(state_.Find(PositionKey()), nullptr) << "the owner would take it for ended";
  }
  held.unlock();
  TickUntil([&] { return state_.Find(PositionKey()) == nullptr; });
  EXPECT_FALSE(stage_.running);
}

}  // namespace
}  // namespace cdc
