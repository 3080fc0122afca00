#include "dataflow/codec/debezium_ddl.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "dataflow/codec/json_text.h"
#include "dataflow/codec/mysql_type_name.h"
#include "dataflow/codec/simple_schema.h"

namespace cdc {
namespace {

constexpr uint64_t kOnUpdateNow = 1 << 13;  // the column flag of ON UPDATE CURRENT_TIMESTAMP
constexpr int kJdbcTimestampWithZone = 2014;

// java.sql.Types as Debezium has them in schema changes; they are not canal's.
int JdbcType(const FieldType& type) {
  const bool binary = type.flags & column_flag::kBinary;
  switch (type.type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
      return 5;
    case MysqlType::kLong:
    case MysqlType::kInt24:
    case MysqlType::kYear:
      return 4;
    case MysqlType::kFloat:
      return 6;
    case MysqlType::kDouble:
      return 8;
    case MysqlType::kNull:
      return 0;
    case MysqlType::kNewDecimal:
      return 3;
    case MysqlType::kTimestamp:
      return kJdbcTimestampWithZone;
    case MysqlType::kDatetime:
      return 93;
    case MysqlType::kLonglong:
      return -5;
    case MysqlType::kDate:
    case MysqlType::kNewDate:
      return 91;
    case MysqlType::kDuration:
      return 92;
    case MysqlType::kEnum:
    case MysqlType::kSet:
      return 1;
    case MysqlType::kTinyBlob:
    case MysqlType::kMediumBlob:
    case MysqlType::kLongBlob:
    case MysqlType::kBlob:
      return binary ? 2004 : 12;
    case MysqlType::kVarString:
    case MysqlType::kVarchar:
      return binary ? -3 : 12;
    case MysqlType::kString:
      return binary ? -2 : 1;
    case MysqlType::kGeometry:
    case MysqlType::kJson:
      return 1111;
    case MysqlType::kBit:
      return -7;
    default:
      return 12;
  }
}

std::string TypeSuffix(const FieldType& type) {
  const int64_t length = type.length == -1 ? DefaultLength(type.type) : type.length;
  switch (type.type) {
    case MysqlType::kDouble:
      return type.decimal > 0 ? fmt::format("({},{})", length, type.decimal) : "";
    case MysqlType::kVarString:
      if (type.flags & column_flag::kBinary || length == 1) return "";
      return fmt::format("({})", length);
    case MysqlType::kVector:
      return type.length == -1 ? "" : fmt::format("({})", type.length);
    default:
      return "";
  }
}

struct TypeNames {
  std::string name;
  std::string expression;
};

TypeNames NamesOf(const FieldType& type) {
  std::string base = MysqlTypeName(type);
  std::ranges::transform(base, base.begin(), [](unsigned char c) { return std::toupper(c); });
  switch (type.type) {
    case MysqlType::kYear:
    case MysqlType::kBit:
    case MysqlType::kVarchar:
    case MysqlType::kString:
    case MysqlType::kNewDecimal:
      return {base, base};
    default:
      break;
  }
  const char* sign = type.flags & column_flag::kZerofill ? " UNSIGNED ZEROFILL"
                     : type.is_unsigned()                ? " UNSIGNED"
                                                         : "";
  return {base + sign, base + TypeSuffix(type) + sign};
}

std::string_view CharsetOf(const FieldType& type) {
  if (type.is_binary_charset()) return "";
  switch (type.type) {
    case MysqlType::kTimestamp:
    case MysqlType::kDuration:
    case MysqlType::kNewDecimal:
    case MysqlType::kString:
    case MysqlType::kVarchar:
    case MysqlType::kBlob:
    case MysqlType::kTinyBlob:
    case MysqlType::kMediumBlob:
    case MysqlType::kLongBlob:
    case MysqlType::kEnum:
    case MysqlType::kSet:
      return type.charset;
    default:
      return "";
  }
}

// Only what the statement says: not what the type has by itself.
std::optional<int64_t> LengthOf(const FieldType& type) {
  const auto unless = [&](int64_t usual) -> std::optional<int64_t> {
    if (type.length == usual || type.length == -1) return std::nullopt;
    return type.length;
  };
  switch (type.type) {
    case MysqlType::kTimestamp:
    case MysqlType::kDuration:
    case MysqlType::kDatetime:
      return type.decimal > 0 ? std::optional(type.decimal) : std::nullopt;
    case MysqlType::kBit:
    case MysqlType::kVarchar:
    case MysqlType::kString:
    case MysqlType::kVarString:
    case MysqlType::kVector:
    case MysqlType::kLonglong:
    case MysqlType::kFloat:
    case MysqlType::kDouble:
      return unless(DefaultLength(type.type));
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kInt24:
    case MysqlType::kLong: {
      const bool zerofill = type.type == MysqlType::kTiny && type.flags & column_flag::kZerofill;
      return unless(DefaultLength(type.type) - (type.is_unsigned() ? 1 : 0) + (zerofill ? 1 : 0));
    }
    case MysqlType::kYear:
    case MysqlType::kNewDecimal:
      return unless(-1);
    case MysqlType::kSet:
      return 2 * static_cast<int64_t>(type.elems.size()) - 1;
    case MysqlType::kEnum:
      return 1;
    default:
      return std::nullopt;
  }
}

// The bits of a default, without those that the type does not have.
std::string BitText(std::string_view bytes, int64_t length) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:08b}", static_cast<unsigned char>(c));
  const auto bits_of_first = static_cast<size_t>(length % 8);
  const size_t zeros = std::min<size_t>(text.find('1'), 7);
  return text.substr(std::min(zeros, 8 - bits_of_first));
}

