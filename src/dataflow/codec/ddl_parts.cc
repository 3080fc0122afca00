#include <set>
#include <utility>

#include "dataflow/codec/encoder.h"
#include "dataflow/mounter/ddl_query.h"
#include "model/sql_lexer.h"

namespace cdc {
namespace {

std::string FullName(const TableInfo& table) { return QuoteTable(table.schema, table.name); }

bool PassesNamesOn(const std::vector<TableDelta>& renames) {
  std::set<std::pair<std::string, std::string>> old_names;
  for (const TableDelta& rename : renames)
    old_names.emplace(rename.before->schema, rename.before->name);
  for (const TableDelta& rename : renames)
    if (old_names.contains({rename.after->schema, rename.after->name})) return true;
  return false;
}

DdlPart WholeStatement(const DdlEvent& ddl) {
  DdlPart part{.type = ddl.type, .schema = ddl.schema, .table = ddl.table, .query = ddl.query};
  if (!ddl.tables.empty()) part.tables = ddl.tables.front();
  return part;
}

std::vector<DdlPart> RenameParts(const DdlEvent& ddl) {
  std::vector<TableDelta> renames;  // others are tables whose foreign keys follow the name
  for (const TableDelta& delta : ddl.tables)
    if (delta.before != nullptr && delta.after != nullptr &&
        FullName(*delta.before) != FullName(*delta.after))
      renames.push_back(delta);
  if (renames.empty() || PassesNamesOn(renames)) return {WholeStatement(ddl)};
  std::vector<DdlPart> parts;
  for (const TableDelta& rename : renames) {
    parts.push_back(
        {.type = DdlType::kRenameTable,
         .schema = rename.after->schema,
         .table = rename.after->name,
         .query = "RENAME TABLE " + FullName(*rename.before) + " TO " + FullName(*rename.after),
         .tables = rename});
  }
  return parts;
}

std::vector<DdlPart> CreateParts(const DdlEvent& ddl) {
  const std::vector<std::string_view> statements = SplitStatements(ddl.query, ddl.sql_mode);
  if (statements.size() != ddl.tables.size()) return {WholeStatement(ddl)};
  std::vector<DdlPart> parts;
  for (size_t i = 0; i < statements.size(); ++i) {
    const TableInfoPtr& table = ddl.tables[i].after;
    if (table == nullptr) return {WholeStatement(ddl)};
    parts.push_back({.type = DdlType::kCreateTable,
                     .schema = table->schema,
                     .table = table->name,
                     .query = std::string(statements[i]),
                     .tables = ddl.tables[i]});
  }
  return parts;
}

// Named after the table that is exchanged with a partition.
DdlPart ExchangePart(const DdlEvent& ddl) {
  DdlPart part = WholeStatement(ddl);
  for (const TableDelta& delta : ddl.tables) {
    if (delta.after == nullptr) continue;
    if (delta.after->is_partitioned()) {
      part.exchanged_with = delta.after;
      continue;
    }
    part.schema = delta.after->schema;
    part.table = delta.after->name;
    part.tables = delta;
  }
  return part;
}

}  // namespace

std::vector<DdlPart> DdlParts(const DdlEvent& ddl) {
  switch (ddl.type) {
    case DdlType::kRenameTable:
    case DdlType::kRenameTables:
      return RenameParts(ddl);
    case DdlType::kCreateTables:
      return CreateParts(ddl);
    case DdlType::kExchangeTablePartition:
      return {ExchangePart(ddl)};
    default:
      return {WholeStatement(ddl)};
  }
}

}  // namespace cdc
