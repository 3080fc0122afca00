// The clock and the zone of the session in which a schema change runs: what decides the values that
// existing rows get in new columns.
#pragma once

#include <string>
#include <vector>

#include "model/ddl_event.h"
#include "model/sql_lexer.h"

namespace cdc {

// Of the table's columns; one that an online change is still adding does not count.
bool HasPublicColumn(const TableInfo& table, int64_t id);

// For SET TIMESTAMP: the moment that TiDB gave the existing rows of columns added with DEFAULT
// CURRENT_TIMESTAMP, as exactly as one of them holds it; else that of the change itself.
std::string SessionTimestamp(const DdlEvent& ddl);

// The zone ("+08:00") of a session whose statement gives a TIMESTAMP column a default, told by what
// TiDB made of it: jobs don't always carry the zone. "" if there is no such default.
std::string ZoneOfDefaults(const DdlEvent& ddl, const std::vector<SqlToken>& tokens);

}  // namespace cdc
