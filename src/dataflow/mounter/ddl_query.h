// The text of a DDL as it is replicated.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dataflow/mounter/ddl_job.h"
#include "model/ddl_event.h"

namespace cdc {

// `a``b`
std::string QuoteName(std::string_view name);
// "`db`.`table`"
std::string QuoteTable(std::string_view schema, std::string_view table);

// What to run downstream, in event.schema, for the tables in event.tables (those that the filter
// lets through). As the user typed it where that means the same thing there; else with qualified
// names: a statement over several tables is several jobs in TiDB, or only part of it is replicated,
// or it names tables of the session's database while it runs in another. `all_tables`: event.tables
// are all that the job changed.
std::string ReplicatedQuery(const DdlJob& job, const DdlEvent& event, bool all_tables);

}  // namespace cdc
