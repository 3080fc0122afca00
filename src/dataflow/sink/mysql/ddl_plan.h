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
  // Run instead of the failed statement when the downstream can't do it in this form; "" if there
  // is no other form.
  std::string fallback;

  std::string use_schema;  // "" for statements about databases
  std::string time_zone;   // as the server names it; "" for the changefeed's
  std::string sql_mode;  // of the session that typed the statement, without its objections to dates
  // An expression for SET TIMESTAMP, evaluated in `time_zone`: the moment that columns added with
  // DEFAULT CURRENT_TIMESTAMP hold in existing rows.
  std::string timestamp;

  // For renames whose second run would undo or refuse the first: true once it has happened.
  std::string done_check;  // a query; "" if the statements may simply run again
};

// Pure: no I/O, same input, same plan. Errors: kExecDdl for what no statement can do on this kind
// of downstream.
Result<DdlPlan> PlanDdl(const DdlEvent& ddl, const Downstream& downstream,
                        const MySqlSinkConfig& config);

}  // namespace cdc
