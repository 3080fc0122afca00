#include "dataflow/mounter/checksum.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "dataflow/mounter/default_value.h"
#include "dataflow/mounter/tests/row_builder.h"

namespace cdc {
namespace {

struct Value {
  MysqlType type;
  std::string text;  // as ParseDefault takes it
  int64_t length = -1;
  int64_t decimal = -1;
  uint64_t flags = 0;
  std::vector<std::string> elems;
};

// Columns 1, 2, … with these values; `reversed`: the table has them the other way round.
uint32_t Checksum(const std::vector<Value>& values, bool reversed = false) {
  std::vector<ColumnInfo> columns;
  for (const Value& value : values) {
    const auto id = static_cast<int64_t>(columns.size()) + 1;
    ColumnInfo column = MakeColumn(id, "c" + std::to_string(id), value.type, value.flags);
    column.type.length = value.length;
    column.type.decimal = value.decimal;
    column.type.elems = value.elems;
    columns.push_back(std::move(column));
  }
  if (reversed) std::ranges::reverse(columns);
  const auto table = MakeTable(TableId{1}, std::move(columns));
  table->Finish();
  std::vector<std::string> storage(values.size());
  std::vector<Datum> datums;
  for (size_t i = 0; i < values.size(); ++i) {
    const Value& value = values[reversed ? values.size() - 1 - i : i];
    if (value.text == "NULL") {
      datums.push_back(Datum::Null());
      continue;
    }
    auto parsed = ParseDefault(value.text, table->columns[i]->type, Ts::FromUnixMs(0), &storage[i]);
    EXPECT_TRUE(parsed.has_value()) << value.text;
    datums.push_back(*parsed);
  }
  return ColumnsChecksum(*table).Of(datums);
}

const std::vector<Value> kRow = {
    {MysqlType::kLong, "-5"},
    {MysqlType::kLonglong, "9223372036854775808", -1, -1, column_flag::kUnsigned},
    {MysqlType::kVarchar, "grün"},
    {MysqlType::kFloat, "1.5"},
    {MysqlType::kDouble, "-0.25"},
    {MysqlType::kNewDecimal, "-12.50", 10, 2},
    {MysqlType::kTimestamp, "2024-02-29 00:02:03.500", -1, 3},
    {MysqlType::kDatetime, "2024-02-29 01:02:03", -1, 0},
    {MysqlType::kDate, "2024-02-29"},
    {MysqlType::kDuration, "-01:00:00.5", -1, 1},
    {MysqlType::kYear, "2024"},
    {MysqlType::kEnum, "b", -1, -1, 0, {"a", "b"}},
    {MysqlType::kSet, "a,b", -1, -1, 0, {"a", "b"}},
    {MysqlType::kBit, "\x01\x02", 16},
    {MysqlType::kVarchar, "NULL"},
};

// What TiDB's rowcodec makes of the same values, of the first columns one after another.
TEST(ColumnsChecksum, IsTiDbs) {
  constexpr uint32_t kExpected[] = {2769211878, 1113328072, 2375845254, 1669952242, 2656054995,
                                    825927145,  569759210,  1429098705, 3501914300, 2475134430,
                                    2683652495, 1787185059, 1437133627, 1573698910, 1573698910};
  for (size_t count = 1; count <= kRow.size(); ++count) {
    const std::vector<Value> first(kRow.begin(), kRow.begin() + static_cast<long>(count));
    EXPECT_EQ(Checksum(first), kExpected[count - 1]) << "column " << count;
  }
}

TEST(ColumnsChecksum, GoesByColumnIdsNotByTheTablesOrder) {
  EXPECT_EQ(Checksum(kRow, true), Checksum(kRow));
}

}  // namespace
}  // namespace cdc
