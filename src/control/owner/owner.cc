#include "control/owner/owner.h"

#include <algorithm>

#include "base/log.h"
#include "base/metrics.h"

namespace cdc {
namespace {

constexpr Duration kSchemaGcInterval = 10s;
constexpr Duration kShowInterval = 1s;  // of metrics and debug info

// Whether checkpoint and resolved ts are all that differs.
bool OnlyMovesOn(ChangefeedStatus before, const ChangefeedStatus& after) {
  before.checkpoint_ts = after.checkpoint_ts;
  before.resolved_ts = after.resolved_ts;
  return before == after;
}

// Whether there is something that the next step of a processor may decide.
bool IsInMotion(const FeedView& now, const FeedDecision& decision) {
  if (now.rebalance || !now.targets.empty()) return true;
  if (!now.ddls.empty() && now.ddls.back()->commit_ts > decision.status.ddl_finished_ts)
    return true;
  return std::ranges::any_of(decision.tasks,
                             [](const auto& task) { return !task.second.operations.empty(); });
}

// What is left of a changefeed after its removal is kept so long.
constexpr Duration kResidueKept = std::chrono::hours(24);

}  // namespace

Owner::Owner(OwnerOptions options)
    : options_(std::move(options)),
      view_(options_.paths),
      pace_(options_.progress_interval),
      gc_(std::make_unique<GcKeeper>(*options_.pd, options_.paths.gc_service(), options_.gc_ttl,
                                     *options_.clock)) {}

Owner::~Owner() {
  for (auto& [id, feed] : feeds_)
    if (feed.runner) Retire(std::move(feed.runner));  // all at the same time
  retiring_.clear();  // they tell us their news until they have ended
}

void Owner::EnqueueJob(AdminJob job, JobDone done) {
  jobs_.Push(std::move(job), options_.clock->Now(), std::move(done));
  options_.wake();
}

void Owner::TriggerRebalance(const ChangefeedId& changefeed) {
  {
    std::lock_guard lock(mutex_);
    requests_.rebalances.insert(changefeed);
  }
  options_.wake();
}

void Owner::MoveTable(const ChangefeedId& changefeed, TableId table, const CaptureId& capture) {
  {
    std::lock_guard lock(mutex_);
    requests_.moves.emplace_back(changefeed, table, capture);
  }
  options_.wake();
}

void Owner::AsyncStop() {
  stop_ = true;
  options_.wake();
}

std::string Owner::DebugInfo() const {
  std::lock_guard lock(mutex_);
  return debug_info_;
}

int64_t Owner::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             options_.clock->WallNow().time_since_epoch())
      .count();
}

void Owner::TakeRequests() {
  Requests taken;
  {
    std::lock_guard lock(mutex_);
    std::swap(taken, requests_);
  }
  const auto running = [&](const ChangefeedId& id, const char* what) {
    const auto feed = feeds_.find(id);
    const bool runs = feed != feeds_.end() && feed->second.runner;
    if (!runs) LogWarn("{} of changefeed {} dropped: it does not run", what, id);
    return runs;
  };
  for (const auto& [id, table, capture] : taken.moves)
    if (running(id, "move of a table")) feeds_[id].targets[table] = capture;
  if (!taken.moves.empty() || !taken.rebalances.empty()) news_ = true;
  for (const ChangefeedId& id : taken.rebalances)
    if (running(id, "rebalancing")) feeds_[id].rebalance = true;
}

void Owner::CountTables() {
  tables_.clear();
  for (const auto& [id, feed] : view_.changefeeds())
    for (const auto& [capture, task] : feed.tasks) tables_[capture] += task.tables.size();
}

