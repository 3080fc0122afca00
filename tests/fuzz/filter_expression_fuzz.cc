// Any bytes as a condition of an event filter. What parses must hold or not for any row.
#include <array>
#include <cstdint>

#include "dataflow/mounter/filter_expression.h"

namespace {

// Columns of each kind, with values at the edges.
struct Table {
  Table() {
    const auto add = [this](const char* name, cdc::MysqlType type, cdc::Datum value) {
      cdc::ColumnInfo& column = info.all_columns.emplace_back();
      column.id = static_cast<int64_t>(info.all_columns.size());
      column.name = name;
      column.type.type = type;
      column.type.elems = {"x", "y"};
      values.push_back(value);
    };
    using cdc::Datum;
    add("a", cdc::MysqlType::kLonglong, Datum::Int(INT64_MIN));
    add("b", cdc::MysqlType::kLonglong, Datum::Uint(UINT64_MAX));
    add("c", cdc::MysqlType::kDouble, Datum::Double(-1e308));
    add("d", cdc::MysqlType::kVarchar, Datum::View(Datum::Kind::kBytes, "-1.5e3 \xff%_"));
    add("e", cdc::MysqlType::kDatetime, Datum::Time(0));
    add("f", cdc::MysqlType::kDuration, Datum::DurationNs(-3'020'399'000'000'000));
    add("g", cdc::MysqlType::kEnum, Datum::Number(Datum::Kind::kEnum, 2));
    add("n", cdc::MysqlType::kLong, Datum());
    info.Finish();
  }
  cdc::TableInfo info;
  std::vector<cdc::Datum> values;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Table table;
  const auto expression = cdc::FilterExpression::Parse({reinterpret_cast<const char*>(data), size});
  if (!expression) return 0;
  if (const auto positions = (*expression)->Bind(table.info))
    (void)(*expression)->Holds(table.info, *positions, table.values);
  return 0;
}
