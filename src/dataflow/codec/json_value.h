// Values as canal-json and simple write them: whatever their type, as JSON strings.
#pragma once

#include <string>

#include "model/datum.h"
#include "model/table_info.h"

namespace cdc {

// Appends the value as a JSON string with MySQL's text in it (an ENUM's or SET's number), null for
// NULL. Bytes must be text. `scratch` is overwritten.
void AppendQuotedValue(const FieldType& type, const Datum& value, std::string* scratch,
                       std::string* out);

}  // namespace cdc
