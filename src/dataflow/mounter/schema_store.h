// The schema of a TiDB cluster over time: a snapshot of the meta keys, then every DDL in commit
// order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "dataflow/mounter/filter.h"
#include "dataflow/upstream/snapshot_reader.h"
#include "model/ddl_event.h"
#include "model/kv_event.h"

namespace cdc {

// One captured physical table.
struct PhysicalTable {
  TableId id{};        // physical: a partition's own
  TableInfoPtr table;  // the logical table
};

// Owns the schema history of one changefeed (tables that its filter does not match are kept as
// names only).
//
// Feeding: Append and Advance take the events of all DdlSpans() the way a sorter does; DDLs come
// out as events once the resolved
//   ts has passed them. A DDL that makes new column contents public before its job is done (TiDB's
//   multi-step MODIFY COLUMN, multi-schema changes) takes effect at the ts of the first such step;
//   the resolved ts waits for the job's end.
// Threads: thread-safe; readers don't block each other.
class SchemaStore {
 public:
  // Reads the meta keys visible at `ts`. `filter` outlives the store.
  static Result<std::unique_ptr<SchemaStore>> Open(SnapshotReader& snapshot, Ts ts,
                                                   const Filter& filter);
  virtual ~SchemaStore() = default;

  // What to subscribe to: the meta keys and the records of mysql.tidb_ddl_job and
  // mysql.tidb_ddl_history (where the cluster has them). Whole spans of one store may be fed
  // through one Append.
  virtual std::vector<Span> DdlSpans() const = 0;
  virtual void Append(std::vector<KvEvent> events) = 0;
  // All events up to `resolved` of all DdlSpans have been appended. Works the DDLs off; an error
  // ends the changefeed's run.
  virtual Status Advance(Ts resolved) = 0;

  // Up to here the schema is known. Never passes the effective ts of a DDL whose job is not done
  // yet.
  virtual Ts resolved() const = 0;
  // DDLs with after < commit_ts <= resolved(), in order; only those that touch what the filter lets
  // through.
  virtual std::vector<DdlEventPtr> DdlsAfter(Ts after) const = 0;
  // The physical tables that are captured at `ts` (start ts <= ts <= resolved()), in id order.
  virtual std::vector<PhysicalTable> CapturedTables(Ts ts) const = 0;
  // All tables the filter matches that can't be captured at `ts` for want of a key (for `changefeed
  // create`).
  virtual std::vector<TableInfoPtr> IneligibleTables(Ts ts) const = 0;
  // The table that decodes rows of this physical id with this commit ts: the newest version with
  // version < commit_ts. kSchemaTableMiss: no such table then; kSchemaStorageGced;
  // kSchemaUnresolved: commit_ts > resolved() + 1.
  virtual Result<TableInfoPtr> TableAt(TableId physical, Ts commit_ts) const = 0;
  // Forgets versions and events that no reader at or after `ts` needs.
  virtual void CollectGarbage(Ts ts) = 0;
};

}  // namespace cdc
