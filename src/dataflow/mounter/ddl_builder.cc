#include "dataflow/mounter/ddl_builder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <strings.h>

#include "base/log.h"
#include "dataflow/mounter/ddl_query.h"

namespace cdc {
namespace {

// A table before and after the job.
struct Entry {
  std::optional<CatalogTable> before;
  std::optional<CatalogTable> after;

  bool touches_filter() const { return (before && before->info) || (after && after->info); }
};

bool IsSchemaLevel(DdlType type) {
  return type == DdlType::kCreateSchema || type == DdlType::kDropSchema ||
         type == DdlType::kModifySchemaCharsetAndCollate || type == DdlType::kRecoverSchema;
}

bool IsRename(DdlType type) {
  return type == DdlType::kRenameTable || type == DdlType::kRenameTables;
}

// Kinds of DDL that are not replicated, for good reason, and known to leave rows as they are.
bool IsKnown(DdlType type) {
  return type != DdlType::kNone && type != DdlType::kFlashbackCluster &&
         (Filter::ReplicatesDdl(type) || type <= DdlType::kAddVectorIndex);
}

bool SameName(const CatalogTable& a, const CatalogTable& b) {
  return a.schema_id == b.schema_id && a.name.size() == b.name.size() &&
         strncasecmp(a.name.data(), b.name.data(), a.name.size()) == 0;
}

// The description of a table outside the filter, for the DDL's text.
TableInfoPtr InfoOf(const CatalogTable& table) {
  if (table.info) return table.info;
  auto info = std::make_shared<TableInfo>();
  info->id = table.id;
  info->schema_id = table.schema_id;
  info->schema = table.schema;
  info->name = table.name;
  info->Finish();
  return info;
}

class Builder {
 public:
  Builder(const DdlJob& job, const MetaChanges& changes, TxnTs done, bool started_before,
          const Filter& filter, SchemaCatalog* catalog)
      : job_(job),
        changes_(changes),
        effective_(changes.effective.value_or(done).commit),
        done_(done),
        started_before_(started_before),
        filter_(filter),
        catalog_(*catalog) {}

  Result<BuiltDdl> Build() {
    if (job_.type == DdlType::kFlashbackCluster)
      return Error(Code::kUnknownDdl,
                   "FLASHBACK CLUSTER (job {}) rewrites rows without a trace that could be "
                   "replicated: start a new changefeed from a fresh copy",
                   job_.id);
    RETURN_UNEXPECTED_IF_ERROR(UpdateSchemas());
    RETURN_UNEXPECTED_IF_ERROR(CollectEntries());
    MergeReplacements();
    for (Entry& entry : entries_) RETURN_UNEXPECTED_IF_ERROR(CheckCompleteness(entry));
    SortEntries();
    RETURN_UNEXPECTED_IF_ERROR(CheckKnown());
    BuiltDdl built;
    built.changes = HistoryChanges();
    built.event = MakeEvent();
    UpdateCatalog();
    return built;
  }

 private:
  Status UpdateSchemas() {
    for (const auto& [id, json] : changes_.schemas) {
      schema_name_ = catalog_.SchemaName(id);
      if (!json) continue;  // erased at the end: its tables still need the name
      ASSIGN_OR_RETURN_STATUS(schema_name_, ReadName(*json, "db_name"));
      catalog_.PutSchema(id, schema_name_);
    }
    return Status::Ok();
  }

  Status CollectEntries() {
    for (const auto& [id, change] : changes_.tables) {
      Entry entry;
      if (const CatalogTable* before = catalog_.FindTable(id)) entry.before = *before;
      if (change.json) {
        ASSIGN_OR_RETURN_STATUS(
            entry.after,
            catalog_.ReadTable(id, change.schema, catalog_.SchemaName(change.schema), *change.json,
                               effective_, entry.before && entry.before->info != nullptr));
        // Its description may be wanted for the event although it left the filter.
        if (!filter_.MatchesTable(entry.after->schema, entry.after->name)) {
          left_filter_[id] = entry.after->info;
          entry.after->info = nullptr;
        }
      } else if (!entry.before || entry.before->schema_id != change.schema) {
        continue;
      }
      entries_.push_back(std::move(entry));
    }
    // A dropped schema takes its tables along, whether their keys were deleted one by one or not.
    for (const auto& [schema, json] : changes_.schemas) {
      if (json) continue;
      for (const auto& [id, table] : catalog_.tables())
        if (table.schema_id == schema && !changes_.tables.contains(TableId(id)))
          entries_.push_back({.before = table});
    }
    return Status::Ok();
  }

