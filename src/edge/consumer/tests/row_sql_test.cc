#include "edge/consumer/row_sql.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

using Columns = std::vector<ConsumedColumn>;

ConsumedRow Row(Columns before, Columns after) {
  return {.commit_ts = Ts(1),
          .schema = "s",
          .table = "t",
          .before = std::move(before),
          .after = std::move(after)};
}
Columns Values(const char* id, const char* v) {
  return {{"id", ConsumedValue::Number(id)}, {"v", ConsumedValue::Text(v)}};
}

class RowSqlTest : public testing::Test {
 protected:
  RowSqlTest() {
    table_.columns["id"] = {.type = "int"};
    table_.columns["v"] = {.type = "varchar"};
    table_.key = {"id"};
  }
  std::string Build(const std::vector<ConsumedRow>& rows) {
    RowSql sql;
    for (const ConsumedRow& row : rows) {
      status_ = sql.Add(row, table_);
      if (!status_.ok()) return status_.ToString();
    }
    enum_error_ = sql.has_enum_error();
    return sql.Finish();
  }

  DownstreamTable table_;
  Status status_;
  bool enum_error_ = false;
};

TEST_F(RowSqlTest, JoinsRowsThatDoTheSame) {
  EXPECT_EQ(Build({Row({}, Values("1", "a")), Row({}, Values("2", "b'")), Row(Values("3", "x"), {}),
                   Row(Values("4", "x"), {})}),
            "REPLACE INTO `s`.`t` (`id`,`v`) VALUES (1,'a'),(2,'b\\'');"
            "DELETE FROM `s`.`t` WHERE (`id`<=>3) OR (`id`<=>4);");
}

TEST_F(RowSqlTest, AnUpdateOfTheKeyTakesTheOldRowAway) {
  EXPECT_EQ(Build({Row(Values("1", "a"), Values("1", "b"))}),
            "REPLACE INTO `s`.`t` (`id`,`v`) VALUES (1,'b');");
  EXPECT_EQ(Build({Row(Values("1", "a"), Values("2", "b"))}),
            "DELETE FROM `s`.`t` WHERE (`id`<=>1);"
            "REPLACE INTO `s`.`t` (`id`,`v`) VALUES (2,'b');");
}

TEST_F(RowSqlTest, WithoutAKeyTheWholeRowIsCompared) {
  table_.key.clear();
  Columns row = Values("1", "a");
  row[1].value = ConsumedValue::Null();
  EXPECT_EQ(Build({Row(row, {}), Row({}, Values("1", "a"))}),
            "DELETE FROM `s`.`t` WHERE `id`<=>1 AND `v`<=>NULL LIMIT 1;"
            "INSERT INTO `s`.`t` (`id`,`v`) VALUES (1,'a');");
}

TEST_F(RowSqlTest, ColumnsTellWhatMessagesDoNot) {
  const auto value = [](std::string text) {
    return ConsumedValue{ConsumedValue::Kind::kByColumn, std::move(text)};
  };
  table_.columns["b"] = {.type = "blob", .binary = true};
  table_.columns["e"] = {.type = "enum"};
  table_.columns["g"] = {.type = "int", .generated = true};
  table_.columns["f"] = {.type = "float"};
  EXPECT_EQ(Build({Row({}, {{"id", value("1")},
                            {"b", value("AP8=")},
                            {"e", value("0")},
                            {"g", value("5")},
                            {"f", value("0.1")}})}),
            "REPLACE INTO `s`.`t` (`id`,`b`,`e`,`f`) VALUES "
            "('1',x'00ff',0,0.10000000149011612);");
  EXPECT_TRUE(enum_error_);
}

TEST_F(RowSqlTest, RefusesWhatIsNoNumberAndUnknownColumns) {
  EXPECT_NE(Build({Row({}, Values("1;DROP TABLE x", "a"))}).find("is no number"),
            std::string::npos);
  EXPECT_NE(Build({Row({}, {{"other", ConsumedValue::Null()}})}).find("no column other"),
            std::string::npos);
}

}  // namespace
}  // namespace cdc
