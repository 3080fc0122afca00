// A table's schema as messages of the protocol "simple" describe it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "model/ddl_event.h"
#include "model/table_info.h"

namespace cdc {

// What consumers take for the schema's version: TiDB's update timestamp of the table, which rows
// and schemas name alike; the version's own ts where TiDB's description is not at hand.
uint64_t SimpleSchemaVersion(const TableInfo& table);

struct SimpleIndex {
  std::string name;
  bool unique = false;
  bool primary = false;
  bool nullable = false;
  std::vector<std::string> columns;
};
// With one for the primary key, which for an integer is no index of its own in TiDB.
std::vector<SimpleIndex> SimpleIndexes(const TableInfo& table);
// Whether it is a hidden column of a multi-valued index, which holds arrays.
bool IsArrayColumn(const TableInfo& table, const ColumnInfo& column);
// "int"; "json" for arrays.
std::string SimpleTypeName(const TableInfo& table, const ColumnInfo& column);
// What a schema change describes: the table after it, a dropped one as it was; where a partition is
// exchanged, the partitioned table, and the other one as it was before.
struct SimpleDdlTables {
  const TableInfo* table = nullptr;  // null: a change of a database
  const TableInfo* before = nullptr;
};
SimpleDdlTables SimpleTablesOf(const DdlPart& part);
// What a schema change is called: "CREATE", "ALTER" …
std::string_view SimpleDdlType(DdlType type);

// Appends the JSON object: names, id, version, columns (generated ones too), indexes.
void AppendSimpleSchema(const TableInfo& table, std::string* out);

}  // namespace cdc
