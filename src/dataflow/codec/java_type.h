// Column types as Java's java.sql.Types has them, which Canal's formats carry.
#pragma once

#include "model/datum.h"
#include "model/table_info.h"

namespace cdc {

// java.sql.Types.
namespace java_type {
inline constexpr int kBit = -7;
inline constexpr int kTinyint = -6;
inline constexpr int kBigint = -5;
inline constexpr int kChar = 1;
inline constexpr int kDecimal = 3;
inline constexpr int kInteger = 4;
inline constexpr int kSmallint = 5;
inline constexpr int kReal = 7;
inline constexpr int kDouble = 8;
inline constexpr int kVarchar = 12;
inline constexpr int kDate = 91;
inline constexpr int kTime = 92;
inline constexpr int kTimestamp = 93;
inline constexpr int kBlob = 2004;
inline constexpr int kClob = 2005;
}  // namespace java_type

// The type of a column; of its values, unless JavaTypeVaries.
int JavaType(const FieldType& type);
// Unsigned integers: values past the signed range have the next larger type.
bool JavaTypeVaries(const FieldType& type);
int JavaTypeOf(const FieldType& type, const Datum& value);

}  // namespace cdc
