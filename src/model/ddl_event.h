// A schema change as sinks and the barrier see it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/table_info.h"
#include "model/ts.h"

namespace cdc {

// TiDB's ActionType (parser/model or meta/model job.go); only the numbers that the code names.
// Others pass through as numbers.
enum class DdlType : uint8_t {
  kNone = 0,
  kCreateSchema = 1,
  kDropSchema = 2,
  kCreateTable = 3,
  kDropTable = 4,
  kAddColumn = 5,
  kDropColumn = 6,
  kAddIndex = 7,
  kDropIndex = 8,
  kAddForeignKey = 9,
  kDropForeignKey = 10,
  kTruncateTable = 11,
  kModifyColumn = 12,
  kRebaseAutoId = 13,
  kRenameTable = 14,
  kSetDefaultValue = 15,
  kShardRowId = 16,
  kModifyTableComment = 17,
  kRenameIndex = 18,
  kAddTablePartition = 19,
  kDropTablePartition = 20,
  kCreateView = 21,
  kModifyTableCharsetAndCollate = 22,
  kTruncateTablePartition = 23,
  kDropView = 24,
  kRecoverTable = 25,
  kModifySchemaCharsetAndCollate = 26,
  kLockTable = 27,
  kUnlockTable = 28,
  kRepairTable = 29,
  kSetTiFlashReplica = 30,
  kUpdateTiFlashReplicaStatus = 31,
  kAddPrimaryKey = 32,
  kDropPrimaryKey = 33,
  kCreateSequence = 34,
  kAlterSequence = 35,
  kDropSequence = 36,
  kAddColumns = 37,
  kDropColumns = 38,
  kModifyTableAutoIdCache = 39,
  kRebaseAutoRandomBase = 40,
  kAlterIndexVisibility = 41,
  kExchangeTablePartition = 42,
  kAddCheckConstraint = 43,
  kDropCheckConstraint = 44,
  kAlterCheckConstraint = 45,
  kRenameTables = 47,
  kAlterTableAttributes = 49,
  kAlterTablePartitionAttributes = 50,
  kCreatePlacementPolicy = 51,
  kAlterPlacementPolicy = 52,
  kDropPlacementPolicy = 53,
  kAlterTablePartitionPlacement = 54,
  kModifySchemaDefaultPlacement = 55,
  kAlterTablePlacement = 56,
  kAlterCacheTable = 57,
  kAlterTableStatsOptions = 58,
  kAlterNoCacheTable = 59,
  kCreateTables = 60,
  kMultiSchemaChange = 61,
  kFlashbackCluster = 62,
  kRecoverSchema = 63,
  kReorganizePartition = 64,
  kAlterTtlInfo = 65,
  kAlterTtlRemove = 67,
  kCreateResourceGroup = 68,
  kAlterResourceGroup = 69,
  kDropResourceGroup = 70,
  kAlterTablePartitioning = 71,
  kRemovePartitioning = 72,
  kAddVectorIndex = 73,
};

// Changes that a database needs to become the same as the upstream, and that TiCDC's messages leave
// out: consumers of messages would not know them.
constexpr bool IsForDatabasesOnly(DdlType type) {
  switch (type) {
    case DdlType::kCreateSequence:  // a table's default may name it
    case DdlType::kAlterSequence:
    case DdlType::kDropSequence:
    case DdlType::kShardRowId:
    case DdlType::kModifyTableAutoIdCache:
    case DdlType::kRebaseAutoRandomBase:
    case DdlType::kAddCheckConstraint:
    case DdlType::kDropCheckConstraint:
    case DdlType::kAlterCheckConstraint:
      return true;
    default:
      return false;
  }
}

// One table that a DDL touches. `before` is null for a table that comes to be, `after` for one that
// goes.
struct TableDelta {
  TableInfoPtr before;
  TableInfoPtr after;
};

struct DdlEvent {
  int64_t job_id = 0;
  DdlType type = DdlType::kNone;
  Ts start_ts;
  // Rows of the touched tables with commit_ts <= this are decoded with `before` and applied before
  // the DDL, later ones after it.
  Ts commit_ts;
  // Commit ts of the job's last step; above commit_ts only if column contents or names changed
  // before the job was done. A changefeed must not start between the two.
  Ts done_ts;
  std::string query;    // as the user typed it
  std::string schema;   // the database the statement runs in, "" if none
  std::string table;    // the (first) table's name before the change, "" for schema-level DDL
  std::string charset;  // of the session, "" if unknown
  std::string collation;
  uint64_t sql_mode = 0;
  std::string time_zone;  // of the session, "" if unknown
  bool bdr_secondary = false;
  std::vector<TableDelta> tables;  // all tables of the schema for DROP SCHEMA
  // Whether the changefeed's filter lets it through to the sink. Ones that don't pass still change
  // the schema history.
  bool replicate = true;

  // Physical ids that must have been written up to commit_ts before this runs, and wait for it
  // after.
  std::vector<TableId> blocked;
  // Physical ids whose capture starts (at commit_ts) or ends with this.
  std::vector<TableId> added;
  std::vector<TableId> dropped;
};

using DdlEventPtr = std::shared_ptr<const DdlEvent>;

// The same for a whole change: also one that renames sequences alone.
inline bool IsForDatabasesOnly(const DdlEvent& ddl) {
  const auto of_sequence = [](const TableDelta& delta) {
    const TableInfoPtr& table = delta.before ? delta.before : delta.after;
    return table != nullptr && table->kind == TableInfo::Kind::kSequence;
  };
  return IsForDatabasesOnly(ddl.type) ||
         (!ddl.tables.empty() && std::ranges::all_of(ddl.tables, of_sequence));
}

}  // namespace cdc
