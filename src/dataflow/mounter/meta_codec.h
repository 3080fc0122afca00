// TiDB's meta keys: what of them describes schemas.
//
// m[memcomparable name][type: 8 bytes]…, of which matter here: the hash "DBs" with fields
// "DB:<schema id>", per schema the hash "DB:<schema id>" with fields "Table:<table id>", and, up to
// TiDB 6.1, the lists of running DDL jobs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/ids.h"
#include "model/kv_event.h"

namespace cdc {

struct MetaKey {
  enum class Kind : uint8_t { kOther, kSchema, kTable, kDdlJobList };
  Kind kind = Kind::kOther;
  SchemaId schema{};
  TableId table{};  // kTable
};

// kOther for all that does not concern schemas, damaged keys included.
MetaKey ParseMetaKey(std::string_view key);
bool IsMetaKey(std::string_view key);

// Where the descriptions of all schemas, and of one schema's tables, are.
KeyRange SchemasRange();
KeyRange TablesRange(SchemaId schema);

// The keys themselves, for tests.
std::string SchemaMetaKey(SchemaId schema);
std::string TableMetaKey(SchemaId schema, TableId table);
std::string DdlJobListKey(int64_t index);

}  // namespace cdc
