// The functions that filter expressions know.
#pragma once

#include <span>
#include <string_view>

#include "dataflow/mounter/filter_value.h"

namespace cdc {

// ABS CEIL CEILING FLOOR MOD, LENGTH CHAR_LENGTH LOWER LCASE UPPER UCASE CONCAT LEFT RIGHT SUBSTR
// SUBSTRING TRIM, IF IFNULL COALESCE NULLIF ISNULL, DATE YEAR MONTH DAY DAYOFMONTH HOUR MINUTE
// SECOND. All are functions of their arguments alone.
struct SqlFunction {
  std::string_view name;  // in capitals
  size_t args_min = 1;
  size_t args_max = 1;
  SqlValue (*call)(std::span<const SqlValue> args);
};

// Null if there is none; `name` in capitals.
const SqlFunction* FindSqlFunction(std::string_view name);

}  // namespace cdc
