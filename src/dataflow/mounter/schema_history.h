// What readers of the schema see: versions of tables by commit ts, and the DDLs between them.
#pragma once

#include <cstdint>
#include <deque>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "dataflow/mounter/schema_store.h"
#include "model/ddl_event.h"

namespace cdc {

// Versions of physical tables of the kind that holds rows. Thread-safe; readers share. A version
// may be put before the resolved ts as long as no reader can have asked for it: SetResolved is what
// opens history to readers.
class SchemaHistory {
 public:
  explicit SchemaHistory(Ts start) : resolved_(start), forgotten_(start) {}

  // From `version` on, the rows of `physical` are decoded by `table`; null: there are none any
  // more.
  struct Change {
    TableId physical{};
    TableInfoPtr table;
    bool captured = false;
  };
  // The changes that come with one DDL, and the DDL itself (null: nobody needs to know).
  // kInternal if a change is older than one that is there already.
  Status Put(Ts version, const std::vector<Change>& changes, DdlEventPtr ddl);
  void SetResolved(Ts resolved);

  // As in SchemaStore.
  Ts resolved() const;
  std::vector<DdlEventPtr> DdlsAfter(Ts after) const;
  std::vector<PhysicalTable> CapturedTables(Ts ts) const;
  // All tables with rows that are not captured, by id.
  std::vector<TableInfoPtr> UncapturedTables(Ts ts) const;
  Result<TableInfoPtr> TableAt(TableId physical, Ts commit_ts) const;
  void CollectGarbage(Ts ts);

 private:
  struct Version {
    Ts ts;
    TableInfoPtr table;
    bool captured = false;
  };
  using Versions = std::vector<Version>;  // by ts

  // The newest version with ts <= `ts`; null if there is none.
  static const Version* Find(const Versions& versions, Ts ts);

  mutable std::shared_mutex mutex_;  // guards all below
  Ts resolved_;
  Ts forgotten_;                                  // up to here there is no history any more
  std::unordered_map<int64_t, Versions> tables_;  // by physical id
  std::deque<DdlEventPtr> ddls_;                  // by commit ts
};

}  // namespace cdc
