// Schema changes as Debezium's messages describe them.
#pragma once

#include <string>
#include <string_view>

#include "dataflow/codec/encoder.h"

namespace cdc {

// "CREATE", "ALTER" or "DROP"; "" for changes that the format has no name for.
std::string_view DebeziumChangeType(DdlType type);

// Appends [{"type": …, "id": …, "table": {…}}]: the table as it is after the change.
void AppendDebeziumTableChanges(const DdlPart& part, std::string* out);

// The fields of the schema of a schema change's value, behind "source".
std::string_view DebeziumChangeFields();

}  // namespace cdc