Result<std::vector<EtcdPatch>> Owner::Tick(const EtcdState& state, SteadyTime now) {
  now_ = now;
  if (stop_) return Error(Code::kReactorFinished, "asked to stop being the owner");
  view_.Apply(state);
  std::erase_if(retiring_, [](const auto& entry) { return entry.first->load(); });
  TakeRequests();
  const auto generation = [&](const ChangefeedId& id) {
    const EtcdState::Value* info = state.Find(options_.paths.Info(id));
    return info ? info->create_revision : 0;
  };
  const std::map<ChangefeedId, AdminJob> jobs = jobs_.Take(view_, generation, now);
  progress_due_ = pace_.Due(view_.changefeeds().size(), now);
  const bool quiet = jobs.empty() && !news_ && !progress_due_ && !view_.captures_changed() &&
                     view_.changed().empty() && view_.moved().empty();
  if (quiet) return std::vector<EtcdPatch>();
  UpdateGc();
  CountTables();
  EtcdPatches patches(state);
  TickAll(jobs, &patches);
  std::erase_if(feeds_, [&](const auto& entry) {
    return !view_.changefeeds().contains(entry.first) && !entry.second.runner;
  });
  if (now - described_at_ >= kShowInterval) {
    described_at_ = now;
    std::string info = Describe();
    std::lock_guard lock(mutex_);
    debug_info_ = std::move(info);
  }
  return patches.Take();
}

// Of a changefeed about which nothing has changed, only its progress can be new: it waits for that.
void Owner::TickAll(const std::map<ChangefeedId, AdminJob>& jobs, EtcdPatches* patches) {
  const bool all = news_.exchange(false) || progress_due_ || view_.captures_changed();
  for (const auto& [id, feed_view] : view_.changefeeds()) {
    const auto job = jobs.find(id);
    if (job != jobs.end())
      TickFeed(id, feed_view, job->second, patches);
    else if (all || view_.changed().contains(id) ||
             (view_.moved().contains(id) && feeds_[id].in_motion))
      TickFeed(id, feed_view, std::nullopt, patches);
  }
}

std::string Owner::Describe() const {
  std::string text = fmt::format("captures: {}\nchangefeeds: {}\n", view_.captures().size(),
                                 view_.changefeeds().size());
  for (const auto& [id, capture] : view_.captures())
    text += fmt::format("capture {} {}\n", id, capture.address);
  for (const auto& [id, feed] : view_.changefeeds()) {
    text += fmt::format("{}: {} {}\n", id, feed.info ? FeedStateName(feed.info->state) : "removed",
                        feed.status ? feed.status->ToJson() : "{}");
    if (const auto hold = gc_->Find(id))
      text += fmt::format("  gc safe point {} {} ttl {}s\n", hold->service, hold->safe_point,
                          hold->ttl.count());
    for (const auto& [capture, task] : feed.tasks)
      text += fmt::format("  capture {}: {} tables, {} operations\n", capture, task.tables.size(),
                          task.operations.size());
  }
  return text;
}

void Owner::TickFeed(const ChangefeedId& id, const ChangefeedView& view,
                     std::optional<AdminJob> job, EtcdPatches* patches) {
  Feed& feed = feeds_[id];
  DropDeadCaptures(id, view, patches);
  if (!view.info) return TickResidue(id, view, job, &feed, patches);
  feed.residue_since.reset();
  const bool own_job = !job && feed.finished;
  if (own_job) job = AdminJob{.changefeed = id, .type = AdminJobType::kFinish};
  FeedStep step = StepFeedState(*view.info, job, CollectErrors(id, view, feed), NowMs());
  if (job) LogInfo("admin job {} for changefeed {}", static_cast<int>(job->type), id);
  if (step.refused && !own_job) {
    LogWarn("changefeed {}: {}", id, step.refused->ToString());
    jobs_.Refuse(id, *step.refused);
  }
  if (step.remove) {
    patches->Delete(options_.paths.Info(id));
    patches->Delete(options_.paths.Status(id));
    return StopFeed(id, view, &feed, patches);
  }
  if (step.info != *view.info) {
    if (step.info.state != view.info->state)
      LogInfo("changefeed {} is {} now, was {}", id, FeedStateName(step.info.state),
              FeedStateName(view.info->state));
    patches->Set(options_.paths.Info(id), step.info.ToJson());
  }
  if (now_ - feed.shown_at >= kShowInterval) {
    feed.shown_at = now_;
    if (!feed.metrics) feed.metrics = std::make_unique<OwnerFeedMetrics>(Metrics(), id);
    feed.metrics->Show(view, step.info.state, NowMs());
  }
  if (step.run) return RunFeed(id, view, step.info, &feed, patches);
  if (view.status && view.status->admin_job_type != step.info.admin_job_type) {
    ChangefeedStatus status = *view.status;
    status.admin_job_type = step.info.admin_job_type;
    patches->Set(options_.paths.Status(id), status.ToJson());
  }
  StopFeed(id, view, &feed, patches);
}

