// Column types by name, as MySQL's information schema and TiDB's SHOW CREATE TABLE write them.
#pragma once

#include <cstdint>
#include <string>

#include "model/table_info.h"

namespace cdc {

// "int", "varbinary", "longtext": without length, sign or charset.
std::string MysqlTypeName(const FieldType& type);
// "int unsigned zerofill"
std::string MysqlTypeWithSign(const FieldType& type);
// "int(11) unsigned", "enum('a','b')", "decimal(10,2)"
std::string MysqlTypeDescription(const FieldType& type);
// What a length is when the table's description leaves it open; -1: there is none.
int64_t DefaultLength(MysqlType type);

}  // namespace cdc
