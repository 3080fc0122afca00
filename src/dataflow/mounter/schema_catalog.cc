#include "dataflow/mounter/schema_catalog.h"

#include <algorithm>
#include <charconv>

#include <simdjson.h>

#include "dataflow/mounter/table_info_json.h"

namespace cdc {
namespace {

bool SameType(const FieldType& a, const FieldType& b) {
  return a.type == b.type && a.flags == b.flags && a.length == b.length && a.decimal == b.decimal &&
         a.charset == b.charset && a.collation == b.collation && a.elems == b.elems;
}

std::vector<TableId> SortedIds(const TableInfo& table) {
  std::vector<TableId> ids = table.PhysicalIds();
  std::ranges::sort(ids);
  return ids;
}

}  // namespace

void MetaChanges::Apply(const MetaKey& key, const KvEvent& event) {
  const bool put = event.op == KvOp::kPut;
  if (key.kind == MetaKey::Kind::kSchema) {
    schemas[key.schema] = put ? std::optional(std::string(event.value)) : std::nullopt;
    return;
  }
  const auto found = tables.find(key.table);
  // A rename moves the key: its deletion in the old schema may come after the new one.
  const bool moved =
      !put && found != tables.end() && found->second.json && found->second.schema != key.schema;
  if (moved) return;
  tables[key.table] = {key.schema, put ? std::optional(std::string(event.value)) : std::nullopt};
}

Status SchemaCatalog::Load(SnapshotReader& snapshot, Ts ts) {
  RETURN_IF_ERROR(snapshot.Scan(
      SchemasRange(), ts, [this](std::string_view key, std::string_view value) -> Status {
        const MetaKey meta = ParseMetaKey(key);
        if (meta.kind != MetaKey::Kind::kSchema) return Status::Ok();
        ASSIGN_OR_RETURN_STATUS(std::string name, ReadName(value, "db_name"));
        PutSchema(meta.schema, std::move(name));
        return Status::Ok();
      }));
  for (const auto& [id, name] : schemas_)
    if (filter_.MatchesSchema(name)) RETURN_IF_ERROR(LoadTables(snapshot, ts, SchemaId(id), name));
  return Status::Ok();
}

Status SchemaCatalog::LoadTables(SnapshotReader& snapshot, Ts ts, SchemaId schema,
                                 const std::string& name) {
  return snapshot.Scan(
      TablesRange(schema), ts, [&](std::string_view key, std::string_view value) -> Status {
        const MetaKey meta = ParseMetaKey(key);
        if (meta.kind != MetaKey::Kind::kTable) return Status::Ok();
        ASSIGN_OR_RETURN_STATUS(CatalogTable table, ReadTable(meta.table, schema, name, value, ts,
                                                              /*need_info=*/false));
        PutTable(std::move(table));
        return Status::Ok();
      });
}

Result<TableInfoPtr> SchemaCatalog::FindSystemTable(SnapshotReader& snapshot, Ts ts,
                                                    std::string_view name) {
  std::optional<SchemaId> mysql;
  RETURN_UNEXPECTED_IF_ERROR(snapshot.Scan(
      SchemasRange(), ts, [&](std::string_view key, std::string_view value) -> Status {
        ASSIGN_OR_RETURN_STATUS(const std::string schema, ReadName(value, "db_name"));
        if (schema == "mysql") mysql = ParseMetaKey(key).schema;
        return Status::Ok();
      }));
  TableInfoPtr found;
  if (!mysql) return found;
  RETURN_UNEXPECTED_IF_ERROR(snapshot.Scan(
      TablesRange(*mysql), ts, [&](std::string_view, std::string_view value) -> Status {
        ASSIGN_OR_RETURN_STATUS(const std::string table, ReadName(value, "name"));
        if (table != name) return Status::Ok();
        ASSIGN_OR_RETURN_STATUS(found, ParseTableInfo(value, *mysql, "mysql", ts));
        return Status::Ok();
      }));
  return found;
}

const CatalogTable* SchemaCatalog::FindTable(TableId id) const {
  const auto found = tables_.find(Raw(id));
  return found == tables_.end() ? nullptr : &found->second;
}

std::string SchemaCatalog::SchemaName(SchemaId id) const {
  const auto found = schemas_.find(Raw(id));
  return found == schemas_.end() ? std::string() : found->second;
}

Result<CatalogTable> SchemaCatalog::ReadTable(TableId id, SchemaId schema,
                                              std::string_view schema_name, std::string_view json,
                                              Ts version, bool need_info) const {
  CatalogTable table{.id = id, .schema_id = schema, .schema = std::string(schema_name)};
  ASSIGN_OR_RETURN(table.name, ReadName(json, "name"));
  if (need_info || filter_.MatchesTable(schema_name, table.name)) {
    ASSIGN_OR_RETURN(table.info, ParseTableInfo(json, schema, schema_name, version));
  }
  return table;
}

Result<std::string> ReadName(std::string_view json, std::string_view member) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element name;
  std::string_view text;
  if (parser.parse(json.data(), json.size()).at_key(member).get(name))
    return Error(Code::kMetaDecode, "no \"{}\" in a schema's description: {:.80}", member, json);
  if (!name.at_key("O").get(text) || !name.get(text)) return std::string(text);
  return Error(Code::kMetaDecode, "no name in a schema's description: {:.80}", json);
}

bool SameShape(const TableInfo& a, const TableInfo& b) {
  if (a.kind != b.kind || a.schema != b.schema || a.name != b.name ||
      a.columns.size() != b.columns.size() || a.handle_key != b.handle_key ||
      SortedIds(a) != SortedIds(b))
    return false;
  for (size_t i = 0; i < a.columns.size(); ++i)
    if (a.columns[i]->id != b.columns[i]->id || a.columns[i]->name != b.columns[i]->name ||
        !SameType(a.columns[i]->type, b.columns[i]->type))
      return false;
  return true;
}

bool ChangesRows(const TableInfo& current, const TableInfo& next) {
  const auto is_new = [&](const auto& column) {
    return !current.position_by_id.contains(column.first);
  };
  return std::ranges::any_of(next.position_by_id, is_new) || SortedIds(current) != SortedIds(next);
}

}  // namespace cdc
