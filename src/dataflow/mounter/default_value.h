// Column defaults: the text in TiDB's table description to the value that rows have.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "model/datum.h"
#include "model/table_info.h"
#include "model/ts.h"

namespace cdc {

// The value of a column of this type that is described by `text` ("-12.50", "2024-01-01 00:00:00",
// an ENUM's name …; raw bytes for BIT). Values that need memory are put into `storage`, which must
// stay where it is as long as the datum lives. `now` stands in for CURRENT_TIMESTAMP and its kin.
// Errors: kUnmarshal if the text is no value of the type.
Result<Datum> ParseDefault(std::string_view text, const FieldType& type, Ts now,
                           std::string* storage);

// What TiDB reads for a NOT NULL column that has no default and is missing in a row: 0, '', the
// zero date, an ENUM's first value.
Datum ZeroValue(const FieldType& type, std::string* storage);

}  // namespace cdc
