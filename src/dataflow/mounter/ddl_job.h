// TiDB's DDL jobs, as its job table, its history table and (up to 6.1) its job lists hold them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/ddl_event.h"
#include "model/ids.h"

namespace cdc {

struct DdlJob {
  enum class State : uint8_t {
    kNone = 0,
    kRunning = 1,
    kRollingBack = 2,
    kRollbackDone = 3,
    kDone = 4,
    kCancelled = 5,
    kSynced = 6,
    kCancelling = 7,
    kQueueing = 8,
    kPaused = 9,
    kPausing = 10,
  };
  // One table of RENAME TABLE a TO b, b TO c; the list keeps the statement's order.
  struct Rename {
    TableId table{};
    std::string old_schema;
    std::string old_name;
    SchemaId new_schema{};
    std::string new_name;
  };
  // A table that the job reads or changes, with the database that its name was resolved in.
  struct Involved {
    std::string schema;
    std::string table;
  };

  int64_t id = 0;
  DdlType type = DdlType::kNone;
  State state = State::kNone;
  // When the statement came: what ADMIN SHOW DDL JOBS shows. (TiCDC, in errors that say what to put
  // into filter.ignore-txn-start-ts, means the start ts of the transaction that ended the job.)
  Ts start_ts;
  SchemaId schema_id{};
  TableId table_id{};
  std::string schema;
  std::string table;
  std::string query;
  std::string charset;
  std::string collation;
  uint64_t sql_mode = 0;
  std::string time_zone;
  std::string bdr_role;
  std::vector<Rename> renames;  // kRenameTables
  std::vector<Involved> involved;
  // kExchangeTablePartition: the table that has the partition.
  TableId partitioned_table{};

  // The schema change is complete and visible to all of TiDB.
  bool done() const { return state == State::kDone || state == State::kSynced; }
  // It was undone; nothing of it stays.
  bool undone() const { return state == State::kRollbackDone || state == State::kCancelled; }
};

// From TiDB's JSON. Thread-safe. Errors: kInvalidDdlJob.
Result<DdlJob> ParseDdlJob(std::string_view json);

}  // namespace cdc
