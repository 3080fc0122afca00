// The time zone that a DDL was typed in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/ddl_event.h"

namespace cdc {

// TiDB does not record a session's time zone with most DDL jobs, but it keeps TIMESTAMP defaults in
// UTC while the query has them as typed. The difference is the zone's offset, as "+08:00"; "" if
// the DDL sets no such default, or if no one offset explains all of them.
std::string InferTimeZone(std::string_view query, const std::vector<TableDelta>& tables);

}  // namespace cdc
