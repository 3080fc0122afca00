#include "dataflow/mounter/schema_history.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace cdc {

Status SchemaHistory::Put(Ts version, const std::vector<Change>& changes, DdlEventPtr ddl) {
  std::unique_lock lock(mutex_);
  for (const Change& change : changes) {
    Versions& versions = tables_[Raw(change.physical)];
    if (!versions.empty() && versions.back().ts > version)
      return Status(Code::kInternal, "table {} has a version of {}, then one of {}",
                    change.physical, versions.back().ts, version);
    if (!versions.empty() && versions.back().ts == version)
      versions.back() = {version, change.table, change.captured};
    else
      versions.push_back({version, change.table, change.captured});
  }
  if (ddl) {
    // Usually the last. One that took effect before its job was done overtakes others.
    const auto after =
        std::upper_bound(ddls_.begin(), ddls_.end(), version,
                         [](Ts ts, const DdlEventPtr& other) { return ts < other->commit_ts; });
    ddls_.insert(after, std::move(ddl));
  }
  return Status::Ok();
}

void SchemaHistory::SetResolved(Ts resolved) {
  std::unique_lock lock(mutex_);
  resolved_ = std::max(resolved_, resolved);
}

Ts SchemaHistory::resolved() const {
  std::shared_lock lock(mutex_);
  return resolved_;
}

std::vector<DdlEventPtr> SchemaHistory::DdlsAfter(Ts after) const {
  std::shared_lock lock(mutex_);
  std::vector<DdlEventPtr> ddls;
  for (const DdlEventPtr& ddl : ddls_)
    if (ddl->commit_ts > after && ddl->commit_ts <= resolved_) ddls.push_back(ddl);
  return ddls;
}

const SchemaHistory::Version* SchemaHistory::Find(const Versions& versions, Ts ts) {
  const auto after =
      std::upper_bound(versions.begin(), versions.end(), ts,
                       [](Ts wanted, const Version& version) { return wanted < version.ts; });
  return after == versions.begin() ? nullptr : &*std::prev(after);
}

std::vector<PhysicalTable> SchemaHistory::CapturedTables(Ts ts) const {
  std::vector<PhysicalTable> captured;
  {
    std::shared_lock lock(mutex_);
    for (const auto& [id, versions] : tables_) {
      const Version* version = Find(versions, ts);
      if (version != nullptr && version->table && version->captured)
        captured.push_back({TableId(id), version->table});
    }
  }
  std::ranges::sort(captured, {}, &PhysicalTable::id);
  return captured;
}

std::vector<TableInfoPtr> SchemaHistory::UncapturedTables(Ts ts) const {
  std::map<TableId, TableInfoPtr> found;
  std::shared_lock lock(mutex_);
  for (const auto& [id, versions] : tables_) {
    const Version* version = Find(versions, ts);
    if (version != nullptr && version->table && !version->captured)
      found.emplace(version->table->id, version->table);
  }
  std::vector<TableInfoPtr> tables;
  for (auto& [id, table] : found) tables.push_back(std::move(table));
  return tables;
}

Result<TableInfoPtr> SchemaHistory::TableAt(TableId physical, Ts commit_ts) const {
  std::shared_lock lock(mutex_);
  if (commit_ts <= forgotten_)
    return Error(Code::kSchemaStorageGced, "schema of table {} at {}: forgotten up to {}", physical,
                 commit_ts, forgotten_);
  if (commit_ts.Prev() > resolved_)
    return Error(Code::kSchemaUnresolved, "schema of table {} at {}: known up to {}", physical,
                 commit_ts, resolved_);
  const auto found = tables_.find(Raw(physical));
  const Version* version = found == tables_.end() ? nullptr : Find(found->second, commit_ts.Prev());
  if (version == nullptr || !version->table)
    return Error(Code::kSchemaTableMiss, "no table {} at {}", physical, commit_ts);
  return version->table;
}

void SchemaHistory::CollectGarbage(Ts ts) {
  std::unique_lock lock(mutex_);
  if (ts <= forgotten_) return;
  ts = std::min(ts, resolved_);
  forgotten_ = std::max(forgotten_, ts);
  while (!ddls_.empty() && ddls_.front()->commit_ts <= ts) ddls_.pop_front();
  for (auto it = tables_.begin(); it != tables_.end();) {
    Versions& versions = it->second;
    if (const Version* current = Find(versions, ts); current != nullptr) {
      // The current one is still needed, unless it says that the table is gone.
      const auto keep = current - versions.data() + (current->table ? 0 : 1);
      versions.erase(versions.begin(), versions.begin() + keep);
    }
    it = versions.empty() ? tables_.erase(it) : std::next(it);
  }
}

}  // namespace cdc