void AppendDefaultText(const ColumnInfo& column, std::string* out) {
  out->append(",\"defaultValueExpression\":");
  if (!column.default_value) {
    out->append("null");
  } else if (column.type.type == MysqlType::kBit) {
    AppendJsonString(BitText(*column.default_value, column.type.length), out);
  } else if (column.default_value->starts_with("CURRENT_TIMESTAMP")) {
    out->append("\"1970-01-01 00:00:00\"");
  } else {
    AppendJsonString(*column.default_value, out);
  }
}

void AppendNumberOrNull(const char* name, std::optional<int64_t> value, std::string* out) {
  out->append(name);
  value ? AppendInteger(*value, out) : static_cast<void>(out->append("null"));
}

void AppendColumn(const ColumnInfo& column, int position, std::string* out) {
  const FieldType& type = column.type;
  const int jdbc_type = JdbcType(type);
  out->append("{\"name\":");
  AppendJsonString(column.name, out);
  out->append(fmt::format(",\"jdbcType\":{},\"nativeType\":null,\"comment\":null", jdbc_type));
  AppendDefaultText(column, out);
  out->append(",\"enumValues\":");
  if (type.elems.empty()) {
    out->append("null");
  } else {
    char separator = '[';
    for (const std::string& elem : type.elems) {
      out->push_back(separator);
      separator = ',';
      AppendJsonString("'" + elem + "'", out);
    }
    out->push_back(']');
  }
  const TypeNames names = NamesOf(type);
  const std::string_view charset = CharsetOf(type);
  out->append(fmt::format(",\"typeName\":\"{}\",\"typeExpression\":\"{}\",\"charsetName\":{}{}{}",
                          names.name, names.expression, charset.empty() ? "" : "\"",
                          charset.empty() ? "null" : charset, charset.empty() ? "" : "\""));
  AppendNumberOrNull(",\"length\":", LengthOf(type), out);
  const bool scaled = type.type == MysqlType::kNewDecimal || type.type == MysqlType::kFloat ||
                      type.type == MysqlType::kDouble;
  AppendNumberOrNull(
      ",\"scale\":", scaled && type.decimal != -1 ? std::optional(type.decimal) : std::nullopt,
      out);
  const bool automatic = type.flags & column_flag::kAutoIncrement ||
                         (type.flags & kOnUpdateNow && jdbc_type == kJdbcTimestampWithZone);
  out->append(
      fmt::format(",\"position\":{},\"optional\":{},\"autoIncremented\":{},\"generated\":{}}}",
                  position, !type.not_null(), automatic, automatic));
}

void AppendPrimaryKey(const TableInfo& table, std::string* out) {
  out->push_back('[');
  for (const SimpleIndex& index : SimpleIndexes(table)) {
    if (!index.primary) continue;
    for (const std::string& column : index.columns) {
      if (out->back() != '[') out->push_back(',');
      AppendJsonString(column, out);
    }
  }
  out->push_back(']');
}

std::string Identifier(std::string_view schema, std::string_view table) {
  return fmt::format("\"{}\".\"{}\"", schema, table);
}

}  // namespace

