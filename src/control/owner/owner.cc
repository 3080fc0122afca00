#include "control/owner/owner.h"

#include <algorithm>

#include "base/log.h"
#include "base/metrics.h"

namespace cdc {
namespace {

constexpr Duration kSchemaGcInterval = 10s;

void ShowMetrics(const ChangefeedId& id, const ChangefeedStatus& status, int64_t now_ms) {
  const Labels labels = {{"changefeed", id}};
  const auto lag = [&](Ts ts) {
    return static_cast<double>(now_ms - static_cast<int64_t>(ts.unix_ms())) / 1000;
  };
  Metrics()
      .Gauge("ticdc_owner_checkpoint_ts", "Checkpoint of the changefeed, Unix ms.", labels)
      .Set(static_cast<double>(status.checkpoint_ts.unix_ms()));
  Metrics()
      .Gauge("ticdc_owner_checkpoint_ts_lag", "Seconds that the checkpoint is behind.", labels)
      .Set(lag(status.checkpoint_ts));
  Metrics()
      .Gauge("ticdc_owner_resolved_ts_lag", "Seconds that the resolved ts is behind.", labels)
      .Set(lag(status.resolved_ts));
}

// Whether checkpoint and resolved ts are all that differs.
bool OnlyMovesOn(ChangefeedStatus before, const ChangefeedStatus& after) {
  before.checkpoint_ts = after.checkpoint_ts;
  before.resolved_ts = after.resolved_ts;
  return before == after;
}

bool HoldsBackGc(FeedState state) {
  return state == FeedState::kNormal || state == FeedState::kError || state == FeedState::kStopped;
}

constexpr Duration kUnknownFeedPatience = 10s;

}  // namespace

Owner::Owner(OwnerOptions options)
    : options_(std::move(options)),
      view_(options_.paths),
      gc_(std::make_unique<GcKeeper>(*options_.pd, options_.gc_ttl, *options_.clock)) {}

Owner::~Owner() {
  for (auto& [id, feed] : feeds_)
    if (feed.runner) Retire(std::move(feed.runner));  // all at the same time
}

void Owner::EnqueueJob(AdminJob job) {
  {
    std::lock_guard lock(mutex_);
    requests_.jobs.push_back({std::move(job), options_.clock->Now()});
  }
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

// One job per changefeed and tick: each is decided on a state that shows the one before. A job may
// be here before our watch has seen its changefeed: it waits for a while.
Owner::Requests Owner::TakeRequests() {
  std::lock_guard lock(mutex_);
  Requests taken;
  std::deque<PendingJob> later;
  std::set<ChangefeedId> seen;
  for (PendingJob& pending : requests_.jobs) {
    const ChangefeedId& id = pending.job.changefeed;
    if (view_.changefeeds().contains(id))
      (seen.insert(id).second ? taken.jobs : later).push_back(std::move(pending));
    else if (now_ - pending.since < kUnknownFeedPatience)
      later.push_back(std::move(pending));
    else
      LogWarn("admin job {} dropped: there is no changefeed {}", static_cast<int>(pending.job.type),
              id);
  }
  requests_.jobs = std::move(later);
  taken.rebalances.swap(requests_.rebalances);
  taken.moves.swap(requests_.moves);
  return taken;
}

Result<std::vector<EtcdPatch>> Owner::Tick(const EtcdState& state, SteadyTime now) {
  now_ = now;
  if (stop_) return Error(Code::kReactorFinished, "asked to stop being the owner");
  view_.Apply(state);
  std::erase_if(retiring_, [](const auto& entry) { return entry.first->load(); });
  Requests requests = TakeRequests();
  for (const auto& [id, table, capture] : requests.moves) feeds_[id].targets[table] = capture;
  for (const ChangefeedId& id : requests.rebalances) feeds_[id].rebalance = true;
  UpdateGc();
  EtcdPatches patches(state);
  for (const auto& [id, feed_view] : view_.changefeeds()) {
    std::optional<AdminJob> job;
    for (const PendingJob& pending : requests.jobs)
      if (pending.job.changefeed == id) job = pending.job;
    TickFeed(id, feed_view, std::move(job), &patches);
  }
  std::erase_if(feeds_, [&](const auto& entry) {
    return !view_.changefeeds().contains(entry.first) && !entry.second.runner;
  });
  std::string info = fmt::format("changefeeds: {}\n", view_.changefeeds().size());
  for (const auto& [id, feed_view] : view_.changefeeds())
    info += fmt::format("{}: {} {}\n", id,
                        feed_view.info ? FeedStateName(feed_view.info->state) : "removed",
                        feed_view.status ? feed_view.status->ToJson() : "{}");
  {
    std::lock_guard lock(mutex_);
    debug_info_ = std::move(info);
  }
  return patches.Take();
}

void Owner::TickFeed(const ChangefeedId& id, const ChangefeedView& view,
                     std::optional<AdminJob> job, EtcdPatches* patches) {
  Feed& feed = feeds_[id];
  DropDeadCaptures(id, view, patches);
  if (!view.info) {  // removed: what is left of it goes
    if (job && job->force_remove) patches->Delete(options_.paths.Status(id));
    return StopFeed(id, view, &feed, patches);
  }
  FeedStep step = StepFeedState(*view.info, job, CollectErrors(id, view, feed), NowMs());
  if (job) LogInfo("admin job {} for changefeed {}", static_cast<int>(job->type), id);
  if (step.refused) LogWarn("changefeed {}: {}", id, step.refused->ToString());
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
  Metrics()
      .Gauge("ticdc_owner_status", "State of the changefeed.", {{"changefeed", id}})
      .Set(FeedStateNumber(step.info.state));
  if (step.run) return RunFeed(id, view, step.info, &feed, patches);
  if (view.status && view.status->admin_job_type != step.info.admin_job_type) {
    ChangefeedStatus status = *view.status;
    status.admin_job_type = step.info.admin_job_type;
    patches->Set(options_.paths.Status(id), status.ToJson());
  }
  StopFeed(id, view, &feed, patches);
}

// From the processors (those that are still wanted: others have been counted), from our own work,
// and from GC.
std::vector<RunningError> Owner::CollectErrors(const ChangefeedId& id, const ChangefeedView& view,
                                               const Feed& feed) const {
  std::vector<RunningError> errors;
  if (view.info->state != FeedState::kNormal && view.info->state != FeedState::kError)
    return errors;  // it does not run: there is nothing to end
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
  *feed = {};
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
                          .info = info,
                          .checkpoint = view.Checkpoint(),
                          .ddl_started = view.status ? view.status->ddl_started_ts : Ts(),
                          .time_zone = options_.time_zone,
                          .clock = options_.clock,
                          .may_write = options_.may_write,
                          .on_change = options_.wake,
                          .seams = options_.seams});
    return;
  }
  if (feed->runner->schema() != nullptr) Decide(id, view, info, feed, patches);
}

