#include "dataflow/codec/mysql_type_name.h"

#include <string_view>

#include <fmt/format.h>

namespace cdc {
namespace {

std::string_view BaseName(const FieldType& type) {
  const bool binary = type.is_binary_charset();
  switch (type.type) {
    case MysqlType::kBit:
      return "bit";
    case MysqlType::kTinyBlob:
      return binary ? "tinyblob" : "tinytext";
    case MysqlType::kBlob:
      return binary ? "blob" : "text";
    case MysqlType::kMediumBlob:
      return binary ? "mediumblob" : "mediumtext";
    case MysqlType::kLongBlob:
      return binary ? "longblob" : "longtext";
    case MysqlType::kString:
      return binary ? "binary" : "char";
    case MysqlType::kVarchar:
      return binary ? "varbinary" : "varchar";
    case MysqlType::kVarString:
      return "var_string";
    case MysqlType::kDate:
    case MysqlType::kNewDate:
      return "date";
    case MysqlType::kDatetime:
      return "datetime";
    case MysqlType::kTimestamp:
      return "timestamp";
    case MysqlType::kDuration:
      return "time";
    case MysqlType::kYear:
      return "year";
    case MysqlType::kNewDecimal:
      return "decimal";
    case MysqlType::kFloat:
      return "float";
    case MysqlType::kDouble:
      return "double";
    case MysqlType::kTiny:
      return "tinyint";
    case MysqlType::kShort:
      return "smallint";
    case MysqlType::kInt24:
      return "mediumint";
    case MysqlType::kLong:
      return "int";
    case MysqlType::kLonglong:
      return "bigint";
    case MysqlType::kEnum:
      return "enum";
    case MysqlType::kSet:
      return "set";
    case MysqlType::kJson:
      return "json";
    case MysqlType::kVector:
      return "vector";
    case MysqlType::kGeometry:
      return "geometry";
    case MysqlType::kNull:
      return binary ? "binary" : "null";
    case MysqlType::kUnspecified:
      return "unspecified";
  }
  return "";
}

void AppendQuotedNames(const std::vector<std::string>& names, std::string* out) {
  out->push_back('(');
  for (const std::string& name : names) {
    if (out->back() != '(') out->push_back(',');
    out->push_back('\'');
    for (const char c : name) {
      switch (c) {
        case '\0':
          out->append("\\0");
          break;
        case '\'':
          out->append("''");
          break;
        case '\n':
          out->append("\\n");
          break;
        case '\r':
          out->append("\\r");
          break;
        default:
          out->push_back(c);
      }
    }
    out->push_back('\'');
  }
  out->push_back(')');
}

std::string Suffix(const FieldType& type) {
  const int64_t length = type.length == -1 ? DefaultLength(type.type) : type.length;
  switch (type.type) {
    case MysqlType::kEnum:
    case MysqlType::kSet: {
      std::string names;
      AppendQuotedNames(type.elems, &names);
      return names;
    }
    case MysqlType::kTimestamp:
    case MysqlType::kDatetime:
    case MysqlType::kDuration:
      return type.decimal > 0 ? fmt::format("({})", type.decimal) : "";
    case MysqlType::kFloat:
    case MysqlType::kDouble:
      return type.decimal > 0 ? fmt::format("({},{})", length, type.decimal) : "";
    case MysqlType::kNewDecimal:
      return fmt::format("({},{})", length, type.decimal == -1 ? 0 : type.decimal);
    case MysqlType::kBit:
    case MysqlType::kVarchar:
    case MysqlType::kVarString:
    case MysqlType::kString:
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kInt24:
    case MysqlType::kLong:
    case MysqlType::kLonglong:
      return fmt::format("({})", length);
    case MysqlType::kYear:
      return fmt::format("({})", type.length);
    case MysqlType::kVector:
      return type.length == -1 ? "" : fmt::format("({})", type.length);
    default:
      return "";
  }
}

std::string WithSign(std::string name, const FieldType& type) {
  const bool year = type.type == MysqlType::kYear;
  if (type.is_unsigned() && type.type != MysqlType::kBit && !year) name += " unsigned";
  if (type.flags & column_flag::kZerofill && !year) name += " zerofill";
  return name;
}

}  // namespace

int64_t DefaultLength(MysqlType type) {
  switch (type) {
    case MysqlType::kBit:
    case MysqlType::kString:
      return 1;
    case MysqlType::kTiny:
      return 4;
    case MysqlType::kShort:
      return 6;
    case MysqlType::kInt24:
      return 9;
    case MysqlType::kLong:
      return 11;
    case MysqlType::kLonglong:
      return 20;
    case MysqlType::kDouble:
      return 22;
    case MysqlType::kFloat:
      return 12;
    case MysqlType::kNewDecimal:
      return 10;
    case MysqlType::kVarchar:
    case MysqlType::kVarString:
      return 5;
    default:
      return -1;
  }
}

std::string MysqlTypeName(const FieldType& type) { return std::string(BaseName(type)); }

std::string MysqlTypeWithSign(const FieldType& type) { return WithSign(MysqlTypeName(type), type); }

std::string MysqlTypeDescription(const FieldType& type) {
  return WithSign(MysqlTypeName(type) + Suffix(type), type);
}

}  // namespace cdc