// A changefeed without info was removed: what is left of it goes, its status last.
void Owner::TickResidue(const ChangefeedId& id, const ChangefeedView& view,
                        const std::optional<AdminJob>& job, Feed* feed, EtcdPatches* patches) {
  const SteadyTime since = feed->residue_since.value_or(now_);
  StopFeed(id, view, feed, patches);
  feed->residue_since = since;
  const bool removed = job && job->type == AdminJobType::kRemove;
  if (job && !removed)
    jobs_.Refuse(id, Status(Code::kChangefeedNotExists, "changefeed {} has been removed", id));
  if (removed || now_ - since >= kResidueKept) patches->Delete(options_.paths.Status(id));
}

// From the processors (those that are still wanted: others have been counted), from our own work,
// and from GC.
std::vector<RunningError> Owner::CollectErrors(const ChangefeedId& id, const ChangefeedView& view,
                                               const Feed& feed) const {
  std::vector<RunningError> errors;
  if (!HoldsBackGc(view.info->state)) return errors;  // for good: there is nothing to end
  for (const auto& [capture, position] : view.positions)
    if (position.error && view.tasks.contains(capture)) errors.push_back(*position.error);
  if (feed.runner)
    if (const Status status = feed.runner->error(); !status.ok())
      errors.push_back(ToRunningError(status, options_.address));
  const Status gc = gc_->Check(id, view.Checkpoint());
  if (!gc.ok() && gc.code() != Code::kUpdateSafepoint)
    errors.push_back(ToRunningError(gc, options_.address));
  for (const RunningError& error : errors)
    LogError("changefeed {} failed at {}: [{}]{}", id, error.address, error.code, error.message);
  return errors;
}

void Owner::DropDeadCaptures(const ChangefeedId& id, const ChangefeedView& view,
                             EtcdPatches* patches) {
  for (const auto& [capture, task] : view.tasks)
    if (!view_.captures().contains(capture))
      patches->Delete(options_.paths.TaskStatus(capture, id));
  for (const auto& [capture, position] : view.positions)
    if (!view_.captures().contains(capture))
      patches->Delete(options_.paths.TaskPosition(capture, id));
}

// Takes the tasks away; each capture then ends its dataflow and deletes its position.
void Owner::StopFeed(const ChangefeedId& id, const ChangefeedView& view, Feed* feed,
                     EtcdPatches* patches) {
  if (feed->runner) Retire(std::move(feed->runner));
  Feed fresh;
  fresh.metrics = std::move(feed->metrics);
  fresh.shown_at = feed->shown_at;
  *feed = std::move(fresh);
  for (const auto& [capture, task] : view.tasks)
    patches->Delete(options_.paths.TaskStatus(capture, id));
}

void Owner::RunFeed(const ChangefeedId& id, const ChangefeedView& view, const ChangefeedInfo& info,
                    Feed* feed, EtcdPatches* patches) {
  if (!feed->runner) {
    if (!gc_->Check(id, view.Checkpoint()).ok()) return;  // first make sure that the data stays
    for (const auto& [capture, position] : view.positions)
      if (view_.captures().contains(capture) && !view.tasks.contains(capture))
        return;  // the run before this has not ended everywhere yet
    LogInfo("changefeed {} starts at checkpoint {}", id, view.Checkpoint());
    feed->runner = std::make_unique<FeedRunner>(
        FeedRunnerOptions{.changefeed = id,
                          .cluster = options_.paths.cluster(),
                          .info = info,
                          .checkpoint = view.Checkpoint(),
                          .ddl_started = view.status ? view.status->ddl_started_ts : Ts(),
                          .time_zone = options_.time_zone,
                          .clock = options_.clock,
                          .may_write = options_.may_write,
                          .on_change =
                              [this] {
                                news_ = true;
                                options_.wake();
                              },
                          .seams = options_.seams});
    return;
  }
  if (feed->runner->schema() != nullptr) Decide(id, view, info, feed, patches);
}