void Owner::Decide(const ChangefeedId& id, const ChangefeedView& view, const ChangefeedInfo& info,
                   Feed* feed, EtcdPatches* patches) {
  SchemaStore& schema = *feed->runner->schema();
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
  now.rebalance = std::exchange(feed->rebalance, false);
  const Ts tables_at = std::max(feed->runner->opened_at(), now.status.ddl_finished_ts);
  if (feed->tables_at != tables_at && now.schema_resolved >= tables_at) {
    feed->tables.clear();
    for (const PhysicalTable& table : schema.CapturedTables(tables_at))
      feed->tables.push_back(table.id);
    feed->tables_at = tables_at;
  }
  if (feed->tables_at != tables_at) return;  // the schema is not read that far yet
  now.tables = feed->tables;

  FeedDecision decision = DecideFeed(now);
  // Each write wakes every node: what only moves on waits for its turn.
  if (!view.status || !OnlyMovesOn(*view.status, decision.status) ||
      now_ - feed->progress_written >= options_.progress_interval) {
    patches->Set(options_.paths.Status(id), decision.status.ToJson());
    feed->progress_written = now_;
  }
  for (const auto& [capture, task] : decision.tasks) {
    const auto before = view.tasks.find(capture);
    if (before == view.tasks.end() || before->second != task)
      patches->Set(options_.paths.TaskStatus(capture, id), task.ToJson());
  }
  // Started is written before anything is executed: that is what `view` must show.
  if (!decision.execute.empty()) feed->runner->Execute(std::move(decision.execute));
  feed->runner->SetCheckpoint(now.status.checkpoint_ts);
  if (now_ - feed->schema_collected >= kSchemaGcInterval) {
    schema.CollectGarbage(now.status.checkpoint_ts);
    feed->schema_collected = now_;
  }
  ShowMetrics(id, decision.status, NowMs());
  if (decision.finished) EnqueueJob({.changefeed = id, .type = AdminJobType::kFinish});
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
