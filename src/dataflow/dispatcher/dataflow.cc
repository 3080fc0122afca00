#include "dataflow/dispatcher/dataflow.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

namespace cdc {
namespace {

// A sink that keeps up most of the time frees memory sooner than the disk takes it.
constexpr Duration kSinkPatience = 50ms;

}  // namespace

Dataflow::Dataflow(DataflowOptions options)
    : options_(std::move(options)),
      own_sorters_(options_.sorters ? nullptr : MakeSorterPool(nullptr)),
      sorters_(options_.sorters ? *options_.sorters : *own_sorters_),
      metrics_(Metrics(), options_.changefeed),
      sorter_quota_(
          std::make_shared<MemoryQuota>(options_.memory_quota / 2, options_.node_sorter_quota)),
      sink_quota_(options_.memory_quota / 2, options_.node_sink_quota),
      schema_bound_(options_.start.raw()),
      ddl_finished_(options_.start) {}

void Dataflow::Stop() {
  for (const auto& table : Tables()) table->Stop();
}

Result<std::shared_ptr<TableFlow>> Dataflow::AddTable(TableId id, Ts start) {
  auto mounter = options_.make_mounter(id);
  if (!mounter) return Unexpected(mounter.error());
  FlowHost& host = *this;
  std::lock_guard lock(mutex_);
  auto& slot = tables_[id];
  if (slot) return slot;
  slot = std::make_shared<TableFlow>(id, start, options_.target, sorters_.Make(sorter_quota_),
                                     *std::move(mounter), host);
  for (const DdlEventPtr& ddl : pending_ddls_)
    if (ddl->commit_ts >= start && std::ranges::find(ddl->blocked, id) != ddl->blocked.end())
      slot->AddBarrier(ddl->commit_ts);
  return slot;
}

std::optional<Ts> Dataflow::RemoveTable(TableId id) {
  std::shared_ptr<TableFlow> table;
  {
    std::lock_guard lock(mutex_);
    const auto found = tables_.find(id);
    if (found == tables_.end()) return std::nullopt;
    table = std::move(found->second);
    tables_.erase(found);
    std::erase_if(leaving_, [](const auto& entry) { return !entry.second->InFlight(); });
    leaving_[id] = table;
  }
  (void)FailPoint("unregisterDelayPoint");
  table->Stop();
  return table->Checkpoint();
}

bool Dataflow::IsLeaving(TableId id) const {
  std::lock_guard lock(mutex_);
  const auto found = leaving_.find(id);
  return found != leaving_.end() && found->second->InFlight();
}

bool Dataflow::CanDrain() const {
  if (sink_quota_.used() > 0) return true;
  return std::ranges::any_of(Tables(), [](const auto& table) { return table->HasWork(); });
}

Status Dataflow::Append(TableFlow& table, std::vector<KvEvent> events, std::stop_token stop) {
  (void)FailPoint("addEventDelayPoint");
  metrics_.collected.Add(static_cast<double>(events.size()));
  const size_t bytes = SorterBytes(events);
  if (sorter_quota_->Exceeding(bytes)) RETURN_IF_ERROR(WaitForRoom(bytes, std::move(stop)));
  return table.Append(std::move(events));
}

Status Dataflow::WaitForRoom(size_t bytes, std::stop_token stop) {
  Clock& clock = SystemClock();
  const SteadyTime begin = clock.Now();
  SteadyTime drained = begin;
  for (;;) {
    if (failed_.load() || stop.stop_requested() || !sorter_quota_->Exceeding(bytes))
      return Status::Ok();
    const SteadyTime now = clock.Now();
    const bool drains = CanDrain();
    if (drains) drained = now;
    if (!drains || now - begin >= kSinkPatience) {
      ASSIGN_OR_RETURN_STATUS(const SorterPool::Room room,
                              sorters_.MakeRoom(*sorter_quota_, bytes));
      if (room == SorterPool::Room::kYes) return Status::Ok();
    }
    // Nothing to drain means that only what is still to come (a resolved ts, a DDL's end) can free
    // memory: without a disk, let it in.
    if (!drains && !sorters_.can_spill()) return Status::Ok();
    if (now - drained >= options_.disk_full_patience)
      return Status(Code::kDiskFull,
                    "{} MiB of memory and the disk for spilled changes are used up, and nothing of "
                    "it can be written downstream yet",
                    sorter_quota_->used() >> 20);
    static LogLimiter limiter(10s);
    if (limiter.Allow())
      LogWarn("the sink is slower than the feed, holding the feed back: {} MiB in the sorters",
              sorter_quota_->used() >> 20);
    clock.SleepFor(5ms, stop);
  }
}

void Dataflow::AdvanceResolved(TableFlow& table, Ts resolved) {
  table.AdvanceResolved(resolved);
  if (table.HasWork()) Schedule(table.shared_from_this());
}

void Dataflow::Schedule(const std::shared_ptr<TableFlow>& table) {
  options_.workers->Schedule(table, static_cast<uint64_t>(Raw(table->id())));
}

void Dataflow::AdvanceSchema() {
  {
    std::lock_guard lock(mutex_);
    const Ts resolved = options_.schema->resolved();
    const Ts seen = SchemaBound();
    if (resolved <= seen) return;
    for (const DdlEventPtr& ddl : options_.schema->DdlsAfter(seen)) {
      if (ddl->commit_ts > resolved) break;  // came after resolved() was read
      if (ddl->commit_ts <= ddl_finished_) continue;
      pending_ddls_.push_back(ddl);
      for (const TableId id : ddl->blocked)
        if (const auto found = tables_.find(id); found != tables_.end())
          found->second->AddBarrier(ddl->commit_ts);
    }
    schema_bound_.store(resolved.raw());
  }
  for (const auto& table : Tables())
    if (table->HasWork()) Schedule(table);
}

void Dataflow::FinishDdls(Ts ts) {
  {
    std::lock_guard lock(mutex_);
    if (ts <= ddl_finished_) return;
    ddl_finished_ = ts;
    std::erase_if(pending_ddls_, [&](const DdlEventPtr& ddl) { return ddl->commit_ts <= ts; });
  }
  for (const auto& table : Tables()) {
    table->FinishDdls(ts);
    if (table->HasWork()) Schedule(table);
  }
}

Ts Dataflow::Checkpoint() const {
  Ts checkpoint = std::min(SchemaBound(), options_.target);
  for (const auto& table : Tables()) checkpoint = std::min(checkpoint, table->Checkpoint());
  return checkpoint;
}

Ts Dataflow::Resolved() const {
  Ts resolved = std::min(SchemaBound(), options_.target);
  for (const auto& table : Tables()) resolved = std::min(resolved, table->Resolved());
  return resolved;
}

Ts Dataflow::DdlReached() const {
  Ts reached = SchemaBound();
  for (const auto& table : Tables()) reached = std::min(reached, table->DdlReached());
  return reached;
}

std::vector<DdlEventPtr> Dataflow::PendingDdls() const {
  std::lock_guard lock(mutex_);
  return pending_ddls_;
}

std::vector<std::shared_ptr<TableFlow>> Dataflow::Tables() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<TableFlow>> tables;
  tables.reserve(tables_.size());
  for (const auto& [id, table] : tables_) tables.push_back(table);
  return tables;
}

