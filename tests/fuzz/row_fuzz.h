// What the fuzz targets of the mounter share: a table with a column of each type, rows of which are
// decoded and printed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "dataflow/mounter/row_codec.h"
#include "dataflow/mounter/tests/row_builder.h"
#include "model/value_text.h"

namespace cdc {

inline TableInfoPtr FuzzTable(bool common_handle) {
  using enum MysqlType;
  std::vector<ColumnInfo> columns;
  int64_t id = 0;
  for (MysqlType type : {kLonglong, kVarchar, kNewDecimal, kDatetime, kTimestamp, kDuration, kFloat,
                         kDouble, kEnum, kSet, kBit, kJson, kVector, kYear, kDate}) {
    ++id;
    columns.push_back(MakeColumn(id, "c" + std::to_string(id), type, id % 2));  // NOT NULL
    columns.back().type.elems = {"a", "b", "c"};
    columns.back().type.length = 10;
    columns.back().type.decimal = 2;
  }
  const size_t keys = common_handle ? 6 : 1;
  for (size_t i = 0; i < keys; ++i) columns[i].type.flags |= column_flag::kPriKey;
  auto table = MakeTable(TableId{1}, std::move(columns));
  if (common_handle) {
    table->pk_is_handle = false;
    table->is_common_handle = true;
    IndexInfo primary{.unique = true, .primary = true};
    for (size_t i = 0; i < keys; ++i)
      primary.columns.push_back(
          {.name = table->all_columns[i].name, .offset = static_cast<int>(i)});
    table->indexes.push_back(std::move(primary));
  }
  table->Finish();
  return table;
}

// Decodes `value` with the record key `key`; whatever is accepted must print.
inline void DecodeAndPrint(std::string_view key, std::string_view value, bool common_handle) {
  static const TableInfoPtr tables[] = {FuzzTable(false), FuzzTable(true)};
  static RowDecoder int_decoder(*tables[0], *TimeZone::Load("Europe/Berlin"));
  static RowDecoder common_decoder(*tables[1], *TimeZone::Load("Asia/Kolkata"));
  RecordKey record;
  if (ParseTableKey(key, &record) != KeyKind::kRecord) return;
  const TableInfo& table = *tables[common_handle];
  RowDecoder& decoder = common_handle ? common_decoder : int_decoder;
  std::pmr::monotonic_buffer_resource arena;
  std::vector<Datum> values(table.columns.size());
  if (!decoder.Decode(value, record, &arena, values.data()).ok()) return;
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) AppendText(values[i], table.columns[i]->type, &text);
  // Text grows with the input, not out of proportion to it.
  CDC_CHECK(text.size() <= 64 * (key.size() + value.size()) + 4096, "{} bytes", text.size());
}

}  // namespace cdc
