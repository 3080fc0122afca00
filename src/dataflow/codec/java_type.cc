#include "dataflow/codec/java_type.h"

#include <cstdint>

namespace cdc {

int JavaType(const FieldType& type) {
  const bool binary = type.flags & column_flag::kBinary;
  switch (type.type) {
    case MysqlType::kBit:
    case MysqlType::kSet:
      return java_type::kBit;
    case MysqlType::kTinyBlob:
    case MysqlType::kMediumBlob:
    case MysqlType::kLongBlob:
    case MysqlType::kBlob:
      return binary ? java_type::kBlob : java_type::kClob;
    case MysqlType::kVarchar:
    case MysqlType::kVarString:
      return binary ? java_type::kBlob : java_type::kVarchar;
    case MysqlType::kString:
      return binary ? java_type::kBlob : java_type::kChar;
    case MysqlType::kDate:
    case MysqlType::kNewDate:
      return java_type::kDate;
    case MysqlType::kDatetime:
    case MysqlType::kTimestamp:
      return java_type::kTimestamp;
    case MysqlType::kDuration:
      return java_type::kTime;
    case MysqlType::kNewDecimal:
      return java_type::kDecimal;
    case MysqlType::kEnum:
    case MysqlType::kInt24:
    case MysqlType::kLong:
      return java_type::kInteger;
    case MysqlType::kTiny:
      return java_type::kTinyint;
    case MysqlType::kShort:
      return java_type::kSmallint;
    case MysqlType::kLonglong:
      return java_type::kBigint;
    case MysqlType::kFloat:
      return java_type::kReal;
    case MysqlType::kDouble:
      return java_type::kDouble;
    default:
      return java_type::kVarchar;
  }
}

bool JavaTypeVaries(const FieldType& type) {
  if (!type.is_unsigned()) return false;
  switch (type.type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kLong:
    case MysqlType::kLonglong:
      return true;
    default:
      return false;  // MEDIUMINT UNSIGNED fits an INTEGER anyway
  }
}

int JavaTypeOf(const FieldType& type, const Datum& value) {
  const int java_type = JavaType(type);
  if (value.is_null() || !JavaTypeVaries(type)) return java_type;
  const uint64_t number = value.as_uint();
  switch (type.type) {
    case MysqlType::kTiny:
      return number > INT8_MAX ? java_type::kSmallint : java_type;
    case MysqlType::kShort:
      return number > INT16_MAX ? java_type::kInteger : java_type;
    case MysqlType::kLong:
      return number > INT32_MAX ? java_type::kBigint : java_type;
    default:
      return number > INT64_MAX ? java_type::kDecimal : java_type;
  }
}

}  // namespace cdc
