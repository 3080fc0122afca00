// The newest state of a cluster's schemas, as the meta keys tell it, and what running DDL jobs have
// changed of it so far.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "dataflow/mounter/filter.h"
#include "dataflow/mounter/meta_codec.h"
#include "dataflow/upstream/snapshot_reader.h"
#include "model/table_info.h"

namespace cdc {

struct CatalogTable {
  TableId id{};
  SchemaId schema_id{};
  std::string schema;
  std::string name;
  TableInfoPtr info;      // null: the filter does not let it through
  bool left_out = false;  // the filter would let it through, but it was not complete from the start
};

// A transaction's timestamps.
struct TxnTs {
  Ts start;
  Ts commit;
};

// What one DDL job has written to the meta keys.
struct MetaChanges {
  struct Table {
    SchemaId schema{};
    std::optional<std::string> json;  // unset: deleted
  };
  std::map<TableId, Table> tables;
  std::map<SchemaId, std::optional<std::string>> schemas;  // unset: deleted
  // The transaction in which the job first changed what rows look like, where they are or what
  // their table is called, if that was before its end.
  std::optional<TxnTs> effective;

  void Apply(const MetaKey& key, const KvEvent& event);
  bool empty() const { return tables.empty() && schemas.empty(); }
};

// Knows all schemas, and the tables of those that the filter matches. Not thread-safe.
class SchemaCatalog {
 public:
  explicit SchemaCatalog(const Filter& filter) : filter_(filter) {}

  // Reads schemas and tables visible at `ts`.
  Status Load(SnapshotReader& snapshot, Ts ts);
  // A table of the schema "mysql" at that time; null if there is none.
  static Result<TableInfoPtr> FindSystemTable(SnapshotReader& snapshot, Ts ts,
                                              std::string_view name);

  const std::unordered_map<int64_t, CatalogTable>& tables() const { return tables_; }
  const CatalogTable* FindTable(TableId id) const;
  // "" if there is no such schema.
  std::string SchemaName(SchemaId id) const;
  void PutSchema(SchemaId id, std::string name) { schemas_[Raw(id)] = std::move(name); }
  void EraseSchema(SchemaId id) { schemas_.erase(Raw(id)); }
  void PutTable(CatalogTable table) { tables_[Raw(table.id)] = std::move(table); }
  void EraseTable(TableId id) { tables_.erase(Raw(id)); }

  // A table from its description; `info` only if the filter lets it through or `need_info`.
  Result<CatalogTable> ReadTable(TableId id, SchemaId schema, std::string_view schema_name,
                                 std::string_view json, Ts version, bool need_info) const;

 private:
  Status LoadTables(SnapshotReader& snapshot, Ts ts, SchemaId schema, const std::string& name);

  const Filter& filter_;
  std::unordered_map<int64_t, std::string> schemas_;  // names as they were typed
  std::unordered_map<int64_t, CatalogTable> tables_;
};

// The original spelling of the name in a schema's or table's description: "db_name" or "name".
Result<std::string> ReadName(std::string_view json, std::string_view member);

// Whether rows of both look alike and are in the same places: same replicated columns, physical
// ids, names.
bool SameShape(const TableInfo& a, const TableInfo& b);
// Whether `next`, a step of a DDL job, shows rows that can't be decoded by `current` any more: a
// column that became visible, or partitions that took over.
bool ChangesRows(const TableInfo& current, const TableInfo& next);

}  // namespace cdc
