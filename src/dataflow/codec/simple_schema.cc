#include "dataflow/codec/simple_schema.h"

#include <algorithm>

#include <nlohmann/json.hpp>

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

void AppendType(const FieldType& type, bool is_array, std::string* out) {
  out->append("{\"mysqlType\":");
  AppendJsonString(is_array ? "json" : MysqlTypeName(type), out);
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

void AppendColumn(const ColumnInfo& column, bool is_array, std::string* out) {
  out->append("{\"name\":");
  AppendJsonString(column.name, out);
  out->append(",\"dataType\":");
  AppendType(column.type, is_array, out);
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

struct Index {
  std::string name;
  bool unique = false;
  bool primary = false;
  bool nullable = false;
  std::vector<std::string> columns;
};

void AppendIndex(const Index& index, std::string* out) {
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

std::vector<Index> IndexesOf(const TableInfo& table) {
  std::vector<Index> indexes;
  for (const IndexInfo& info : table.indexes) {
    Index& index = indexes.emplace_back(
        Index{.name = info.name, .unique = info.unique, .primary = info.primary});
    for (const IndexColumn& part : info.columns) {
      index.columns.push_back(part.name);
      index.nullable |= !table.all_columns[part.offset].type.not_null();
    }
  }
  if (std::ranges::any_of(indexes, &Index::primary)) return indexes;
  Index primary{
      .name = "primary", .unique = true, .primary = true, .columns = ImplicitPrimaryKey(table)};
  if (!primary.columns.empty()) indexes.push_back(std::move(primary));
  return indexes;
}

// The hidden columns of multi-valued indexes are arrays, whatever the type of their elements.
bool IsArray(const TableInfo& table, const ColumnInfo& column) {
  return column.hidden && std::ranges::any_of(table.indexes, [&](const IndexInfo& index) {
           return index.multi_valued &&
                  std::ranges::any_of(index.columns, [&](const IndexColumn& part) {
                    return part.name == column.name;
                  });
         });
}

}  // namespace

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
    AppendColumn(column, IsArray(table, column), out);
  }
  out->append("],\"indexes\":[");
  for (const Index& index : IndexesOf(table)) {
    if (out->back() != '[') out->push_back(',');
    AppendIndex(index, out);
  }
  out->append("]}");
}

}  // namespace cdc