void Owner::ForgetTargets(const ChangefeedId& id, const ChangefeedView& view, Feed* feed) {
  std::erase_if(feed->targets, [&](const auto& target) {
    const auto& [table, capture] = target;
    if (!view_.captures().contains(capture)) {
      LogWarn("table {} of changefeed {} cannot be moved: there is no capture {}", Raw(table), id,
              capture);
      return true;
    }
    const auto task = view.tasks.find(capture);
    return task != view.tasks.end() && task->second.tables.contains(table);
  });
}

std::optional<FeedView> Owner::MakeView(const ChangefeedId& id, const ChangefeedView& view,
                                        const ChangefeedInfo& info, Feed* feed) {
  SchemaStore& schema = *feed->runner->schema();
  ForgetTargets(id, view, feed);
  FeedView now;
  now.status = view.status.value_or(
      ChangefeedStatus{.resolved_ts = view.Checkpoint(), .checkpoint_ts = view.Checkpoint()});
  now.status.admin_job_type = AdminJobType::kNone;
  now.target = info.TargetOrMax();
  for (const auto& [capture, ignored] : view_.captures()) now.captures.insert(capture);
  now.tasks = view.tasks;
  now.positions = view.positions;
  now.schema_resolved = schema.resolved();
  now.ddls = schema.DdlsAfter(now.status.checkpoint_ts);
  now.executed = feed->runner->executed();
  now.targets = feed->targets;
  now.rebalance = feed->rebalance;
  const Ts tables_at = std::max(feed->runner->opened_at(), now.status.ddl_finished_ts);
  if (feed->tables_at != tables_at && now.schema_resolved >= tables_at) {
    feed->tables.clear();
    for (const PhysicalTable& table : schema.CapturedTables(tables_at))
      feed->tables.push_back(table.id);
    feed->tables_at = tables_at;
  }
  if (feed->tables_at != tables_at) return std::nullopt;
  now.tables = feed->tables;
  now.other_tables = tables_;
  for (const auto& [capture, task] : view.tasks) now.other_tables[capture] -= task.tables.size();
  return now;
}

void Owner::Decide(const ChangefeedId& id, const ChangefeedView& view, const ChangefeedInfo& info,
                   Feed* feed, EtcdPatches* patches) {
  const std::optional<FeedView> known = MakeView(id, view, info, feed);
  if (!known) return;  // the schema is not read that far yet
  const FeedView& now = *known;
  FeedDecision decision = DecideFeed(now);
  // What only moves on waits for its turn.
  if (!view.status || !OnlyMovesOn(*view.status, decision.status) || progress_due_)
    patches->Set(options_.paths.Status(id), decision.status.ToJson());
  for (const auto& [capture, task] : decision.tasks) {
    const auto before = view.tasks.find(capture);
    const size_t had = before == view.tasks.end() ? 0 : before->second.tables.size();
    tables_[capture] += task.tables.size() - had;  // for the changefeeds that come after this one
    if (before == view.tasks.end() || before->second != task)
      patches->Set(options_.paths.TaskStatus(capture, id), task.ToJson());
  }
  if (decision.balanced) feed->rebalance = false;
  feed->in_motion = IsInMotion(now, decision);
  // Started is written before anything is executed: that is what `view` must show.
  if (!decision.execute.empty()) feed->runner->Execute(std::move(decision.execute));
  feed->runner->SetCheckpoint(now.status.checkpoint_ts);
  if (now_ - feed->schema_collected >= kSchemaGcInterval) {
    feed->runner->ForgetSchemaBefore(now.status.checkpoint_ts);
    feed->schema_collected = now_;
  }
  // Once etcd shows the target as checkpoint, that is all that is left to do.
  feed->finished = decision.finished && now.status.checkpoint_ts >= now.target;
}

void Owner::UpdateGc() {
  std::map<ChangefeedId, Ts> checkpoints;
  for (const auto& [id, feed] : view_.changefeeds())
    if (feed.info && HoldsBackGc(feed.info->state)) checkpoints.emplace(id, feed.Checkpoint());
  gc_->SetCheckpoints(std::move(checkpoints));
}

void Owner::Retire(std::unique_ptr<FeedRunner> runner) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  std::jthread thread([done, runner = std::move(runner)]() mutable {
    runner.reset();
    *done = true;
  });
  retiring_.emplace_back(std::move(done), std::move(thread));
}

}  // namespace cdc