std::string_view DebeziumChangeType(DdlType type) {
  switch (type) {
    case DdlType::kCreateSchema:
    case DdlType::kCreateTable:
    case DdlType::kCreateTables:
    case DdlType::kCreateView:
      return "CREATE";
    case DdlType::kAddColumn:
    case DdlType::kModifyColumn:
    case DdlType::kDropColumn:
    case DdlType::kMultiSchemaChange:
    case DdlType::kAddTablePartition:
    case DdlType::kRemovePartitioning:
    case DdlType::kReorganizePartition:
    case DdlType::kExchangeTablePartition:
    case DdlType::kAlterTablePartitioning:
    case DdlType::kTruncateTablePartition:
    case DdlType::kDropTablePartition:
    case DdlType::kRebaseAutoId:
    case DdlType::kSetDefaultValue:
    case DdlType::kModifyTableComment:
    case DdlType::kModifyTableCharsetAndCollate:
    case DdlType::kModifySchemaCharsetAndCollate:
    case DdlType::kAddIndex:
    case DdlType::kAlterIndexVisibility:
    case DdlType::kRenameIndex:
    case DdlType::kRenameTable:
    case DdlType::kRenameTables:
    case DdlType::kAddPrimaryKey:
    case DdlType::kDropPrimaryKey:
      return "ALTER";
    case DdlType::kDropSchema:
    case DdlType::kDropTable:
    case DdlType::kDropIndex:
    case DdlType::kDropView:
    case DdlType::kTruncateTable:
      return "DROP";
    default:
      return "";
  }
}

void AppendDebeziumTableChanges(const DdlPart& part, std::string* out) {
  const TableInfoPtr& table = part.tables.after != nullptr ? part.tables.after : part.tables.before;
  const bool none = part.table.empty() || part.type == DdlType::kTruncateTable || table == nullptr;
  out->push_back('[');
  if (!none) {
    std::string id = Identifier(part.whole_schema(), part.whole_table());
    if (part.type == DdlType::kRenameTable && part.tables.before != nullptr)
      id = Identifier(part.tables.before->schema, part.tables.before->name) + "," + id;
    out->append(fmt::format("{{\"type\":\"{}\",\"id\":", DebeziumChangeType(part.type)));
    AppendJsonString(id, out);
    out->append(",\"table\":");
    if (part.type == DdlType::kDropTable) {
      out->append("null");
    } else {
      out->append("{\"defaultCharsetName\":");
      AppendJsonString(table->charset, out);
      out->append(",\"primaryKeyColumnNames\":");
      AppendPrimaryKey(*table, out);
      out->append(",\"columns\":[");
      int position = 0;
      for (const ColumnInfo& column : table->all_columns) {
        if (column.state != SchemaState::kPublic) continue;
        ++position;
        if (column.hidden) continue;
        if (out->back() != '[') out->push_back(',');
        AppendColumn(column, position, out);
      }
      out->append("],\"comment\":null}");
    }
    out->push_back('}');
  }
  out->push_back(']');
}

std::string_view DebeziumChangeFields() {
  return R"({"field":"ts_ms","optional":false,"type":"int64"},)"
         R"({"field":"databaseName","optional":true,"type":"string"},)"
         R"({"field":"schemaName","optional":true,"type":"string"},)"
         R"({"field":"ddl","optional":true,"type":"string"},)"
         R"({"field":"tableChanges","optional":false,"type":"array","items":{"name":"io.debezi)"
         R"(um.connector.schema.Change","optional":false,"type":"struct","version":1,"fields":)"
         R"([{"field":"type","optional":false,"type":"string"},)"
         R"({"field":"id","optional":false,"type":"string"},)"
         R"({"field":"table","optional":true,"type":"struct","name":"io.debezium.connector.sch)"
         R"(ema.Table","version":1,"fields":[{"field":"defaultCharsetName","optional":true,"ty)"
         R"(pe":"string"},)"
         R"({"field":"primaryKeyColumnNames","optional":true,"type":"array","items":{"type":"s)"
         R"(tring","optional":false}},)"
         R"({"field":"columns","optional":false,"type":"array","items":{"name":"io.debezium.co)"
         R"(nnector.schema.Column","optional":false,"type":"struct","version":1,"fields":[{"fi)"
         R"(eld":"name","optional":false,"type":"string"},)"
         R"({"field":"jdbcType","optional":false,"type":"int32"},)"
         R"({"field":"nativeType","optional":true,"type":"int32"},)"
         R"({"field":"typeName","optional":false,"type":"string"},)"
         R"({"field":"typeExpression","optional":true,"type":"string"},)"
         R"({"field":"charsetName","optional":true,"type":"string"},)"
         R"({"field":"length","optional":true,"type":"int32"},)"
         R"({"field":"scale","optional":true,"type":"int32"},)"
         R"({"field":"position","optional":false,"type":"int32"},)"
         R"({"field":"optional","optional":true,"type":"boolean"},)"
         R"({"field":"autoIncremented","optional":true,"type":"boolean"},)"
         R"({"field":"generated","optional":true,"type":"boolean"},)"
         R"({"field":"comment","optional":true,"type":"string"},)"
         R"({"field":"defaultValueExpression","optional":true,"type":"string"},)"
         R"({"field":"enumValues","optional":true,"type":"array","items":{"type":"string","opt)"
         R"(ional":false}}]}},{"field":"comment","optional":true,"type":"string"}]}]}})";
}

}  // namespace cdc
