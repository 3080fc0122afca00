#include "dataflow/mounter/table_info_json.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include <simdjson.h>

#include "base/bytes.h"
#include "dataflow/mounter/default_value.h"

namespace cdc {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// Readers of members that are all optional to us: what is missing, null or of another type reads as
// the default.
std::string_view GetString(object from, std::string_view key) {
  std::string_view value;
  return from.at_key(key).get(value) ? std::string_view{} : value;
}

int64_t GetInt(object from, std::string_view key, int64_t otherwise = 0) {
  int64_t value;
  return from.at_key(key).get(value) ? otherwise : value;
}

bool GetBool(object from, std::string_view key) {
  bool value;
  return from.at_key(key).get(value) ? false : value;
}

bool HasObject(object from, std::string_view key) {
  object value;
  return !from.at_key(key).get(value);
}

// Case-insensitive strings are {"O": original, "L": lower case}; very old clusters have plain ones.
std::string_view GetName(object from, std::string_view key) {
  object name;
  if (from.at_key(key).get(name)) return GetString(from, key);
  return GetString(name, "O");
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

template <typename Fn>
Status ForEachObject(object from, std::string_view key, Fn&& fn) {
  array items;
  if (from.at_key(key).get(items)) return Status::Ok();
  for (element item : items) {
    object entry;
    if (item.get(entry)) return {Code::kUnmarshal, "an entry of {} is no object", key};
    RETURN_IF_ERROR(fn(entry));
  }
  return Status::Ok();
}

FieldType ParseFieldType(object column) {
  FieldType type;
  object json;
  if (column.at_key("type").get(json)) return type;
  type.type = static_cast<MysqlType>(GetInt(json, "Tp"));
  type.flags = static_cast<uint64_t>(GetInt(json, "Flag"));
  type.length = GetInt(json, "Flen", -1);
  type.decimal = GetInt(json, "Decimal", -1);
  // Before table version 3 some names were stored as the user typed them.
  type.charset = Lower(GetString(json, "Charset"));
  type.collation = Lower(GetString(json, "Collate"));
  array elems;
  if (!json.at_key("Elems").get(elems)) {
    for (element elem : elems) {
      std::string_view name;
      type.elems.emplace_back(elem.get(name) ? std::string_view{} : name);
    }
  }
  return type;
}

// A default value's text: nothing for null. BIT values do not survive as JSON strings, so TiDB
// stores their bytes a second time (`bit_key`).
Result<std::optional<std::string>> DefaultText(object column, MysqlType type, std::string_view key,
                                               std::string_view bit_key) {
  std::string_view base64;
  if (type == MysqlType::kBit && !column.at_key(bit_key).get(base64)) {
    ASSIGN_OR_RETURN(std::string bytes, FromBase64(base64));
    return bytes;
  }
  element value;
  if (column.at_key(key).get(value) || value.is_null()) return std::nullopt;
  std::string_view text;
  if (!value.get(text)) return std::string(text);
  return simdjson::minify(value);  // numbers, as early versions wrote them
}

Status ParseColumn(object json, Ts version, ColumnInfo* column) {
  column->id = GetInt(json, "id");
  column->name = GetName(json, "name");
  column->offset = static_cast<int>(GetInt(json, "offset"));
  column->state = static_cast<SchemaState>(GetInt(json, "state"));
  column->type = ParseFieldType(json);
  column->hidden = GetBool(json, "hidden");
  column->generated_expr = GetString(json, "generated_expr_string");
  column->generated_stored = GetBool(json, "generated_stored");
  column->comment = GetString(json, "comment");
  column->default_is_expr = GetBool(json, "default_is_expr");
  ASSIGN_OR_RETURN_STATUS(column->default_value,
                          DefaultText(json, column->type.type, "default", "default_bit"));
  ASSIGN_OR_RETURN_STATUS(
      const std::optional<std::string> origin,
      DefaultText(json, column->type.type, "origin_default", "origin_default_bit"));
  if (!origin) return Status::Ok();
  auto storage = std::make_shared<std::string>();
  const Result<Datum> value = ParseDefault(*origin, column->type, version, storage.get());
  if (!value) return value.error().WithContext(fmt::format("column {}", column->name));
  column->origin_default = *value;
  column->origin_default_storage = std::move(storage);
  return Status::Ok();
}

Status ParseIndex(object json, const std::vector<ColumnInfo>& columns, IndexInfo* index) {
  index->id = GetInt(json, "id");
  index->name = GetName(json, "idx_name");
  index->state = static_cast<SchemaState>(GetInt(json, "state"));
  index->unique = GetBool(json, "is_unique");
  index->primary = GetBool(json, "is_primary");
  index->global = GetBool(json, "is_global");
  index->multi_valued = GetBool(json, "mv_index");
  return ForEachObject(json, "idx_cols", [&](object part) -> Status {
    const int64_t offset = GetInt(part, "offset", -1);
    if (offset < 0 || static_cast<size_t>(offset) >= columns.size())
      return {Code::kUnmarshal, "index {}: column offset {} of {} columns", index->name, offset,
              columns.size()};
    index->columns.push_back({.name = std::string(GetName(part, "name")),
                              .offset = static_cast<int>(offset),
                              .length = GetInt(part, "length", -1)});
    return Status::Ok();
  });
}

Status ParsePartitions(object json, TableInfo* table) {
  object partition;
  if (json.at_key("partition").get(partition) || !GetBool(partition, "enable")) return Status::Ok();
  return ForEachObject(partition, "definitions", [&](object definition) {
    table->partitions.push_back({.id = TableId{GetInt(definition, "id")},
                                 .name = std::string(GetName(definition, "name"))});
    return Status::Ok();
  });
}

TableInfo::Kind ParseKind(object json) {
  if (HasObject(json, "view")) return TableInfo::Kind::kView;
  if (HasObject(json, "sequence")) return TableInfo::Kind::kSequence;
  switch (GetInt(json, "temp_table_type")) {
    case 0:
      return TableInfo::Kind::kTable;
    case 1:
      return TableInfo::Kind::kGlobalTemporary;
    default:
      return TableInfo::Kind::kLocalTemporary;
  }
}

Status ParseTable(object json, TableInfo* table) {
  table->id = TableId{GetInt(json, "id")};
  table->name = GetName(json, "name");
  if (Raw(table->id) == 0 || table->name.empty())
    return {Code::kUnmarshal, "a table without id or name"};
  table->kind = ParseKind(json);
  table->charset = Lower(GetString(json, "charset"));
  table->collation = Lower(GetString(json, "collate"));
  table->comment = GetString(json, "comment");
  table->pk_is_handle = GetBool(json, "pk_is_handle");
  table->is_common_handle = GetBool(json, "is_common_handle");
  table->common_handle_version = static_cast<uint16_t>(GetInt(json, "common_handle_version"));
  RETURN_IF_ERROR(ForEachObject(json, "cols", [&](object column) {
    return ParseColumn(column, table->version, &table->all_columns.emplace_back());
  }));
  RETURN_IF_ERROR(ForEachObject(json, "index_info", [&](object index) {
    return ParseIndex(index, table->all_columns, &table->indexes.emplace_back());
  }));
  return ParsePartitions(json, table);
}

}  // namespace

Result<std::shared_ptr<TableInfo>> ParseTableInfo(std::string_view json, SchemaId schema_id,
                                                  std::string_view schema_name, Ts version) {
  thread_local simdjson::dom::parser parser;  // keeps its buffers between tables
  object root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root))
    return Error(Code::kUnmarshal, "table info in schema {}: {}", schema_name,
                 simdjson::error_message(error));
  auto table = std::make_shared<TableInfo>();
  table->schema_id = schema_id;
  table->schema = schema_name;
  table->version = version;
  if (const Status status = ParseTable(root, table.get()); !status.ok())
    return Unexpected(status.WithContext(fmt::format("table {}.{}", schema_name, table->name)));
  table->json = std::make_shared<const std::string>(json);
  table->Finish();
  return table;
}

}  // namespace cdc
