#include "control/owner/feed_decision.h"

#include <algorithm>
#include <unordered_map>

namespace cdc {
namespace {

bool Touches(const DdlEvent& ddl, TableId table) {
  const auto has = [&](const std::vector<TableId>& ids) {
    return std::ranges::find(ids, table) != ids.end();
  };
  return has(ddl.blocked) || has(ddl.added) || has(ddl.dropped);
}

// The DDLs of the lowest ts above `finished`; they are executed as one.
std::vector<DdlEventPtr> NextDdls(const FeedView& view) {
  std::vector<DdlEventPtr> next;
  for (const DdlEventPtr& ddl : view.ddls) {
    if (ddl->commit_ts <= view.status.ddl_finished_ts) continue;
    if (!next.empty() && ddl->commit_ts != next.front()->commit_ts) break;
    next.push_back(ddl);
  }
  return next;
}

// Forgets what has been done, and captures that are gone with their tables.
void CleanTasks(const FeedView& view, FeedDecision* decision) {
  for (const auto& [capture, task] : view.tasks) {
    if (!view.captures.contains(capture)) continue;
    TaskStatus kept = task;
    std::erase_if(kept.operations, [](const auto& entry) { return entry.second.applied(); });
    decision->tasks.emplace(capture, std::move(kept));
  }
}

void RemoveTable(TaskStatus* task, TableId table, Ts boundary, bool move) {
  task->tables.erase(table);
  task->operations[table] = {
      .remove = true, .flag = move ? TableOperation::kFlagMove : 0, .boundary_ts = boundary};
}

// Takes away what is not captured any more and what is to run elsewhere. Returns where each table
// is (or still is, while it is being removed).
std::unordered_map<int64_t, CaptureId> RemoveTables(const FeedView& view,
                                                    const std::set<TableId>& wanted,
                                                    FeedDecision* decision) {
  std::unordered_map<int64_t, CaptureId> places;
  for (auto& [capture, task] : decision->tasks) {
    std::vector<TableId> leave;
    for (const auto& [table, replica] : task.tables) {
      const auto target = view.targets.find(table);
      const bool moves = target != view.targets.end() && target->second != capture &&
                         view.captures.contains(target->second);
      // A table that is only just being added is moved once it has arrived.
      if (!wanted.contains(table) || (moves && !task.operations.contains(table)))
        leave.push_back(table);
    }
    for (const TableId table : leave)
      RemoveTable(&task, table, decision->status.checkpoint_ts, wanted.contains(table));
    for (const auto& [table, replica] : task.tables) places[Raw(table)] = capture;
    for (const auto& [table, operation] : task.operations) places[Raw(table)] = capture;
  }
  return places;
}

size_t Load(const TaskStatus& task) { return task.tables.size(); }

// Gives tables away from captures that have more than their share; where they go is AddTables's
// choice. The fullest captures keep one more if the tables do not come out even.
// Returns whether there was nothing to give away.
bool Rebalance(const FeedView& view, FeedDecision* decision) {
  if (view.captures.empty()) return true;
  const size_t share = view.tables.size() / view.captures.size();
  size_t extra = view.tables.size() % view.captures.size();
  std::vector<TaskStatus*> fullest;
  for (auto& [capture, task] : decision->tasks) fullest.push_back(&task);
  std::ranges::stable_sort(fullest, std::greater(), [](TaskStatus* task) { return Load(*task); });
  bool even = true;
  for (TaskStatus* task : fullest) {
    const size_t keep = share + (extra > 0 ? 1 : 0);
    if (extra > 0) --extra;
    std::vector<TableId> leave;
    for (auto it = task->tables.rbegin();
         it != task->tables.rend() && Load(*task) > keep + leave.size(); ++it)
      if (!task->operations.contains(it->first)) leave.push_back(it->first);
    for (const TableId table : leave)
      RemoveTable(task, table, decision->status.checkpoint_ts, true);
    even = even && leave.empty();
  }
  return even;
}

void AddTables(const FeedView& view, const std::set<TableId>& wanted,
               const std::unordered_map<int64_t, CaptureId>& places, FeedDecision* decision) {
  if (view.captures.empty()) return;
  for (const CaptureId& capture : view.captures) decision->tasks.try_emplace(capture);
  for (const TableId table : wanted) {
    if (places.contains(Raw(table))) continue;
    auto place = std::ranges::min_element(decision->tasks, {}, [&](const auto& entry) {
      const auto other = view.other_tables.find(entry.first);
      return std::pair(Load(entry.second), other == view.other_tables.end() ? 0 : other->second);
    });
    if (const auto target = view.targets.find(table); target != view.targets.end())
      if (const auto wish = decision->tasks.find(target->second); wish != decision->tasks.end())
        place = wish;
    const Ts start = TableStart(table, decision->status, view.ddls);
    place->second.tables[table] = {.start_ts = start};
    place->second.operations[table] = {.boundary_ts = start};
  }
  // A capture without anything to do needs no task.
  std::erase_if(decision->tasks, [&](const auto& entry) {
    return entry.second.tables.empty() && entry.second.operations.empty() &&
           !view.tasks.contains(entry.first);
  });
}

// Whether every table runs, as far as etcd shows it.
bool AllApplied(const FeedView& view) {
  std::set<TableId> running;
  for (const auto& [capture, task] : view.tasks) {
    if (!view.captures.contains(capture)) return false;
    for (const auto& [table, operation] : task.operations)
      if (!operation.applied()) return false;
    for (const auto& [table, replica] : task.tables) running.insert(table);
    if (!task.tables.empty() && !view.positions.contains(capture)) return false;
  }
  return std::ranges::all_of(view.tables, [&](TableId table) { return running.contains(table); });
}

Ts MinPosition(const FeedView& view, Ts TaskPosition::* field) {
  Ts least = Ts::Max();
  for (const auto& [capture, task] : view.tasks)
    if (!task.tables.empty()) least = std::min(least, view.positions.at(capture).*field);
  return least;
}

void AdvanceCheckpoint(const FeedView& view, const std::vector<DdlEventPtr>& next,
                       FeedDecision* decision) {
  Ts bound = std::min(view.schema_resolved, view.target);
  if (!next.empty()) bound = std::min(bound, next.front()->commit_ts.Prev());
  ChangefeedStatus& status = decision->status;
  Ts checkpoint = std::min(bound, MinPosition(view, &TaskPosition::checkpoint_ts));
  // Not between the steps of a DDL: the schema could not be read there after a restart.
  for (auto ddl = view.ddls.rbegin(); ddl != view.ddls.rend(); ++ddl)
    if ((*ddl)->commit_ts <= checkpoint && checkpoint < (*ddl)->done_ts)
      checkpoint = (*ddl)->commit_ts.Prev();
  status.checkpoint_ts = std::max(status.checkpoint_ts, checkpoint);
  status.resolved_ts = std::max({status.resolved_ts, status.checkpoint_ts,
                                 std::min(bound, MinPosition(view, &TaskPosition::resolved_ts))});
}

// Whether a table that the DDLs drop is still somewhere. It must be gone before they count as
// finished: that would let it pass them, and its id may come back with a later DDL (FLASHBACK).
bool AnyRuns(const FeedView& view, const std::vector<DdlEventPtr>& ddls) {
  for (const DdlEventPtr& ddl : ddls)
    for (const TableId table : ddl->dropped)
      for (const auto& [capture, task] : view.tasks)
        if (task.tables.contains(table) || task.operations.contains(table)) return true;
  return false;
}

// What shall run: of the tables captured now, those that the DDLs just executed have not dropped.
std::set<TableId> WantedTables(const FeedView& view, const std::vector<DdlEventPtr>& next) {
  std::set<TableId> wanted(view.tables.begin(), view.tables.end());
  for (const DdlEventPtr& ddl : next)
    if (view.executed == ddl->commit_ts && view.status.ddl_started_ts >= ddl->commit_ts)
      for (const TableId table : ddl->dropped) wanted.erase(table);
  return wanted;
}

void AdvanceDdl(const FeedView& view, const std::vector<DdlEventPtr>& next, bool all_applied,
                FeedDecision* decision) {
  if (next.empty() || next.front()->commit_ts > view.target) return;
  const Ts ts = next.front()->commit_ts;
  ChangefeedStatus& status = decision->status;
  if (status.ddl_started_ts >= ts) {
    if (view.executed != ts)
      decision->execute = next;
    else if (!AnyRuns(view, next))
      status.ddl_finished_ts = ts;
    return;
  }
  if (all_applied && MinPosition(view, &TaskPosition::ddl_reached_ts) >= ts)
    status.ddl_started_ts = ts;
}

}  // namespace

Ts TableStart(TableId table, const ChangefeedStatus& status, const std::vector<DdlEventPtr>& ddls) {
  Ts start = status.checkpoint_ts;
  for (const DdlEventPtr& ddl : ddls)
    if (ddl->commit_ts <= std::max(status.ddl_started_ts, status.ddl_finished_ts) &&
        Touches(*ddl, table))
      start = std::max(start, ddl->commit_ts);
  return start;
}

FeedDecision DecideFeed(const FeedView& view) {
  FeedDecision decision{.status = view.status, .tasks = {}, .execute = {}};
  // After a restart, first learn again which DDLs have been executed.
  if (view.schema_resolved < view.status.ddl_started_ts) {
    decision.tasks = view.tasks;
    return decision;
  }
  const bool all_applied = AllApplied(view);
  const std::vector<DdlEventPtr> next = NextDdls(view);
  if (all_applied) AdvanceCheckpoint(view, next, &decision);
  AdvanceDdl(view, next, all_applied, &decision);
  if (decision.status.checkpoint_ts >= view.target) {
    decision.finished = true;
    decision.tasks = view.tasks;
    return decision;
  }
  CleanTasks(view, &decision);
  if (view.rebalance && all_applied) decision.balanced = Rebalance(view, &decision);
  const std::set<TableId> wanted = WantedTables(view, next);
  AddTables(view, wanted, RemoveTables(view, wanted, &decision), &decision);
  return decision;
}

}  // namespace cdc
