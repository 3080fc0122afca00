// What a schema change of TiDB becomes on the downstream: statements, and the session they need.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "dataflow/sink/mysql/mysql_sink_config.h"
#include "dataflow/sink/mysql/session.h"
#include "model/ddl_event.h"

namespace cdc {

struct DdlPlan {
  std::string skip_reason;              // not empty: there is nothing to run
  std::vector<std::string> statements;  // run one after the other
  // Run instead of a statement that the downstream refuses in its first form; "" if there is none.
  std::string fallback;
  std::vector<std::string> left_out;  // what the downstream can't hold; for the log

  std::string use_schema;  // "" for statements that name the databases they touch
  std::string time_zone;   // as the server names it; "" for the changefeed's
  std::string sql_mode;
  // An expression for SET TIMESTAMP, evaluated in `time_zone`: the moment that columns added with
  // DEFAULT CURRENT_TIMESTAMP hold in existing rows.
  std::string timestamp;

  // A query that returns a row if the change has happened already; "" if error codes tell, or
  // nothing but `identity` does.
  std::string done_check;
  // For a change that a second run would undo, and that leaves no name by which to tell: a query
  // whose rows say what bears the names now (ddl_journal.h). "" for all others.
  std::string identity;
};

// Statements are taken as they were typed where that is safe, rewritten for the server's dialect
// (ddl_rewriter.h); or made from the tables' descriptions:
//  - CREATE TABLE on other servers than TiDB, whose defaults differ, and CREATE TABLE … LIKE
//    everywhere (its source may have been meant in another database);
//  - DROP, TRUNCATE and RENAME, which are typed for several tables but come one by one, or in a
//    session in another database;
//  - ADD COLUMN and ADD INDEX on other servers than TiDB, with the names and defaults TiDB gave.
//
// Pure: no I/O, same input, same plan. Errors: kExecDdl for what no statement can do on this kind
// of downstream.
Result<DdlPlan> PlanDdl(const DdlEvent& ddl, const Downstream& downstream,
                        const MySqlSinkConfig& config);

}  // namespace cdc
