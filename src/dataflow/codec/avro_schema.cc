#include "dataflow/codec/avro_schema.h"

#include <fmt/format.h>

#include "dataflow/codec/debezium_schema.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/mysql_type_name.h"
#include "dataflow/mounter/default_value.h"

namespace cdc {
namespace {

bool IsBinary(const FieldType& type) { return type.flags & column_flag::kBinary; }

struct AvroType {
  AvroShape shape;
  std::string_view name;
  std::string_view tidb_type;
};

AvroType TypeOf(const FieldType& type, const CodecOptions& options) {
  const bool is_unsigned = type.is_unsigned();
  switch (type.type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kInt24:
      return {AvroShape::kLong, "int", is_unsigned ? "INT UNSIGNED" : "INT"};
    case MysqlType::kLong:
      if (is_unsigned) return {AvroShape::kLong, "long", "INT UNSIGNED"};
      return {AvroShape::kLong, "int", "INT"};
    case MysqlType::kLonglong:
      if (!is_unsigned) return {AvroShape::kLong, "long", "BIGINT"};
      if (options.avro_unsigned_bigint == AvroUnsignedBigint::kString)
        return {AvroShape::kText, "string", "BIGINT UNSIGNED"};
      return {AvroShape::kLong, "long", "BIGINT UNSIGNED"};
    case MysqlType::kYear:
      return {AvroShape::kLong, "int", "YEAR"};
    case MysqlType::kFloat:
      return {AvroShape::kFloat, "float", "FLOAT"};
    case MysqlType::kDouble:
      return {AvroShape::kDouble, "double", "DOUBLE"};
    case MysqlType::kBit:
      return {AvroShape::kBits, "bytes", "BIT"};
    case MysqlType::kNewDecimal:
      if (options.avro_decimal == AvroDecimal::kString)
        return {AvroShape::kText, "string", "DECIMAL"};
      return {AvroShape::kDecimal, "bytes", "DECIMAL"};
    case MysqlType::kEnum:
      return {AvroShape::kText, "string", "ENUM"};
    case MysqlType::kSet:
      return {AvroShape::kText, "string", "SET"};
    case MysqlType::kJson:
      return {AvroShape::kText, "string", "JSON"};
    case MysqlType::kDate:
    case MysqlType::kNewDate:
      return {AvroShape::kText, "string", "DATE"};
    case MysqlType::kDatetime:
      return {AvroShape::kText, "string", "DATETIME"};
    case MysqlType::kTimestamp:
      return {AvroShape::kText, "string", "TIMESTAMP"};
    case MysqlType::kDuration:
      return {AvroShape::kText, "string", "TIME"};
    case MysqlType::kVector:
      return {AvroShape::kText, "string", "TiDBVECTORFloat32"};
    default:
      if (IsBinary(type)) return {AvroShape::kBytes, "bytes", "BLOB"};
      return {AvroShape::kText, "string", "TEXT"};
  }
}

int64_t LengthOf(const FieldType& type) {
  return type.length == -1 ? DefaultLength(type.type) : type.length;
}

int64_t ScaleOf(const FieldType& type) { return type.decimal == -1 ? 0 : type.decimal; }

// "a,b", with commas in a name escaped and its quotes as they are meant.
std::string AllowedNames(const std::vector<std::string>& elems) {
  std::string names;
  for (const std::string& elem : elems) {
    if (&elem != elems.data()) names += ',';
    for (size_t i = 0; i < elem.size(); ++i) {
      if (elem[i] == ',') names += '\\';
      const std::string_view pair = std::string_view(elem).substr(i, 2);
      if (pair == "\\'" || pair == "''") ++i;
      names += elem[i];
    }
  }
  return names;
}

std::string TypeSchema(const FieldType& type, const AvroType& avro) {
  std::string schema = fmt::format("{{\"type\":\"{}\",\"connect.parameters\":{{", avro.name);
  if (type.type == MysqlType::kEnum || type.type == MysqlType::kSet) {
    schema += "\"allowed\":";
    AppendJsonString(AllowedNames(type.elems), &schema);
    schema += ',';
  }
  if (type.type == MysqlType::kBit) schema += fmt::format("\"length\":\"{}\",", LengthOf(type));
  schema += fmt::format("\"tidb_type\":\"{}\"}}", avro.tidb_type);
  if (avro.shape == AvroShape::kDecimal)
    schema += fmt::format(",\"logicalType\":\"decimal\",\"precision\":{},\"scale\":{}",
                          LengthOf(type), ScaleOf(type));
  return schema + '}';
}

// As JSON; "" if there is none, or none that can be told: one that is computed.
std::string DefaultJson(const ColumnInfo& column, AvroShape shape) {
  std::string json;
  if (!column.default_value || column.default_is_expr || shape == AvroShape::kDecimal) return json;
  const std::string& text = *column.default_value;
  if (shape == AvroShape::kText) {
    AppendJsonString(text, &json);
    return json;
  }
  if (shape == AvroShape::kBytes || shape == AvroShape::kBits) {
    AppendJsonLatin1(text, &json);
    return json;
  }
  std::string storage;
  const Result<Datum> value = ParseDefault(text, column.type, Ts::FromUnixMs(0), &storage);
  if (!value || value->is_null()) return json;
  if (shape == AvroShape::kLong) {
    AppendInteger(value->as_int(), &json);
  } else {
    AppendJsonDouble(value->as_double(), false, &json);
  }
  return json;
}

}  // namespace

AvroColumn MakeAvroColumn(const ColumnInfo& column, int position, const CodecOptions& options) {
  const FieldType& type = column.type;
  const AvroType avro = TypeOf(type, options);
  const std::string default_json = DefaultJson(column, avro.shape);
  AvroColumn result{.position = position,
                    .shape = avro.shape,
                    .nullable = !type.not_null(),
                    .null_branch = default_json.empty() ? 0 : 1,
                    .scale = static_cast<int>(ScaleOf(type)),
                    .field = "{"};
  std::string schema = TypeSchema(type, avro);
  std::string field_default = default_json;
  if (result.nullable) {
    // The type of the default comes first in a union.
    schema = result.null_branch == 0 ? "[\"null\"," + schema + "]" : "[" + schema + ",\"null\"]";
    if (field_default.empty()) field_default = "null";
  }
  if (!field_default.empty()) result.field += "\"default\":" + field_default + ",";
  result.field += "\"name\":\"" + SafeName(column.name) + "\",\"type\":" + schema + "}";
  return result;
}

std::string AvroRecordSchema(const TableInfo& table, const std::vector<AvroColumn>& columns,
                             std::string_view more_fields, std::string_view name_suffix,
                             const CodecOptions& options) {
  std::string fields;
  for (const AvroColumn& column : columns) {
    if (!fields.empty()) fields += ',';
    fields += column.field;
  }
  if (fields.empty() && !more_fields.empty()) more_fields.remove_prefix(1);
  std::string space = SafeName(options.avro_namespace);
  if (!table.schema.empty()) space += "." + SafeName(table.schema);
  return fmt::format(R"({{"type":"record","name":"{}{}","namespace":"{}","fields":[{}{}]}})",
                     SafeName(table.name), name_suffix, space, fields, more_fields);
}

}  // namespace cdc
