// Datums as text, the way MySQL prints them. All functions append to `out` and never fail: values
// come from decoded rows.
#pragma once

#include <string>

#include "model/datum.h"
#include "model/decimal.h"  // AppendDecimal
#include "model/table_info.h"

namespace cdc {

// "2024-02-29 23:59:59.123456" with `fsp` digits; dates only for DATE.
void AppendTime(Datum value, MysqlType type, int fsp, std::string* out);
// "-838:59:59.000000" with `fsp` digits.
void AppendDuration(int64_t nanoseconds, int fsp, std::string* out);
// MySQL's text form of TiDB's binary JSON: ", " and ": " between members, members in stored order.
// Where the bytes are no valid JSON, null stands.
void AppendJson(std::string_view stored, std::string* out);
// "[1,2.5,-3]"
void AppendVector(std::string_view stored, std::string* out);
// Shortest text that reads back as the same number, in MySQL's notation (1e20, 0.1). TiDB shows
// only six digits of a FLOAT that needs an exponent; here nothing is lost.
void AppendDouble(double value, bool is_float32, std::string* out);
// Names of an ENUM's value or a SET's, comma-joined; '' for 0.
void AppendEnum(uint64_t value, const FieldType& type, std::string* out);
void AppendSet(uint64_t value, const FieldType& type, std::string* out);
// Any value: numbers in decimal, YEAR with four digits, BIT as an unsigned number, strings as they
// are; nothing for NULL.
void AppendText(const Datum& value, const FieldType& type, std::string* out);

}  // namespace cdc
