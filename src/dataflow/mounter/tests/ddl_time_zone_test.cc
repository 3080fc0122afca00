#include "dataflow/mounter/ddl_time_zone.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

TableInfoPtr TableWith(std::vector<std::string> timestamp_defaults) {
  auto table = std::make_shared<TableInfo>();
  for (std::string& text : timestamp_defaults) {
    ColumnInfo column{.id = static_cast<int64_t>(table->all_columns.size()) + 1};
    column.type.type = MysqlType::kTimestamp;
    if (!text.empty()) column.default_value = std::move(text);
    table->all_columns.push_back(std::move(column));
  }
  table->Finish();
  return table;
}

std::string Infer(std::string_view query, std::vector<std::string> before,
                  std::vector<std::string> after) {
  return InferTimeZone(
      query, {{.before = TableWith(std::move(before)), .after = TableWith(std::move(after))}});
}

TEST(InferTimeZone, IsTheDifferenceBetweenTypedAndStoredDefault) {
  EXPECT_EQ(Infer("ALTER TABLE d ADD COLUMN t TIMESTAMP DEFAULT '2020-06-01 08:00:00'", {},
                  {"2020-06-01 00:00:00"}),
            "+08:00");
  EXPECT_EQ(Infer("ALTER TABLE d ALTER COLUMN t SET DEFAULT '2021-01-01'", {"2020-06-01 00:00:00"},
                  {"2021-01-01 07:00:00"}),
            "-07:00");
  EXPECT_EQ(Infer("ALTER TABLE d ADD t TIMESTAMP(3) DEFAULT \"2020-06-01 05:30:00.125\"", {},
                  {"2020-06-01 00:00:00.125"}),
            "+05:30");
}

TEST(InferTimeZone, OneOffsetMustExplainAllDefaults) {
  const std::string query =
      "ADD a TIMESTAMP DEFAULT '2020-01-01 01:00:00', "
      "ADD b TIMESTAMP DEFAULT '2020-01-01 03:00:00'";
  EXPECT_EQ(Infer(query, {}, {"2020-01-01 00:00:00", "2020-01-01 02:00:00"}), "+01:00");
  EXPECT_EQ(Infer(query, {}, {"2020-01-01 00:00:00", "2020-01-01 02:30:00"}), "");
}

TEST(InferTimeZone, SaysNothingWithoutATimestampDefault) {
  EXPECT_EQ(Infer("ADD COLUMN c VARCHAR(20) DEFAULT '2020-01-01 00:00:00'", {}, {""}), "");
  EXPECT_EQ(Infer("ADD COLUMN c INT", {"2020-01-01 00:00:00"}, {"2020-01-01 00:00:00"}), "");
  EXPECT_EQ(Infer("ADD COLUMN t TIMESTAMP DEFAULT CURRENT_TIMESTAMP", {}, {"CURRENT_TIMESTAMP"}),
            "");
}

}  // namespace
}  // namespace cdc
