#include "dataflow/sink/mysql/create_table_sql.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "dataflow/sink/mysql/ddl_rewriter.h"
#include "dataflow/sink/mysql/sql_writer.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kOnUpdateNow = 1 << 13;  // a column flag
constexpr int kStatePublic = 5;
// Kinds of partitioning (parser/ast PartitionType); 2 is HASH.
constexpr int64_t kRange = 1;
constexpr int64_t kList = 3;
constexpr int64_t kKey = 4;

// Members that TiDB writes as null, or an older TiDB not at all, read as their zero value.
std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
int64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<int64_t>() : 0;
}
bool Flag(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}
const Json& List(const Json& object, const char* key) {
  static const Json empty = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : empty;
}
std::string Name(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? Text(*found, "O") : "";
}
std::string NameList(const Json& names) {
  std::string out;
  for (const Json& name : names) {
    if (!out.empty()) out += ",";
    out += QuoteIdentifier(Text(name, "O"));
  }
  return "(" + out + ")";
}

std::string IntegerType(const char* name, const FieldType& type) {
  std::string out = type.length > 0 ? fmt::format("{}({})", name, type.length) : name;
  if (type.is_unsigned()) out += " UNSIGNED";
  if (type.flags & column_flag::kZerofill) out += " ZEROFILL";
  return out;
}

std::string RealType(const char* name, const FieldType& type) {
  std::string out = type.decimal >= 0 && type.length >= 0
                        ? fmt::format("{}({},{})", name, type.length, type.decimal)
                        : name;
  if (type.is_unsigned()) out += " UNSIGNED";
  if (type.flags & column_flag::kZerofill) out += " ZEROFILL";
  return out;
}

std::string WithFraction(const char* name, const FieldType& type) {
  return type.decimal > 0 ? fmt::format("{}({})", name, type.decimal) : name;
}

std::string ElementList(const char* name, const FieldType& type) {
  std::string out;
  for (const std::string& element : type.elems)
    out += (out.empty() ? "" : ",") + QuoteText(element);
  return fmt::format("{}({})", name, out);
}

class Definition {
 public:
  Definition(const TableInfo& table, ServerKind server, bool text_for_vectors)
      : table_(table), server_(server), text_for_vectors_(text_for_vectors) {}

  // False: the text is no JSON.
  bool Parse() {
    if (table_.json == nullptr) return false;
    json_ = Json::parse(*table_.json, nullptr, false);
    return json_.is_object();
  }

  TableSql Create() {
    std::string sql =
        fmt::format("CREATE {}TABLE {} (",
                    table_.kind == TableInfo::Kind::kGlobalTemporary ? "GLOBAL TEMPORARY " : "",
                    QualifiedName());
    for (const std::string& part : Parts()) sql += "\n  " + part + ",";
    sql.back() = '\n';
    sql += ")" + TableOptions() + Partitioning();
    if (table_.kind == TableInfo::Kind::kGlobalTemporary) sql += " ON COMMIT DELETE ROWS";
    return {std::move(sql), std::move(left_out_)};
  }

  TableSql Additions(const TableInfo& before) {
    std::string sql;
    const auto add = [&sql](const std::string& definition) {
      if (!definition.empty()) sql += (sql.empty() ? " ADD " : ", ADD ") + definition;
    };
    const ColumnInfo* previous = nullptr;
    for (const ColumnInfo& column : table_.all_columns) {
      if (column.state != SchemaState::kPublic || column.hidden) continue;
      const auto had = [&column](const ColumnInfo& old) {
        return old.id == column.id && old.state == SchemaState::kPublic;
      };
      if (std::ranges::none_of(before.all_columns, had))
        add("COLUMN " + Column(column) +
            (previous == nullptr ? " FIRST" : " AFTER " + QuoteIdentifier(previous->name)));
      previous = &column;
    }
    for (const Json& index : List(json_, "index_info")) {
      const int64_t id = Number(index, "id");
      const auto had = [id](const IndexInfo& old) {
        return old.id == id && old.state == SchemaState::kPublic;
      };
      if (Number(index, "state") == kStatePublic && std::ranges::none_of(before.indexes, had))
        add(Index(index));
    }
    if (!sql.empty()) sql = "ALTER TABLE " + QualifiedName() + sql;
    return {std::move(sql), std::move(left_out_)};
  }

