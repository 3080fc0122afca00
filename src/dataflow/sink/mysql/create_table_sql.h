// Definitions of tables as SQL, from what TiDB's meta data say: for CREATE TABLE … LIKE, and for
// servers whose defaults (character sets, names of constraints) are not TiDB's.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "dataflow/sink/mysql/session.h"
#include "model/table_info.h"

namespace cdc {

struct TableSql {
  // Literals of TIMESTAMP columns in it are in UTC.
  std::string sql;
  // Parts the server can't hold and that hold no data themselves: "index kexpr of db.t
  // (expression)".
  std::vector<std::string> left_out;
};

// CREATE TABLE `schema`.`name` (…). Every collation and constraint is named, but for foreign keys
// that TiDB named itself: its names are unique in a table only. Left out, because rows are complete
// without: defaults from sequences anywhere but on TiDB (sequences are not replicated), indexes
// over expressions and multi-valued ones on MariaDB, vector and columnar indexes anywhere but on
// TiDB, constraints that are NOT ENFORCED on MariaDB. Errors: kExecDdl if the table's meta data are
// missing or can't be read.
Result<TableSql> CreateTableSql(const TableInfo& table, ServerKind server, bool text_for_vectors);

// ALTER TABLE `schema`.`name` ADD …, for the columns and indexes of `after` that `before` lacks; ""
// if the server can't hold any of them.
Result<TableSql> AdditionsSql(const TableInfo& before, const TableInfo& after, ServerKind server,
                              bool text_for_vectors);

// ALTER TABLE `schema`.`name` PARTITION BY …, as the table is partitioned now.
Result<std::string> RepartitionSql(const TableInfo& table, ServerKind server);

}  // namespace cdc