  // A table that goes and one that comes under the same name are one that got a new id: TRUNCATE,
  // EXCHANGE PARTITION, PARTITION BY, CREATE OR REPLACE VIEW.
  void MergeReplacements() {
    for (Entry& gone : entries_) {
      if (gone.after || !gone.before) continue;
      const auto comes = std::ranges::find_if(entries_, [&](const Entry& other) {
        return !other.before && other.after && SameName(*other.after, *gone.before);
      });
      if (comes == entries_.end()) continue;
      gone.after = std::move(comes->after);
      comes->after.reset();
    }
    std::erase_if(entries_, [](const Entry& entry) { return !entry.before && !entry.after; });
  }

  bool Captures(const std::optional<CatalogTable>& table) const {
    return table && table->info && !table->left_out && filter_.CapturesTable(*table->info);
  }

  Status CheckCompleteness(Entry& entry) {
    if (!entry.after || !entry.after->info) return Status::Ok();
    const TableInfo& after = *entry.after->info;
    const bool came_in = entry.before ? entry.before->info == nullptr : IsRename(job_.type);
    if (came_in) return LeaveOutRenamed(entry);
    if (!entry.before) return Status::Ok();
    if (entry.before->left_out) {
      entry.after->left_out = true;
      return Status::Ok();
    }
    const bool captured = Captures(entry.before);
    const bool capturable = filter_.CapturesTable(after);
    if (captured && !capturable && after.kind == TableInfo::Kind::kTable) {
      if (!filter_.LeavesOutIneligible())
        return Status(Code::kTableIneligible,
                      "after \"{}\" table {}.{} has no primary key or unique key over NOT NULL "
                      "columns: give it one, leave it out by filter.rules, or set force-replicate "
                      "(rows may then be written twice) or ignore-ineligible-table (its rows are "
                      "then lost)",
                      job_.query, after.schema, after.name);
      entry.after->left_out = true;
      LogWarn("table left out from now on: no key any more, table={}.{} ddl={}", after.schema,
              after.name, job_.query);
    } else if (!captured && capturable) {
      entry.after->left_out = true;
      LogWarn(
          "table stays left out although it has a key now: its older rows were not replicated, "
          "table={}.{} ddl={}",
          after.schema, after.name, job_.query);
    }
    return Status::Ok();
  }

  Status LeaveOutRenamed(Entry& entry) {
    const TableInfo& after = *entry.after->info;
    if (!filter_.LeavesOutIneligible())
      return Status(Code::kSyncRename,
                    "table's old name is not in filter rule, and its new name in filter rule table "
                    "id '{}', ddl query: [{}]: its rows are not downstream; exclude {}.{} by "
                    "filter.rules, or set ignore-ineligible-table to leave it out",
                    after.id, job_.query, after.schema, after.name);
    entry.after->left_out = true;
    LogWarn("table left out: renamed from outside the filter, table={}.{} ddl={}", after.schema,
            after.name, job_.query);
    return Status::Ok();
  }

  // The job's main table first, a statement's renames in its order.
  void SortEntries() {
    std::erase_if(entries_, [&](const Entry& entry) {
      const bool outside = !entry.touches_filter();
      if (outside) outsiders_.push_back(entry);
      return outside;
    });
    const auto rank = [this](const Entry& entry) {
      const TableId id = entry.after ? entry.after->id : entry.before->id;
      const auto rename = std::ranges::find(job_.renames, id, &DdlJob::Rename::table);
      return std::tuple(rename - job_.renames.begin(), id != job_.partitioned_table,
                        id != job_.table_id, id);
    };
    std::ranges::sort(entries_, {}, rank);
  }