  std::string Repartition() { return "ALTER TABLE " + QualifiedName() + Partitioning(); }

 private:
  std::string QualifiedName() const {
    return QuoteIdentifier(table_.schema) + "." + QuoteIdentifier(table_.name);
  }
  bool mariadb() const { return server_ == ServerKind::kMariaDb; }

  std::vector<std::string> Parts() {
    std::vector<std::string> parts;
    for (const ColumnInfo& column : table_.all_columns)
      if (column.state == SchemaState::kPublic && !column.hidden) parts.push_back(Column(column));
    if (table_.pk_is_handle) parts.push_back(HandleKey());
    for (const Json& index : List(json_, "index_info")) {
      if (Number(index, "state") != kStatePublic) continue;
      std::string definition = Index(index);
      if (!definition.empty()) parts.push_back(std::move(definition));
    }
    for (const Json& key : List(json_, "fk_info"))
      if (Number(key, "state") == kStatePublic && Number(key, "version") > 0)
        parts.push_back(ForeignKey(key));
    for (const Json& check : List(json_, "constraint_info")) {
      std::string definition = Check(check);
      if (!definition.empty()) parts.push_back(std::move(definition));
    }
    return parts;
  }

  std::string HandleKey() const {
    for (const ColumnInfo& column : table_.all_columns)
      if (column.type.flags & column_flag::kPriKey)
        return fmt::format("PRIMARY KEY ({}) /*T![clustered_index] CLUSTERED */",
                           QuoteIdentifier(column.name));
    return "";
  }

  std::string Collation(const std::string& charset, const std::string& collation) const {
    if (charset.empty() || charset == "binary") return "";
    if (!mariadb()) return fmt::format(" CHARACTER SET {} COLLATE {}", charset, collation);
    return fmt::format(" CHARACTER SET {} COLLATE {}", MariaDbCharset(charset),
                       MariaDbCollation(collation));
  }

  std::string Type(const FieldType& type) const {
    const bool binary = type.is_binary_charset();
    const auto text = [&](std::string name) {
      return name + Collation(type.charset, type.collation);
    };
    switch (type.type) {
      case MysqlType::kTiny:
        return IntegerType("TINYINT", type);
      case MysqlType::kShort:
        return IntegerType("SMALLINT", type);
      case MysqlType::kInt24:
        return IntegerType("MEDIUMINT", type);
      case MysqlType::kLong:
        return IntegerType("INT", type);
      case MysqlType::kLonglong:
        return IntegerType("BIGINT", type);
      case MysqlType::kFloat:
        return RealType("FLOAT", type);
      case MysqlType::kDouble:
        return RealType("DOUBLE", type);
      case MysqlType::kNewDecimal:
        return RealType("DECIMAL", type);
      case MysqlType::kBit:
        return fmt::format("BIT({})", std::max<int64_t>(type.length, 1));
      case MysqlType::kYear:
        return "YEAR";
      case MysqlType::kDate:
      case MysqlType::kNewDate:
        return "DATE";
      case MysqlType::kDatetime:
        return WithFraction("DATETIME", type);
      case MysqlType::kTimestamp:
        return WithFraction("TIMESTAMP", type);
      case MysqlType::kDuration:
        return WithFraction("TIME", type);
      case MysqlType::kVarchar:
      case MysqlType::kVarString:
        return binary ? fmt::format("VARBINARY({})", type.length)
                      : text(fmt::format("VARCHAR({})", type.length));
      case MysqlType::kString:
        return binary ? fmt::format("BINARY({})", type.length)
                      : text(fmt::format("CHAR({})", type.length));
      case MysqlType::kTinyBlob:
        return binary ? "TINYBLOB" : text("TINYTEXT");
      case MysqlType::kBlob:
        return binary ? "BLOB" : text("TEXT");
      case MysqlType::kMediumBlob:
        return binary ? "MEDIUMBLOB" : text("MEDIUMTEXT");
      case MysqlType::kLongBlob:
        return binary ? "LONGBLOB" : text("LONGTEXT");
      case MysqlType::kEnum:
        return text(ElementList("ENUM", type));
      case MysqlType::kSet:
        return text(ElementList("SET", type));
      case MysqlType::kJson:
        return "JSON";
      case MysqlType::kVector:
        if (text_for_vectors_ && server_ != ServerKind::kTiDb) return "LONGTEXT";
        return type.length > 0 ? fmt::format("VECTOR({})", type.length) : "VECTOR";
      default:
        return "GEOMETRY";
    }
  }

