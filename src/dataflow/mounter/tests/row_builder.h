// Rows and tables for tests and benchmarks, written as TiDB writes them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "dataflow/mounter/datum_codec.h"
#include "model/table_info.h"

namespace cdc {

template <typename T>
std::string RawBytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Integers take as few bytes as hold them.
inline std::string IntBytes(int64_t v) {
  if (v == static_cast<int8_t>(v)) return RawBytes(static_cast<int8_t>(v));
  if (v == static_cast<int16_t>(v)) return RawBytes(static_cast<int16_t>(v));
  if (v == static_cast<int32_t>(v)) return RawBytes(static_cast<int32_t>(v));
  return RawBytes(v);
}

inline std::string UintBytes(uint64_t v) {
  if (v == static_cast<uint8_t>(v)) return RawBytes(static_cast<uint8_t>(v));
  if (v == static_cast<uint16_t>(v)) return RawBytes(static_cast<uint16_t>(v));
  if (v == static_cast<uint32_t>(v)) return RawBytes(static_cast<uint32_t>(v));
  return RawBytes(v);
}

inline std::string DoubleBytes(double v) {
  std::string bytes;
  AppendBigEndian64(&bytes, OrderedFromDouble(v));
  return bytes;
}

struct StoredColumn {
  int64_t id;
  std::optional<std::string> bytes;  // unset: NULL
};

// A row of format v2. `large` is taken when ids or sizes need it, too.
inline std::string RowV2Bytes(std::vector<StoredColumn> columns, bool large = false) {
  std::sort(columns.begin(), columns.end(), [](const auto& a, const auto& b) {
    if (a.bytes.has_value() != b.bytes.has_value()) return a.bytes.has_value();
    return a.id < b.id;
  });
  std::string values;
  std::vector<size_t> ends;
  for (const StoredColumn& column : columns) {
    large = large || column.id > 255;
    if (!column.bytes) continue;
    values += *column.bytes;
    ends.push_back(values.size());
  }
  large = large || values.size() > UINT16_MAX;
  std::string row = "\x80";
  row.push_back(large ? '\x01' : '\0');
  row += RawBytes(static_cast<uint16_t>(ends.size()));
  row += RawBytes(static_cast<uint16_t>(columns.size() - ends.size()));
  for (const StoredColumn& column : columns)
    row += large ? RawBytes(static_cast<uint32_t>(column.id))
                 : RawBytes(static_cast<uint8_t>(column.id));
  for (size_t end : ends)
    row += large ? RawBytes(static_cast<uint32_t>(end)) : RawBytes(static_cast<uint16_t>(end));
  return row + values;
}

inline ColumnInfo MakeColumn(int64_t id, std::string name, MysqlType type, uint64_t flags = 0) {
  ColumnInfo column{.id = id, .name = std::move(name)};
  column.type.type = type;
  column.type.flags = flags;
  column.type.charset = "utf8mb4";
  return column;
}

// A table whose integer primary key, where a column has the flag, is the handle.
inline std::shared_ptr<TableInfo> MakeTable(TableId id, std::vector<ColumnInfo> columns) {
  auto table = std::make_shared<TableInfo>();
  table->id = id;
  table->schema = "db";
  table->name = "t";
  table->all_columns = std::move(columns);
  for (const ColumnInfo& column : table->all_columns)
    if (column.type.flags & column_flag::kPriKey) table->pk_is_handle = true;
  return table;
}

}  // namespace cdc