  bool ChangesShape() const {
    return std::ranges::any_of(entries_, [](const Entry& entry) {
      return !entry.before || !entry.after || !entry.before->info || !entry.after->info ||
             !SameShape(*entry.before->info, *entry.after->info);
    });
  }

  // For a job that ran at the start already: its steps had become visible, the rest is tidying up.
  bool WasVisibleAtStart() const {
    if (ChangesShape()) return false;
    switch (job_.type) {
      case DdlType::kModifyColumn:
      case DdlType::kMultiSchemaChange:
        return std::ranges::any_of(entries_, [](const Entry& entry) {
          return std::ranges::any_of(entry.before->info->all_columns, [](const auto& column) {
            return column.state != SchemaState::kPublic;
          });
        });
      case DdlType::kDropTablePartition:
      case DdlType::kTruncateTablePartition:
      case DdlType::kReorganizePartition:
      case DdlType::kAlterTablePartitioning:
      case DdlType::kRemovePartitioning:
        return true;  // none of these leaves all partitions as they are
      default:
        return false;
    }
  }

  Status CheckKnown() const {
    if (IsKnown(job_.type)) return Status::Ok();
    if (ChangesShape())
      return Status(Code::kUnknownDdl,
                    "DDL job {} of unknown type {} changed table {}.{}: this version can't follow; "
                    "query: \"{}\"",
                    job_.id, static_cast<int>(job_.type),
                    InfoOf(entries_[0].after ? *entries_[0].after : *entries_[0].before)->schema,
                    InfoOf(entries_[0].after ? *entries_[0].after : *entries_[0].before)->name,
                    job_.query);
    if (!entries_.empty() && job_.type != DdlType::kNone)
      LogWarn("DDL of unknown type not replicated: it changes no columns, job={} type={} query={}",
              job_.id, static_cast<int>(job_.type), job_.query);
    return Status::Ok();
  }

  static bool HasRows(const std::optional<CatalogTable>& table) {
    return table && table->info && table->info->kind == TableInfo::Kind::kTable;
  }

  std::vector<SchemaHistory::Change> HistoryChanges() const {
    std::map<TableId, SchemaHistory::Change> by_id;
    for (const Entry& entry : entries_)
      if (HasRows(entry.before))
        for (const TableId id : entry.before->info->PhysicalIds()) by_id[id] = {.physical = id};
    // Second, as a partition may have become another table's.
    for (const Entry& entry : entries_)
      if (HasRows(entry.after))
        for (const TableId id : entry.after->info->PhysicalIds())
          by_id[id] = {id, entry.after->info, Captures(entry.after)};
    std::vector<SchemaHistory::Change> changes;
    for (auto& [id, change] : by_id) changes.push_back(std::move(change));
    return changes;
  }

  // DDL on a table that is not captured for want of a key is not replicated either.
  bool Replicates(const std::optional<CatalogTable>& table) const {
    if (!table || !table->info || table->left_out) return false;
    return table->info->kind != TableInfo::Kind::kTable || filter_.CapturesTable(*table->info);
  }
  bool Replicates(const Entry& entry) const {
    if (entry.after && entry.after->left_out) return false;
    return Replicates(entry.before) || Replicates(entry.after);
  }