  std::string Default(const ColumnInfo& column) {
    if (!column.default_value) return "";
    const std::string& value = *column.default_value;
    if (column.default_is_expr && value.starts_with("nextval(") && server_ != ServerKind::kTiDb) {
      left_out_.push_back(
          fmt::format("default of {}.{}.{} (sequence)", table_.schema, table_.name, column.name));
      return "";
    }
    const bool is_time =
        column.type.type == MysqlType::kTimestamp || column.type.type == MysqlType::kDatetime;
    if (is_time && value.starts_with("CURRENT_TIMESTAMP"))
      return " DEFAULT " + WithFraction("CURRENT_TIMESTAMP", column.type);
    if (column.default_is_expr || value == "CURRENT_DATE") return " DEFAULT (" + value + ")";
    if (column.type.type == MysqlType::kBit) {
      uint64_t bits = 0;
      for (const char c : value) bits = bits << 8 | static_cast<unsigned char>(c);
      return fmt::format(" DEFAULT b'{:b}'", bits);
    }
    const bool is_text =
        column.type.type == MysqlType::kEnum || column.type.type == MysqlType::kSet;
    if (column.type.is_binary_charset() && IsString(column.type) && !is_text)
      return " DEFAULT x'" + ToHex(value) + "'";
    return " DEFAULT " + QuoteText(value);
  }

  static bool IsString(const FieldType& type) {
    return type.type == MysqlType::kString || type.type == MysqlType::kVarchar ||
           type.type == MysqlType::kVarString;
  }

  std::string Column(const ColumnInfo& column) {
    std::string out = QuoteIdentifier(column.name) + " " + Type(column.type);
    if (column.is_generated()) {
      out += fmt::format(" GENERATED ALWAYS AS ({}) {}", column.generated_expr,
                         column.generated_stored ? "STORED" : "VIRTUAL");
      if (column.type.not_null() && !mariadb()) out += " NOT NULL";
    } else {
      out += column.type.not_null() ? " NOT NULL" : " NULL";
      out += Default(column);
      if (column.type.flags & column_flag::kAutoIncrement) out += " AUTO_INCREMENT";
      if (column.type.flags & kOnUpdateNow)
        out += " ON UPDATE " + WithFraction("CURRENT_TIMESTAMP", column.type);
      const int64_t random_bits = Number(json_, "auto_random_bits");
      if (random_bits > 0 && (column.type.flags & column_flag::kPriKey))
        out += fmt::format(" /*T![auto_rand] AUTO_RANDOM({}) */", random_bits);
    }
    if (!column.comment.empty()) out += " COMMENT " + QuoteText(column.comment);
    return out;
  }

  // "" if the server can't hold the index.
  std::string Index(const Json& index) {
    std::string columns;
    bool expression = false;
    for (const Json& part : List(index, "idx_cols")) {
      const auto offset = static_cast<size_t>(Number(part, "offset"));
      if (!columns.empty()) columns += ",";
      if (offset < table_.all_columns.size() && table_.all_columns[offset].hidden) {
        expression = true;
        columns += "(" + table_.all_columns[offset].generated_expr + ")";
        continue;
      }
      columns += QuoteIdentifier(Name(part, "name"));
      if (Number(part, "length") > 0) columns += fmt::format("({})", Number(part, "length"));
    }
    const std::string name = Name(index, "idx_name");
    if (!Holds(index, expression, name)) return "";
    std::string out = Flag(index, "is_primary")  ? "PRIMARY KEY"
                      : Flag(index, "is_unique") ? "UNIQUE KEY " + QuoteIdentifier(name)
                                                 : "KEY " + QuoteIdentifier(name);
    out += " (" + columns + ")";
    const std::string condition = Text(index, "condition_expr_string");
    if (!condition.empty() && server_ == ServerKind::kTiDb) out += " WHERE " + condition;
    if (Flag(index, "is_primary"))
      out += fmt::format(" /*T![clustered_index] {} */",
                         table_.is_common_handle ? "CLUSTERED" : "NONCLUSTERED");
    if (Flag(index, "is_global")) out += " /*T![global_index] GLOBAL */";
    if (Flag(index, "is_invisible")) out += mariadb() ? " IGNORED" : " INVISIBLE";
    if (!Text(index, "comment").empty()) out += " COMMENT " + QuoteText(Text(index, "comment"));
    return out;
  }

