// TiDB's JSON description of a table (its TableInfo, as stored in meta keys and DDL jobs) to a
// cdc::TableInfo.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "model/table_info.h"

namespace cdc {

// Parses and finishes one table. `version` is the commit ts of the change that made this version.
// Unknown members are ignored; partitions are those that hold data (`definitions`), not the ones
// that a running DDL adds or drops. `default_value` holds a BIT's default as its bytes;
// `origin_default` of a TIMESTAMP is in UTC.
// Threads: thread-safe. Errors: kUnmarshal, with the table's name as far as it is known.
Result<std::shared_ptr<TableInfo>> ParseTableInfo(std::string_view json, SchemaId schema_id,
                                                  std::string_view schema_name, Ts version);

}  // namespace cdc
