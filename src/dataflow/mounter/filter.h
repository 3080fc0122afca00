// Which tables, schema changes and transactions a changefeed replicates.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "config/replica_config.h"
#include "dataflow/mounter/filter_events.h"
#include "model/ddl_event.h"
#include "model/table_info.h"

namespace cdc {

// Table-filter rules as in TiDB's tools (wildcards, `!`, /regex/, quoted names, case-sensitive or
// not). Immutable, thread-safe.
class Filter {
 public:
  static Result<std::unique_ptr<Filter>> Create(const ReplicaConfig& config);
  virtual ~Filter() = default;

  // mysql, information_schema, performance_schema, metrics_schema, inspection_schema, sys, tidb_cdc
  // …: never replicated.
  static bool IsSystemSchema(std::string_view schema);
  virtual bool MatchesTable(std::string_view schema, std::string_view table) const = 0;
  // Whether some table of this schema could match: for CREATE/DROP/ALTER DATABASE.
  virtual bool MatchesSchema(std::string_view schema) const = 0;
  // Whether rows of this table are captured: matches, is an ordinary table, and has a usable key or
  // force-replicate is on.
  virtual bool CapturesTable(const TableInfo& table) const = 0;
  virtual bool IgnoresTxn(Ts start_ts) const = 0;
  // Whether a table that can't be captured from its beginning on (it lost its key, or came in by a
  // RENAME) is left out with a warning (ignore-ineligible-table) instead of failing the changefeed.
  virtual bool LeavesOutIneligible() const = 0;
  // `filter.event-filters`: schema changes that stay upstream, and the rules for a table's rows
  // (null: none; errors: kExpressionColumn).
  virtual bool IgnoresDdl(const DdlEvent& /*ddl*/) const { return false; }
  virtual Result<std::unique_ptr<const RowFilter>> RowFilterFor(const TableInfo& /*table*/) const {
    return nullptr;
  }
  // Whether a DDL that ran under this BDR role ("primary", "secondary" or "") is replicated.
  virtual bool ReplicatesBdrRole(std::string_view role) const = 0;
  // Whether DDL of this kind is replicated at all. Kinds that only concern the upstream cluster
  // (placement, TiFlash, resource groups …) are not.
  static bool ReplicatesDdl(DdlType type);
};

}  // namespace cdc
