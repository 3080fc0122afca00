#include "dataflow/codec/simple_schema.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "dataflow/codec/canal_event_type.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/mysql_type_name.h"

namespace cdc {
namespace {

// A BIT's default is kept as its bytes, most significant first.
uint64_t BitValue(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void AppendType(const FieldType& type, std::string_view name, std::string* out) {
  out->append("{\"mysqlType\":");
  AppendJsonString(name, out);
  out->append(",\"charset\":");
  AppendJsonString(type.charset, out);
  out->append(",\"collate\":");
  AppendJsonString(type.collation, out);
  if (type.length != 0) {
    out->append(",\"length\":");
    AppendInteger(type.length, out);
  }
  const bool floating = type.type == MysqlType::kFloat || type.type == MysqlType::kDouble;
  if (type.decimal != 0 && !floating) {
    out->append(",\"decimal\":");
    AppendInteger(type.decimal, out);
  }
  if (!type.elems.empty()) {
    out->append(",\"elements\":");
    char separator = '[';
    for (const std::string& name : type.elems) {
      out->push_back(separator);
      separator = ',';
      AppendJsonString(name, out);
    }
    out->push_back(']');
  }
  if (type.is_unsigned()) out->append(",\"unsigned\":true");
  if (type.flags & column_flag::kZerofill) out->append(",\"zerofill\":true");
  out->push_back('}');
}

void AppendColumn(const ColumnInfo& column, std::string_view type_name, std::string* out) {
  out->append("{\"name\":");
  AppendJsonString(column.name, out);
  out->append(",\"dataType\":");
  AppendType(column.type, type_name, out);
  out->append(column.type.not_null() ? ",\"nullable\":false" : ",\"nullable\":true");
  out->append(",\"default\":");
  if (!column.default_value) {
    out->append("null");
  } else if (column.type.type == MysqlType::kBit) {
    AppendInteger(BitValue(*column.default_value), out);
  } else {
    AppendJsonString(*column.default_value, out);
  }
  out->push_back('}');
}

void AppendIndex(const SimpleIndex& index, std::string* out) {
  const auto flag = [&](const char* name, bool value) {
    out->append(name);
    out->append(value ? "true" : "false");
  };
  out->append("{\"name\":");
  AppendJsonString(index.name, out);
  flag(",\"unique\":", index.unique);
  flag(",\"primary\":", index.primary);
  flag(",\"nullable\":", index.nullable);
  out->append(",\"columns\":");
  char separator = '[';
  for (const std::string& column : index.columns) {
    out->push_back(separator);
    separator = ',';
    AppendJsonString(column, out);
  }
  out->append("]}");
}

// A unique index over NOT NULL columns that a query can see.
bool CanStandForPrimaryKey(const TableInfo& table, const IndexInfo& index) {
  return index.unique && std::ranges::all_of(index.columns, [&](const IndexColumn& part) {
           const ColumnInfo& column = table.all_columns[part.offset];
           return column.type.not_null() && !column.hidden;
         });
}

// The integer primary key, which is no index of its own in TiDB; else the first unique index that
// can stand for one. Empty if there is neither.
std::vector<std::string> ImplicitPrimaryKey(const TableInfo& table) {
  std::vector<std::string> names;
  if (table.pk_is_handle) {
    for (const ColumnInfo& column : table.all_columns)
      if (column.type.flags & column_flag::kPriKey) names.push_back(column.name);
    return names;
  }
  for (const IndexInfo& index : table.indexes) {
    if (!CanStandForPrimaryKey(table, index)) continue;
    for (const IndexColumn& part : index.columns) names.push_back(part.name);
    break;
  }
  return names;
}

}  // namespace

std::vector<SimpleIndex> SimpleIndexes(const TableInfo& table) {
  std::vector<SimpleIndex> indexes;
  for (const IndexInfo& info : table.indexes) {
    SimpleIndex& index = indexes.emplace_back(
        SimpleIndex{.name = info.name, .unique = info.unique, .primary = info.primary});
    for (const IndexColumn& part : info.columns) {
      index.columns.push_back(part.name);
      index.nullable |= !table.all_columns[part.offset].type.not_null();
    }
  }
  if (std::ranges::any_of(indexes, &SimpleIndex::primary)) return indexes;
  SimpleIndex primary{
      .name = "primary", .unique = true, .primary = true, .columns = ImplicitPrimaryKey(table)};
  if (!primary.columns.empty()) indexes.push_back(std::move(primary));
  return indexes;
}

bool IsArrayColumn(const TableInfo& table, const ColumnInfo& column) {
  return column.hidden && std::ranges::any_of(table.indexes, [&](const IndexInfo& index) {
           return index.multi_valued &&
                  std::ranges::any_of(index.columns, [&](const IndexColumn& part) {
                    return part.name == column.name;
                  });
         });
}

std::string SimpleTypeName(const TableInfo& table, const ColumnInfo& column) {
  return IsArrayColumn(table, column) ? "json" : MysqlTypeName(column.type);
}

SimpleDdlTables SimpleTablesOf(const DdlPart& part) {
  if (part.table.empty()) return {};
  if (part.exchanged_with != nullptr)
    return {.table = part.exchanged_with.get(), .before = part.tables.before.get()};
  const TableInfoPtr& table = part.tables.after != nullptr ? part.tables.after : part.tables.before;
  return {.table = table.get()};
}

std::string_view SimpleDdlType(DdlType type) {
  if (type == DdlType::kExchangeTablePartition) return "ALTER";
  return CanalEventTypeName(CanalEventTypeOf(type));
}

uint64_t SimpleSchemaVersion(const TableInfo& table) {
  if (table.json == nullptr) return table.version.raw();
  const auto description = nlohmann::json::parse(*table.json, nullptr, false);
  if (!description.is_object()) return table.version.raw();
  const auto found = description.find("update_timestamp");
  const bool usable = found != description.end() && found->is_number_unsigned();
  return usable ? found->get<uint64_t>() : table.version.raw();
}

void AppendSimpleSchema(const TableInfo& table, std::string* out) {
  out->append("{\"schema\":");
  AppendJsonString(table.schema, out);
  out->append(",\"table\":");
  AppendJsonString(table.name, out);
  out->append(",\"tableID\":");
  AppendInteger(Raw(table.id), out);
  out->append(",\"version\":");
  AppendInteger(SimpleSchemaVersion(table), out);
  out->append(",\"columns\":[");
  for (const ColumnInfo& column : table.all_columns) {
    if (out->back() != '[') out->push_back(',');
    AppendColumn(column, SimpleTypeName(table, column), out);
  }
  out->append("],\"indexes\":[");
  for (const SimpleIndex& index : SimpleIndexes(table)) {
    if (out->back() != '[') out->push_back(',');
    AppendIndex(index, out);
  }
  out->append("]}");
}

}  // namespace cdc
