// A table's schema as messages of the protocol "simple" describe it.
#pragma once

#include <cstdint>
#include <string>

#include "model/table_info.h"

namespace cdc {

// What consumers take for the schema's version: TiDB's update timestamp of the table, which rows
// and schemas name alike; the version's own ts where TiDB's description is not at hand.
uint64_t SimpleSchemaVersion(const TableInfo& table);

// Appends the JSON object: names, id, version, columns (generated ones too), indexes.
void AppendSimpleSchema(const TableInfo& table, std::string* out);

}  // namespace cdc
