#include "promises.h"

#include <algorithm>

#include <fmt/format.h>

#include "trace.h"

namespace cdc {

void Promises::Broken(std::string what) {
  if (broken_) return;
  Trace("BROKEN: {}", what);
  broken_ = std::move(what);
}

void Promises::AddFeed(const ChangefeedId& id, Ts start, std::set<std::string> tables) {
  Feed& feed = feeds_[id];
  feed.start = start;
  feed.status.checkpoint_ts = start;
  feed.names = std::move(tables);
}

std::optional<FeedState> Promises::State(const ChangefeedId& id) const {
  const auto feed = feeds_.find(id);
  if (feed == feeds_.end() || !feed->second.info) return std::nullopt;
  return feed->second.info->state;
}

std::vector<TableId> Promises::TablesOf(const ChangefeedId& id) const {
  std::vector<TableId> tables;
  if (const auto feed = feeds_.find(id); feed != feeds_.end())
    for (const auto& [capture, task] : feed->second.tasks)
      for (const auto& [table, replica] : task.tables) tables.push_back(table);
  return tables;
}

std::vector<CaptureId> Promises::Captures() const {
  std::vector<CaptureId> captures;
  for (const EtcdKv& kv : etcd_.GetPrefix(paths_.captures()).kvs)
    captures.push_back(kv.key.substr(paths_.captures().size()));
  return captures;
}

bool Promises::Captures(const Feed& feed, TableId table) const {
  return feed.names.empty() || feed.names.contains(upstream_.NameOf(table));
}

bool Promises::Captures(const Feed& feed, const SimDdl& ddl) const {
  return ddl.commit_ts > feed.start && (feed.names.empty() || feed.names.contains(ddl.table));
}

// A version's index tells how many came before it; the feed's own count begins at its start.
size_t Promises::AppliedVersions(const Feed& feed, const SimVersion& version) const {
  const auto row = feed.rows.find({version.table, version.handle});
  if (row != feed.rows.end()) return row->second;
  return upstream_.CountUpTo(version.table, version.handle, feed.start);
}

// One owner, and fencing: nothing is written after the lease has lapsed.
void Promises::CheckWriter(const SimWriter& writer, const std::string& what) {
  if (!etcd_.HasLease(writer.lease))
    Broken(fmt::format("{}, but the lease of capture {} has lapsed", what, writer.capture));
}

// A table is never replicated by two captures at once: only who has it in its task may write it, or
// who has lost the whole task and not yet said that it has ended.
void Promises::CheckAssigned(const Feed& feed, const SimWriter& writer, TableId table,
                             const std::string& what) {
  const auto task = feed.tasks.find(writer.capture);
  if (task == feed.tasks.end()) {
    if (!feed.positions.contains(writer.capture))
      Broken(fmt::format("{}, but capture {} has said that it ended", what, writer.capture));
    return;
  }
  const auto operation = task->second.operations.find(table);
  const bool leaves = operation != task->second.operations.end() && operation->second.remove;
  if (!task->second.tables.contains(table) && !(leaves && !operation->second.applied()))
    Broken(
        fmt::format("{}, but table {} is not capture {}'s any more", what, table, writer.capture));
}

// Order around DDLs: all earlier ones that touch the table have run, no later one has.
void Promises::CheckSchema(const Feed& feed, const SimVersion& version, const std::string& what) {
  for (const SimDdl& ddl : upstream_.ddls()) {
    if (!ddl.Touches(version.table) || !Captures(feed, ddl)) continue;
    const bool executed = feed.ddls.contains(ddl.commit_ts);
    if (ddl.commit_ts < version.commit_ts && !executed)
      Broken(fmt::format("{}, before the DDL of {}", what, ddl.commit_ts));
    if (ddl.commit_ts >= version.commit_ts && executed)
      Broken(fmt::format("{}, after the DDL of {}", what, ddl.commit_ts));
  }
}

void Promises::RowWritten(const ChangefeedId& id, const SimWriter& writer, const RowChange& row) {
  ++counts_.rows;
  Feed& feed = feeds_.at(id);
  const auto& values = row.after.empty() ? row.before : row.after;
  const int64_t handle = values[0].as_int();
  const std::string what = fmt::format("{} writes row {} of table {} as of {}", id, handle,
                                       row.physical_id, row.commit_ts);
  const SimVersion* version = upstream_.Find(row.physical_id, handle, row.commit_ts);
  if (version == nullptr) return Broken(what + ", which never was");
  if (!Captures(feed, version->table)) Broken(what + ", which it does not capture");
  CheckWriter(writer, what);
  CheckAssigned(feed, writer, version->table, what);
  CheckSchema(feed, *version, what);
  if (row.after.empty() != !version->value ||
      (version->value && row.after[1].as_int() != *version->value) ||
      values.size() != version->columns)
    Broken(what + " with the wrong content");
  const size_t applied = AppliedVersions(feed, *version);
  if (version->index > applied)
    Broken(
        fmt::format("{}: version {}, but downstream has only {}", what, version->index, applied));
  if (row.commit_ts <= feed.status.checkpoint_ts)
    Broken(fmt::format("{}, behind the checkpoint {}", what, feed.status.checkpoint_ts));
  feed.rows[{version->table, handle}] = version->index + 1;
}

void Promises::DdlExecuted(const ChangefeedId& id, const SimWriter& writer, const DdlEvent& ddl) {
  ++counts_.ddls;
  Feed& feed = feeds_.at(id);
  const std::string what = fmt::format("{} executes the DDL of {}", id, ddl.commit_ts);
  CheckWriter(writer, what);
  if (!feed.ddls.empty() && ddl.commit_ts < *feed.ddls.rbegin())
    Broken(fmt::format("{} after that of {}", what, *feed.ddls.rbegin()));
  const auto known = std::ranges::find(upstream_.ddls(), ddl.commit_ts, &SimDdl::commit_ts);
  if (known == upstream_.ddls().end() || !Captures(feed, *known))
    return Broken(what + ", which it does not capture");
  if (ddl.commit_ts <= feed.status.ddl_finished_ts)
    Broken(what + " again, though it counts as finished");
  for (const SimVersion& version : upstream_.versions()) {
    if (!known->Touches(version.table) || version.commit_ts <= feed.start) continue;
    const bool applied = AppliedVersions(feed, version) > version.index;
    if (applied != (version.commit_ts < ddl.commit_ts))
      Broken(fmt::format("{}, row {} of table {} as of {} is {}", what, version.handle,
                         version.table, version.commit_ts,
                         applied ? "there already" : "not there yet"));
  }
  feed.ddls.insert(ddl.commit_ts);
}

void Promises::CheckpointTold(const ChangefeedId& id, const SimWriter& writer, Ts checkpoint) {
  const Feed& feed = feeds_.at(id);
  const std::string what = fmt::format("{} tells the checkpoint {}", id, checkpoint);
  CheckWriter(writer, what);
  if (checkpoint > feed.status.checkpoint_ts)
    Broken(fmt::format("{}, but etcd has only {}", what, feed.status.checkpoint_ts));
}

void Promises::EtcdChanged(const EtcdWatchBatch& batch, ProcessId by) {
  for (const EtcdEvent& event : batch.events) {
    const auto key = paths_.Parse(event.kv.key);
    if (!key) continue;
    const auto found = feeds_.find(key->changefeed);
    if (found == feeds_.end()) continue;
    Feed& feed = found->second;
    switch (key->kind) {
      case ParsedKey::Kind::kInfo:
        InfoChanged(found->first, &feed, event);
        break;
      case ParsedKey::Kind::kStatus:
        if (!event.deleted)
          StatusChanged(found->first, &feed, *ChangefeedStatus::FromJson(event.kv.value), by);
        break;
      case ParsedKey::Kind::kTaskStatus:
        feed.tasks.erase(key->capture);
        if (!event.deleted) feed.tasks.emplace(key->capture, *TaskStatus::FromJson(event.kv.value));
        break;
      case ParsedKey::Kind::kTaskPosition:
        feed.positions.erase(key->capture);
        if (!event.deleted) feed.positions.insert(key->capture);
        break;
      default:
        break;
    }
  }
  for (const auto& [id, feed] : feeds_) CheckExclusive(id, feed);
}

void Promises::InfoChanged(const ChangefeedId& id, Feed* feed, const EtcdEvent& event) {
  feed->info.reset();
  if (event.deleted) return;
  feed->info = *ChangefeedInfo::FromJson(event.kv.value);
  if (feed->info->state == FeedState::kFailed)
    Broken(fmt::format("{} has failed for good: {}", id,
                       feed->info->error ? feed->info->error->message : "?"));
}

// Nothing lost: a checkpoint is never above a change or a DDL that is not downstream.
void Promises::StatusChanged(const ChangefeedId& id, Feed* feed, const ChangefeedStatus& status,
                             ProcessId by) {
  ++counts_.checkpoints;
  const Ts checkpoint = status.checkpoint_ts;
  if (checkpoint < feed->status.checkpoint_ts)
    Broken(fmt::format("{}'s checkpoint goes back from {} to {}", id, feed->status.checkpoint_ts,
                       checkpoint));
  if (status.resolved_ts < checkpoint)
    Broken(fmt::format("{}'s resolved ts {} is below its checkpoint {}", id, status.resolved_ts,
                       checkpoint));
  const auto leader = etcd_.FirstCreated(paths_.owner() + "/");
  if (!leader || leases_.at(leader->lease) != by)
    Broken(fmt::format("{}'s status is written by process {}, which is not the owner", id,
                       static_cast<int>(by)));
  const auto& versions = upstream_.versions();
  for (; feed->versions_checked < versions.size() &&
         versions[feed->versions_checked].commit_ts <= checkpoint;
       ++feed->versions_checked) {
    const SimVersion& version = versions[feed->versions_checked];
    if (version.commit_ts <= feed->start || !Captures(*feed, version.table)) continue;
    if (AppliedVersions(*feed, version) <= version.index)
      Broken(fmt::format("{}'s checkpoint {} passes row {} of table {} as of {}", id, checkpoint,
                         version.handle, version.table, version.commit_ts));
  }
  for (const SimDdl& ddl : upstream_.ddls())
    if (Captures(*feed, ddl) && ddl.commit_ts <= checkpoint && !feed->ddls.contains(ddl.commit_ts))
      Broken(fmt::format("{}'s checkpoint {} passes the DDL of {}", id, checkpoint, ddl.commit_ts));
  feed->status = status;
}

void Promises::CheckExclusive(const ChangefeedId& id, const Feed& feed) {
  std::map<TableId, CaptureId> places;
  for (const auto& [capture, task] : feed.tasks) {
    std::set<TableId> tables;
    for (const auto& [table, replica] : task.tables) tables.insert(table);
    for (const auto& [table, operation] : task.operations)
      if (!operation.applied()) tables.insert(table);
    for (const TableId table : tables)
      if (const auto [place, added] = places.emplace(table, capture); !added)
        Broken(fmt::format("{}: table {} is given to captures {} and {}", id, table, place->second,
                           capture));
  }
}

void Promises::GarbageCollected() {
  for (const auto& [id, feed] : feeds_) {
    if (!feed.info || feed.info->state == FeedState::kFinished) continue;
    if (upstream_.gc_safe_point() > feed.status.checkpoint_ts)
      Broken(fmt::format("garbage up to {} is collected, {} is at {}", upstream_.gc_safe_point(),
                         id, feed.status.checkpoint_ts));
  }
}

void Promises::CheckComplete(const ChangefeedId& id) {
  const Feed& feed = feeds_.at(id);
  for (const SimVersion& version : upstream_.versions())
    if (version.commit_ts > feed.start && Captures(feed, version.table) &&
        AppliedVersions(feed, version) <= version.index)
      Broken(fmt::format("{} ends without row {} of table {} as of {}", id, version.handle,
                         version.table, version.commit_ts));
}

}  // namespace cdc
