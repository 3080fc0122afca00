// Hand-made tables and rows for the encoders' tests.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "dataflow/codec/encoder.h"
#include "model/row.h"

namespace cdc {

struct TestColumn {
  std::string name;
  MysqlType type;
  uint64_t flags = 0;
  int64_t length = -1;
  int64_t decimal = -1;
  std::vector<std::string> elems;
};

inline constexpr uint64_t kTestPrimaryKey = column_flag::kPriKey | column_flag::kNotNull;

// test.t with these columns; the column with the primary key flag is the record key.
inline std::shared_ptr<TableInfo> MakeTable(const std::vector<TestColumn>& columns) {
  auto table = std::make_shared<TableInfo>();
  table->id = TableId{7};
  table->schema = "test";
  table->name = "t";
  int64_t id = 0;
  for (const TestColumn& column : columns) {
    ColumnInfo info{.id = ++id, .name = column.name, .offset = static_cast<int>(id - 1)};
    info.type = {.type = column.type,
                 .flags = column.flags,
                 .length = column.length,
                 .decimal = column.decimal,
                 .charset = column.flags & column_flag::kBinary ? "binary" : "utf8mb4",
                 .elems = column.elems};
    table->pk_is_handle |= (column.flags & column_flag::kPriKey) != 0;
    table->all_columns.push_back(std::move(info));
  }
  table->Finish();
  return table;
}

// A row with start ts 99 and commit ts 100 << 18: 100 ms after 1970.
struct TestRow : RowChange {
  TestRow(std::shared_ptr<TableInfo> of, std::vector<Datum> old_values,
          std::vector<Datum> new_values)
      : owner(std::move(of)), olds(std::move(old_values)), news(std::move(new_values)) {
    table = owner.get();
    physical_id = owner->id;
    start_ts = Ts(99);
    commit_ts = Ts::FromUnixMs(100);
    before = olds;
    after = news;
  }
  TestRow(const TestRow&) = delete;
  std::shared_ptr<TableInfo> owner;
  std::vector<Datum> olds;
  std::vector<Datum> news;
};

inline Datum Text(std::string_view text) { return Datum::View(Datum::Kind::kBytes, text); }

// Stands at 5 seconds after 1970.
class StandingClock final : public Clock {
 public:
  SteadyTime Now() const override { return {}; }
  WallTime WallNow() const override { return WallTime(std::chrono::seconds(5)); }
  bool SleepFor(Duration, std::stop_token) override { return true; }
  bool WaitUntil(std::unique_lock<std::mutex>&, std::condition_variable_any&, SteadyTime,
                 std::stop_token, const std::function<bool()>& ready) override {
    return ready();
  }
};

}  // namespace cdc