  bool Holds(const Json& index, bool expression, const std::string& name) {
    const auto special = [&index](const char* key) {
      const auto found = index.find(key);
      return found != index.end() && !found->is_null();
    };
    const char* reason = nullptr;
    if (special("vector_index") || special("inverted_index") || special("full_text_index"))
      reason = "columnar";
    else if (mariadb() && (expression || Flag(index, "mv_index")))
      reason = "expression";
    else if (server_ != ServerKind::kTiDb && !Text(index, "condition_expr_string").empty() &&
             Flag(index, "is_unique"))
      reason = "partial";
    if (reason == nullptr || server_ == ServerKind::kTiDb) return reason == nullptr;
    left_out_.push_back(
        fmt::format("index {} of {}.{} ({})", name, table_.schema, table_.name, reason));
    return false;
  }

  static std::string ReferAction(const char* event, int64_t action) {
    constexpr const char* kActions[] = {"",         "RESTRICT",  "CASCADE",
                                        "SET NULL", "NO ACTION", "SET DEFAULT"};
    if (action <= 0 || action > 5) return "";
    return fmt::format(" ON {} {}", event, kActions[action]);
  }

  std::string ForeignKey(const Json& key) const {
    const std::string schema = Name(key, "ref_schema");
    const std::string name = Name(key, "fk_name");
    const bool chosen_by_tidb =
        name.starts_with("fk_") && name.find_first_not_of("0123456789", 3) == std::string::npos;
    const std::string constraint =
        chosen_by_tidb ? "" : "CONSTRAINT " + QuoteIdentifier(name) + " ";
    return fmt::format("{}FOREIGN KEY {} REFERENCES {}.{} {}{}{}", constraint,
                       NameList(List(key, "cols")),
                       QuoteIdentifier(schema.empty() ? table_.schema : schema),
                       QuoteIdentifier(Name(key, "ref_table")), NameList(List(key, "ref_cols")),
                       ReferAction("DELETE", Number(key, "on_delete")),
                       ReferAction("UPDATE", Number(key, "on_update")));
  }

  std::string Check(const Json& check) {
    if (Number(check, "state") != kStatePublic) return "";
    const std::string name = Name(check, "constraint_name");
    const bool enforced = Flag(check, "enforced");
    if (!enforced && mariadb()) {
      left_out_.push_back(
          fmt::format("constraint {} of {}.{} (not enforced)", name, table_.schema, table_.name));
      return "";
    }
    return fmt::format("CONSTRAINT {} CHECK ({}){}", QuoteIdentifier(name),
                       Text(check, "expr_string"), enforced ? "" : " NOT ENFORCED");
  }

  std::string TableOptions() const {
    std::string out = Collation(table_.charset, table_.collation);
    if (!out.empty()) out = " DEFAULT" + out;
    if (table_.charset == "binary") out = " DEFAULT CHARACTER SET binary";
    if (!table_.comment.empty()) out += " COMMENT=" + QuoteText(table_.comment);
    if (const int64_t bits = Number(json_, "ShardRowIDBits"); bits > 0)
      out += fmt::format(" /*T! SHARD_ROW_ID_BITS={} */", bits);
    if (const int64_t cache = Number(json_, "auto_id_cache"); cache > 0)
      out += fmt::format(" /*T![auto_id_cache] AUTO_ID_CACHE={} */", cache);
    return out + TimeToLive();
  }

