#include "control/capture/processor_manager.h"

#include <algorithm>
#include <set>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/metrics.h"

namespace cdc {
namespace {

constexpr Duration kShowInterval = 1s;  // of progress in metrics
constexpr Duration kSchemaGcInterval = 10s;

}  // namespace

ProcessorManager::ProcessorManager(ProcessorManagerOptions options)
    : options_(std::move(options)),
      view_(options_.paths, options_.capture.id),
      pace_(options_.progress_interval) {}

ProcessorManager::~ProcessorManager() {
  for (auto& [id, running] : running_)
    if (running.processor) Close(id, std::move(running.processor));  // all at the same time
}

Result<std::vector<EtcdPatch>> ProcessorManager::Tick(const EtcdState& state, SteadyTime now) {
  now_ = now;
  view_.Apply(state);
  progress_due_ = pace_.Due(running_.size(), now);
  EtcdPatches patches(state);
  // Of a changefeed about which nothing has changed, only its progress can be new.
  std::set<ChangefeedId> ids = view_.changed();
  for (const auto& [id, closing] : closing_) ids.insert(id);
  if (progress_due_) {
    for (const auto& [id, view] : view_.changefeeds()) ids.insert(id);
    for (const auto& [id, running] : running_) ids.insert(id);
  }
  const ChangefeedView none;
  for (const ChangefeedId& id : ids) {
    const auto view = view_.changefeeds().find(id);
    TickFeed(id, view == view_.changefeeds().end() ? none : view->second, &patches);
  }
  return patches.Take();
}

void ProcessorManager::TickFeed(const ChangefeedId& id, const ChangefeedView& view,
                                EtcdPatches* patches) {
  const auto task = view.tasks.find(options_.capture.id);
  const std::string position_key = options_.paths.TaskPosition(options_.capture.id, id);
  auto running = running_.find(id);
  if (task == view.tasks.end() || !view.info || !view.status) {
    if (running != running_.end()) {
      Close(id, TakeProcessor(&running->second));
      stalls_.Forget(id);
      std::lock_guard lock(mutex_);
      running_.erase(running);
    }
    if (!IsClosing(id)) patches->Delete(position_key);
    return;
  }
  if (running == running_.end()) {
    if (IsClosing(id)) return;  // the run before this
    // First it is said, then done: with neither task nor position nobody could tell that it writes.
    if (!view.positions.contains(options_.capture.id)) {
      const TaskPosition at_start{.checkpoint_ts = view.Checkpoint(),
                                  .resolved_ts = view.Checkpoint()};
      patches->Set(position_key, at_start.ToJson());
      return;
    }
    Running started = Start(id, view, task->second);
    std::lock_guard lock(mutex_);
    running = running_.emplace(id, std::move(started)).first;
  }
  bool operated = false;
  if (running->second.processor) {
    operated = std::ranges::any_of(task->second.operations,
                                   [](const auto& entry) { return !entry.second.applied(); });
    if (operated) {
      TaskStatus applied = task->second;
      ApplyOperations(*running->second.processor, &applied);
      patches->Set(options_.paths.TaskStatus(options_.capture.id, id), applied.ToJson());
    }
    running->second.processor->SetDdlFinished(view.status->ddl_finished_ts);
    if (now_ - running->second.schema_collected >= kSchemaGcInterval) {
      running->second.schema_collected = now_;
      running->second.processor->ForgetSchemaBefore(view.status->checkpoint_ts);
    }
  }
  const TaskPosition position = Report(id, &running->second);
  const auto written = view.positions.find(options_.capture.id);
  const TaskPosition* before = written == view.positions.end() ? nullptr : &written->second;
  const bool due = IsDue(before, position);
  (void)FailPoint("ProcessorUpdatePositionDelaying");
  if (operated || due) patches->Set(position_key, position.ToJson());
}

// A position that only moves on waits for its turn.
bool ProcessorManager::IsDue(const TaskPosition* written, const TaskPosition& position) const {
  return progress_due_ || written == nullptr || written->error != position.error;
}

ProcessorManager::Running ProcessorManager::Start(const ChangefeedId& id,
                                                  const ChangefeedView& view,
                                                  const TaskStatus& task) {
  (void)FailPoint("processorManagerHandleNewChangefeedDelay");
  Running running;
  running.metrics = std::make_unique<ProcessorMetrics>(Metrics(), id, options_.capture.address);
  running.reported = {.checkpoint_ts = view.Checkpoint(), .resolved_ts = view.Checkpoint()};
  const auto config = ReplicaConfig::FromJson(view.info->config);
  const auto uri = Uri::Parse(view.info->sink_uri);
  if (!config || !uri) {
    Fail(id, &running, config ? uri.error() : config.error());
    return running;
  }
  LogInfo("processor starts, changefeed={} checkpoint={} tables={}", id, view.Checkpoint(),
          task.tables.size());
  running.processor = options_.start({.changefeed = id,
                                      .cluster = options_.paths.cluster(),
                                      .config = *config,
                                      .sink_uri = *uri,
                                      .time_zone = options_.time_zone,
                                      .checkpoint = view.Checkpoint(),
                                      .target = view.info->TargetOrMax(),
                                      .tikv = options_.tikv,
                                      .schemas = options_.schemas,
                                      .workers = options_.workers,
                                      .memory = options_.memory,
                                      .sorters = options_.sorters,
                                      .clock = options_.clock,
                                      .may_write = options_.may_write});
  for (const auto& [table, replica] : task.tables)
    running.processor->AddTable(table, std::max(replica.start_ts, view.Checkpoint()));
  return running;
}

void ProcessorManager::ApplyOperations(Processor& processor, TaskStatus* task) {
  (void)FailPoint("captureHandleTaskDelay");
  for (auto& [table, operation] : task->operations) {
    if (operation.applied()) continue;
    if (operation.remove) {
      if (const auto checkpoint = processor.RemoveTable(table)) operation.boundary_ts = *checkpoint;
      operation.status = OperationStatus::kProcessed;
      if (processor.IsLeaving(table)) continue;
    } else {
      processor.AddTable(table, operation.boundary_ts);
    }
    operation.status = OperationStatus::kFinished;
  }
}

// What the processor has reached, with every operation that was applied before counted in.
TaskPosition ProcessorManager::Report(const ChangefeedId& id, Running* running) {
  if (running->processor) {
    const ProcessorPosition position = running->processor->Position();
    running->reported = {.checkpoint_ts = position.checkpoint,
                         .resolved_ts = position.resolved,
                         .count = position.rows,
                         .ddl_reached_ts = position.ddl_reached};
    if (position.error) Fail(id, running, *position.error);
    if (running->processor && now_ - running->shown_at >= kShowInterval) {
      running->shown_at = now_;
      WatchProgress(id, *running->processor, position);
      running->metrics->Show(position, std::chrono::duration_cast<std::chrono::milliseconds>(
                                           options_.clock->WallNow().time_since_epoch())
                                           .count());
    }
  }
  running->reported.error = running->error;
  return running->reported;
}

void ProcessorManager::WatchProgress(const ChangefeedId& id, const Processor& processor,
                                     const ProcessorPosition& position) {
  if (const auto stall = stalls_.Observe(id, position.checkpoint, position.resolved, now_))
    LogWarn("{}", DescribeStall(id, *stall, processor.Progress()));
}

void ProcessorManager::Fail(const ChangefeedId& id, Running* running, const Status& status) {
  LogError("processor failed, changefeed={} error={}", id, status.ToString());
  running->metrics->CountError();
  running->error = RunningError{options_.capture.address, std::string(CodeName(status.code())),
                                std::string(status.message())};
  Close(id, TakeProcessor(running));
}

std::shared_ptr<Processor> ProcessorManager::TakeProcessor(Running* running) {
  std::lock_guard lock(mutex_);
  return std::exchange(running->processor, nullptr);
}

void ProcessorManager::Close(const ChangefeedId& id, std::shared_ptr<Processor> processor) {
  if (!processor) return;
  auto done = std::make_shared<std::atomic<bool>>(false);
  std::jthread thread([done, clock = options_.clock, processor = std::move(processor)]() mutable {
    // Who looks at its progress now holds it, too, for a moment; nobody else gets hold of it.
    while (processor.use_count() > 1) (void)clock->SleepFor(1ms, {});
    (void)FailPoint("processorStopDelay");
    processor.reset();
    *done = true;
  });
  closing_.emplace(id, Closing{std::move(done), std::move(thread)});
}

bool ProcessorManager::IsClosing(const ChangefeedId& id) {
  std::erase_if(closing_, [](const auto& entry) { return entry.second.done->load(); });
  return closing_.contains(id);
}

std::vector<ProcessorSummary> ProcessorManager::Summaries() const {
  std::vector<std::pair<ChangefeedId, std::shared_ptr<Processor>>> processors;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, running] : running_)
      if (running.processor) processors.emplace_back(id, running.processor);
  }
  std::vector<ProcessorSummary> summaries;
  summaries.reserve(processors.size());
  for (const auto& [id, processor] : processors)
    summaries.push_back({id, processor->Position(), processor->Tables()});
  return summaries;
}

std::vector<TableProgress> ProcessorManager::Progress(const ChangefeedId& changefeed) const {
  std::shared_ptr<Processor> processor;
  {
    std::lock_guard lock(mutex_);
    if (const auto it = running_.find(changefeed); it != running_.end())
      processor = it->second.processor;
  }
  return processor ? processor->Progress() : std::vector<TableProgress>{};
}

std::string ProcessorManager::DebugInfo() const {
  constexpr size_t kTablesShown = 100;
  std::string text;
  for (const ProcessorSummary& summary : Summaries()) {
    text += fmt::format("changefeed {}: checkpoint {} resolved {} ddl-reached {} tables {}\n",
                        summary.changefeed, summary.position.checkpoint, summary.position.resolved,
                        summary.position.ddl_reached, summary.tables.size());
    size_t shown = 0;
    for (const TableProgress& table : Progress(summary.changefeed)) {
      if (++shown > kTablesShown) break;
      text += fmt::format("  table {}: checkpoint {} resolved {} bytes {} regions {}/{} {}\n",
                          Raw(table.table), table.checkpoint, table.resolved, table.sorter_bytes,
                          table.feed.regions_initialized, table.feed.regions, table.feed.reason);
    }
  }
  return text;
}

}  // namespace cdc