// Whatever other changefeeds hold, one batch at a time always goes.
bool Dataflow::SinkHasRoom() const { return sink_quota_.used() == 0 || !sink_quota_.Exceeded(); }

bool Dataflow::AdmitBatch(const std::shared_ptr<Task>& table, TableId id) {
  if (failed_.load()) return false;
  if (SinkHasRoom()) return true;
  std::lock_guard lock(mutex_);
  // Looked at again under the lock that BatchDone takes to collect the parked: no wake-up is lost.
  if (SinkHasRoom()) return true;
  parked_.push_back({table, id});
  return false;
}

void Dataflow::BatchSent(size_t bytes) { sink_quota_.Force(bytes); }

void Dataflow::BatchDone(size_t bytes, size_t rows) {
  sink_quota_.Release(bytes);
  rows_written_.fetch_add(rows, std::memory_order_relaxed);
  if (!SinkHasRoom()) return;
  std::vector<Parked> woken;
  {
    std::lock_guard lock(mutex_);
    woken.swap(parked_);
  }
  for (const Parked& parked : woken)
    options_.workers->Schedule(parked.task, static_cast<uint64_t>(Raw(parked.id)));
}

void Dataflow::Fail(Status status) {
  if (failed_.exchange(true)) return;
  LogError("dataflow stopped, error=\"{}\"", status.ToString());
  options_.on_error(std::move(status));
}

}  // namespace cdc