  // Rows that TiDB lets expire; the units are parser/ast's TimeUnitType.
  std::string TimeToLive() const {
    constexpr const char* kUnits[] = {"",    "MICROSECOND", "SECOND", "MINUTE",  "HOUR",
                                      "DAY", "WEEK",        "MONTH",  "QUARTER", "YEAR"};
    const auto info = json_.find("ttl_info");
    if (info == json_.end() || !info->is_object()) return "";
    const auto unit = static_cast<size_t>(Number(*info, "interval_time_unit"));
    if (unit == 0 || unit >= std::size(kUnits)) return "";
    std::string out =
        fmt::format(" /*T![ttl] TTL={} + INTERVAL {} {} */ /*T![ttl] TTL_ENABLE='{}' */",
                    QuoteIdentifier(Name((*info), "column")), Text(*info, "interval_expr"),
                    kUnits[unit], Flag(*info, "enable") ? "ON" : "OFF");
    if (const std::string interval = Text(*info, "job_interval"); !interval.empty())
      out += fmt::format(" /*T![ttl] TTL_JOB_INTERVAL='{}' */", interval);
    return out;
  }

  static std::string JoinValues(const Json& values) {
    std::string out;
    for (const Json& value : values) {
      if (!out.empty()) out += ",";
      if (value.is_string()) out += value.get<std::string>();
    }
    return out;
  }

  static std::string PartitionValues(int64_t type, const Json& definition) {
    if (type == kRange)
      return fmt::format(" VALUES LESS THAN ({})", JoinValues(List(definition, "less_than")));
    if (type != kList) return "";
    std::string values;
    bool only_default = false;
    for (const Json& tuple : List(definition, "in_values")) {
      const std::string joined = JoinValues(tuple);
      only_default = values.empty() && joined == "DEFAULT";
      if (!values.empty()) values += ",";
      values += tuple.size() > 1 ? "(" + joined + ")" : joined;
    }
    if (values.empty() || only_default) return " DEFAULT";
    return fmt::format(" VALUES IN ({})", values);
  }

  std::string Partitioning() const {
    const auto found = json_.find("partition");
    if (found == json_.end() || !found->is_object() || !Flag(*found, "enable")) return "";
    const Json& partition = *found;
    const int64_t type = Number(partition, "type");
    const Json& columns = List(partition, "columns");
    constexpr const char* kMethods[] = {"", "RANGE", "HASH", "LIST", "KEY"};
    if (type < kRange || type > kKey) return "";
    std::string by;
    if (type == kKey) {
      by = Flag(partition, "is_empty_columns") ? "()" : NameList(columns);
    } else if (!columns.empty()) {
      by = "COLUMNS " + NameList(columns);
    } else {
      by = "(" + Text(partition, "expr") + ")";
    }
    std::string out = fmt::format("\nPARTITION BY {} {} (", kMethods[type], by);
    for (const Json& definition : List(partition, "definitions")) {
      out += "\n  PARTITION " + QuoteIdentifier(Name(definition, "name"));
      out += PartitionValues(type, definition);
      if (!Text(definition, "comment").empty())
        out += " COMMENT = " + QuoteText(Text(definition, "comment"));
      out += ",";
    }
    out.back() = ')';
    return out;
  }

  const TableInfo& table_;
  const ServerKind server_;
  const bool text_for_vectors_;
  Json json_;
  std::vector<std::string> left_out_;
};

Unexpected Unreadable(const TableInfo& table) {
  return Error(Code::kExecDdl, "the description of table {}.{} can't be read", table.schema,
               table.name);
}

}  // namespace

Result<TableSql> CreateTableSql(const TableInfo& table, ServerKind server, bool text_for_vectors) {
  Definition definition(table, server, text_for_vectors);
  if (!definition.Parse()) return Unreadable(table);
  return definition.Create();
}

Result<TableSql> AdditionsSql(const TableInfo& before, const TableInfo& after, ServerKind server,
                              bool text_for_vectors) {
  Definition definition(after, server, text_for_vectors);
  if (!definition.Parse()) return Unreadable(after);
  return definition.Additions(before);
}

Result<std::string> RepartitionSql(const TableInfo& table, ServerKind server) {
  Definition definition(table, server, false);
  if (!definition.Parse()) return Unreadable(table);
  return definition.Repartition();
}

}  // namespace cdc
