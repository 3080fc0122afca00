// Tables and columns as Avro schemas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/codec/codec_options.h"
#include "model/table_info.h"

namespace cdc {

// How a column's values are written.
enum class AvroShape : uint8_t {
  kLong,  // int, long
  kFloat,
  kDouble,
  kBits,     // bytes: a BIT, most significant first
  kDecimal,  // bytes with a logical type
  kBytes,
  kText,  // string: what MySQL shows
};

struct AvroColumn {
  int position;
  AvroShape shape;
  bool nullable;      // then a union with null
  int null_branch;    // of the union: 0, or 1 where the column has a default
  int scale;          // of a decimal
  std::string field;  // {"default":…,"name":…,"type":…}
};

AvroColumn MakeAvroColumn(const ColumnInfo& column, int position, const CodecOptions& options);

// {"type":"record","name":…,"namespace":…,"fields":[…]}; `more_fields` are JSON objects, each with
// a comma before it.
std::string AvroRecordSchema(const TableInfo& table, const std::vector<AvroColumn>& columns,
                             std::string_view more_fields, std::string_view name_suffix,
                             const CodecOptions& options);

}  // namespace cdc