  DdlEventPtr MakeEvent() {
    const bool schema_level = IsSchemaLevel(job_.type);
    if (schema_level ? !filter_.MatchesSchema(schema_name_) : entries_.empty()) return nullptr;
    DdlEvent event;
    FillFromJob(&event);
    event.replicate = Filter::ReplicatesDdl(job_.type) &&
                      filter_.ReplicatesBdrRole(job_.bdr_role) &&
                      !filter_.IgnoresTxn(done_.start) && !filter_.IgnoresTxn(job_.start_ts);
    bool all = outsiders_.empty();
    bool any = schema_level;
    for (const Entry& entry : entries_) {
      const bool replicates = Replicates(entry);
      any |= replicates;
      all &= replicates;
      if (replicates || schema_level) event.tables.push_back(DeltaOf(entry));
    }
    event.replicate &= any;
    FillTables(&event);
    const bool moves_tables = !event.added.empty() || !event.dropped.empty();
    // Nothing to send, nothing to wait for: the history has it.
    if (!event.replicate && !moves_tables && (!ChangesShape() || event.blocked.empty()))
      return nullptr;
    if (started_before_ && WasVisibleAtStart()) return nullptr;
    if (!event.replicate && event.tables.empty())
      for (const Entry& entry : entries_) event.tables.push_back(DeltaOf(entry));
    NameEvent(schema_level, &event);
    event.query = ReplicatedQuery(job_, event, all);
    // Like one that a rule of tables leaves out: the history has it, sinks do not.
    event.replicate &= !filter_.IgnoresDdl(event);
    return std::make_shared<const DdlEvent>(std::move(event));
  }

  void FillFromJob(DdlEvent* event) const {
    event->job_id = job_.id;
    event->type = job_.type;
    event->start_ts = done_.start;
    event->commit_ts = effective_;
    event->done_ts = done_.commit;
    event->charset = job_.charset;
    event->collation = job_.collation;
    event->sql_mode = job_.sql_mode;
    event->time_zone = job_.time_zone;
    event->bdr_secondary = job_.bdr_role == "secondary";
  }

  TableDelta DeltaOf(const Entry& entry) const {
    TableDelta delta;
    if (entry.before) delta.before = InfoOf(*entry.before);
    if (entry.after) {
      const auto left = left_filter_.find(entry.after->id);
      delta.after =
          left != left_filter_.end() && left->second ? left->second : InfoOf(*entry.after);
    }
    return delta;
  }

  void FillTables(DdlEvent* event) const {
    std::set<TableId> before;
    std::set<TableId> after;
    for (const Entry& entry : entries_) {
      if (Captures(entry.before))
        for (const TableId id : entry.before->info->PhysicalIds()) before.insert(id);
      if (Captures(entry.after))
        for (const TableId id : entry.after->info->PhysicalIds()) after.insert(id);
    }
    event->blocked.assign(before.begin(), before.end());
    std::ranges::set_difference(after, before, std::back_inserter(event->added));
    std::ranges::set_difference(before, after, std::back_inserter(event->dropped));
  }

  void NameEvent(bool schema_level, DdlEvent* event) const {
    if (schema_level) {
      event->schema = schema_name_;
      return;
    }
    const TableDelta& first = event->tables.front();
    const TableInfo& named = first.before ? *first.before : *first.after;
    event->schema = named.schema;
    event->table = named.name;
  }

  void UpdateCatalog() {
    for (const std::vector<Entry>* entries : {&entries_, &outsiders_})
      for (const Entry& entry : *entries)
        if (entry.before) catalog_.EraseTable(entry.before->id);
    for (std::vector<Entry>* entries : {&entries_, &outsiders_})
      for (Entry& entry : *entries)
        if (entry.after) catalog_.PutTable(std::move(*entry.after));
    for (const auto& [id, json] : changes_.schemas)
      if (!json) catalog_.EraseSchema(id);
  }

  const DdlJob& job_;
  const MetaChanges& changes_;
  const Ts effective_;
  const TxnTs done_;
  const bool started_before_;
  const Filter& filter_;
  SchemaCatalog& catalog_;

  std::string schema_name_;  // of a schema-level job
  std::vector<Entry> entries_;
  std::vector<Entry> outsiders_;                 // outside the filter before and after
  std::map<TableId, TableInfoPtr> left_filter_;  // descriptions of tables that the job took out
};

}  // namespace

Result<BuiltDdl> BuildDdl(const DdlJob& job, const MetaChanges& changes, TxnTs done,
                          bool started_before, const Filter& filter, SchemaCatalog* catalog) {
  return Builder(job, changes, done, started_before, filter, catalog).Build();
}

}  // namespace cdc
