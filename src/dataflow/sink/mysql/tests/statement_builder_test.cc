#include "dataflow/sink/mysql/statement_builder.h"

#include <limits>

#include <gtest/gtest.h>

#include "dataflow/sink/mysql/row_writer.h"
#include "dataflow/sink/mysql/tests/rows_for_test.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

using Mode = StatementBuilder::Mode;

class StatementBuilderTest : public ::testing::Test {
 protected:
  TableInfoPtr table_ =
      TableMaker("t").Int("id").Int("u").NullableInt("v").Primary({0}).Unique({1}).Done();
  RowMaker rows_{table_};

  std::vector<std::string> Build(const std::vector<RowChange>& rows, Mode mode = Mode::kPlain,
                                 StatementBuilder::Options options = {}) {
    StatementBuilder builder(options);
    std::vector<const RowChange*> pointers;
    for (const RowChange& row : rows) pointers.push_back(&row);
    const TransactionSql& sql = builder.Build(pointers, mode);
    std::vector<std::string> statements;
    expected_.clear();
    for (const Statement& s : sql.statements) {
      statements.push_back(sql.text->substr(s.begin, s.end - s.begin));
      expected_.push_back(s.rows_expected);
    }
    check_before_commit_ = sql.check_before_commit;
    return statements;
  }
  std::vector<int64_t> expected_;
  bool check_before_commit_ = false;
};

using Sql = std::vector<std::string>;

TEST_F(StatementBuilderTest, OneStatementNeedsNoTransaction) {
  EXPECT_EQ(Build({rows_.Insert({Int(1), Int(2), Datum::Null()}),
                   rows_.Insert({Int(2), Int(3), Int(-4)})}),
            Sql{"INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (1,2,NULL),(2,3,-4)"});
}

TEST_F(StatementBuilderTest, UpdatesSetAllColumnsBesideTheHandleAndAreCounted) {
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(2), Int(3)}, {Int(1), Int(2), Int(4)})}),
            Sql{"UPDATE `db`.`t` SET `u`=2,`v`=4 WHERE `id`=1"});
  EXPECT_EQ(expected_, std::vector<int64_t>{1});
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(2), Int(3)}, {Int(1), Int(2), Int(4)}),
                   rows_.Update({Int(2), Int(3), Int(3)}, {Int(2), Int(3), Int(5)})}),
            Sql{"UPDATE `db`.`t` SET `u`=CASE WHEN `id`=1 THEN 2 WHEN `id`=2 THEN 3 END,"
                "`v`=CASE WHEN `id`=1 THEN 4 WHEN `id`=2 THEN 5 END WHERE `id` IN (1,2)"});
  EXPECT_EQ(expected_, std::vector<int64_t>{2});
}

TEST_F(StatementBuilderTest, VersionsOfARowBecomeOne) {
  EXPECT_EQ(Build({rows_.Insert({Int(1), Int(1), Int(1)}, 1),
                   rows_.Update({Int(1), Int(1), Int(1)}, {Int(1), Int(1), Int(2)}, 2)}),
            Sql{"INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (1,1,2)"});
  // After a crash, the row may be at any of the versions between.
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(1), Int(1)}, {Int(1), Int(1), Int(2)}, 1),
                   rows_.Update({Int(1), Int(1), Int(2)}, {Int(1), Int(1), Int(1)}, 2)}),
            Sql{"UPDATE `db`.`t` SET `u`=1,`v`=1 WHERE `id`=1"});
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(1), Int(1)}, {Int(1), Int(1), Int(2)}, 1),
                   rows_.Delete({Int(1), Int(1), Int(2)}, 2)}),
            Sql{"DELETE FROM `db`.`t` WHERE `id`=1"});
  EXPECT_EQ(expected_, std::vector<int64_t>{1});
  // Came and went: nothing to find, unless this is a replay.
  EXPECT_EQ(
      Build({rows_.Insert({Int(1), Int(1), Int(1)}, 1), rows_.Delete({Int(1), Int(1), Int(1)}, 2)}),
      Sql{"DELETE FROM `db`.`t` WHERE `id`=1"});
  EXPECT_EQ(expected_, std::vector<int64_t>{Statement::kAnyCount});
}

TEST_F(StatementBuilderTest, RowsThatSwapAUniqueValueAreDeletedFirst) {
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(10), Int(0)}, {Int(1), Int(20), Int(0)}),
                   rows_.Update({Int(2), Int(20), Int(0)}, {Int(2), Int(10), Int(0)})}),
            (Sql{"BEGIN", "DELETE FROM `db`.`t` WHERE `id` IN (1,2)",
                 "INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (1,20,0),(2,10,0)", "COMMIT"}));
  // In a chain only the row that gives its value away.
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(10), Int(0)}, {Int(1), Int(20), Int(0)}),
                   rows_.Update({Int(2), Int(20), Int(0)}, {Int(2), Int(30), Int(0)})}),
            (Sql{"BEGIN", "DELETE FROM `db`.`t` WHERE `id`=2",
                 "UPDATE `db`.`t` SET `u`=20,`v`=0 WHERE `id`=1",
                 "INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (2,30,0)", "COMMIT"}));
}

TEST_F(StatementBuilderTest, AChangedHandleIsADeleteAndAnInsert) {
  EXPECT_EQ(Build({rows_.Update({Int(1), Int(10), Int(0)}, {Int(2), Int(10), Int(0)})}),
            (Sql{"BEGIN", "DELETE FROM `db`.`t` WHERE `id`=1",
                 "INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (2,10,0)", "COMMIT"}));
}

TEST_F(StatementBuilderTest, SafeModeHoldsFromAnyState) {
  EXPECT_EQ(Build({rows_.Insert({Int(1), Int(1), Int(1)}),
                   rows_.Update({Int(2), Int(2), Int(2)}, {Int(2), Int(2), Int(3)}),
                   rows_.Delete({Int(3), Int(3), Int(3)})},
                  Mode::kSafe),
            (Sql{"BEGIN", "DELETE FROM `db`.`t` WHERE `id` IN (2,3)",
                 "REPLACE INTO `db`.`t`(`id`,`u`,`v`) VALUES (1,1,1),(2,2,3)", "COMMIT"}));
  EXPECT_EQ(expected_, std::vector<int64_t>(4, Statement::kAnyCount));
  EXPECT_EQ(Build({rows_.Insert({Int(1), Int(1), Int(1)})}, Mode::kReplace),
            Sql{"REPLACE INTO `db`.`t`(`id`,`u`,`v`) VALUES (1,1,1)"});
}

TEST_F(StatementBuilderTest, WithoutBatchingEachRowIsAStatement) {
  EXPECT_EQ(Build({rows_.Insert({Int(1), Int(1), Int(1)}), rows_.Insert({Int(2), Int(2), Int(1)}),
                   rows_.Update({Int(1), Int(1), Int(1)}, {Int(1), Int(1), Int(2)})},
                  Mode::kPlain, {.batch = false}),
            (Sql{"BEGIN", "INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (1,1,1)",
                 "INSERT INTO `db`.`t`(`id`,`u`,`v`) VALUES (2,2,1)",
                 "UPDATE `db`.`t` SET `u`=1,`v`=2 WHERE `id`=1", "COMMIT"}));
}

TEST_F(StatementBuilderTest, TablesAreGroupedAndCompositeKeysSpelledOut) {
  const auto other = TableMaker("o", 2).Int("a").Text("b").Primary({0, 1}).Done();
  RowMaker others(other);
  EXPECT_EQ(Build({rows_.Delete({Int(1), Int(1), Int(1)}), others.Delete({Int(1), Txt("x'y\\")}),
                   rows_.Delete({Int(2), Int(2), Int(1)}), others.Delete({Int(2), Txt("z")})}),
            (Sql{"BEGIN", "DELETE FROM `db`.`t` WHERE `id` IN (1,2)",
                 "DELETE FROM `db`.`o` WHERE (`a`=1 AND `b`='x\\'y\\\\') OR (`a`=2 AND `b`='z')",
                 "COMMIT"}));
}

TEST_F(StatementBuilderTest, RowsWithoutAKeyAreFoundByAllTheyHold) {
  const auto plain = TableMaker("n").NullableInt("a").Text("b").Done();
  RowMaker rows(plain);
  EXPECT_EQ(Build({rows.Update({Datum::Null(), Txt("x")}, {Int(1), Txt("y")})}),
            (Sql{"BEGIN",
                 "UPDATE `db`.`n` SET `a`=1,`b`='y' WHERE `a`<=>NULL AND "
                 "CONVERT(`b` USING utf8mb4) COLLATE utf8mb4_bin<=>'x' LIMIT 1",
                 "COMMIT"}));
  EXPECT_TRUE(check_before_commit_);
}

TEST_F(StatementBuilderTest, AStaleDeleteDoesNotHitTheRowInAnotherPartition) {
  TableMaker maker("p");
  maker.Int("id").Int("region").Primary({0});
  const auto table = std::const_pointer_cast<TableInfo>(maker.Done());
  table->partitions = {{TableId{7}, "p0"}, {TableId{8}, "p1"}};
  table->indexes[0].global = true;
  RowMaker rows(table);
  EXPECT_EQ(Build({rows.Delete({Int(1), Int(5)}), rows.Delete({Int(2), Int(6)})}),
            Sql{"DELETE FROM `db`.`p` WHERE (`id`=1 AND `region`<=>5) OR (`id`=2 AND "
                "`region`<=>6)"});
}

TEST_F(StatementBuilderTest, GeneratedColumnsAreNotWritten) {
  const auto table = TableMaker("g")
                         .Int("a")
                         .Int("s")
                         .Last([](ColumnInfo& c) {
                           c.generated_expr = "a + 1";
                           c.generated_stored = true;
                         })
                         .Primary({0})
                         .Done();
  RowMaker rows(table);
  EXPECT_EQ(Build({rows.Insert({Int(1), Int(2)})}), Sql{"INSERT INTO `db`.`g`(`a`) VALUES (1)"});
}

TEST_F(StatementBuilderTest, EveryKindOfValueIsALiteral) {
  const struct {
    MysqlType type;
    Datum value;
    const char* text;
    const char* charset = "binary";
    int decimals = 0;
  } kValues[] = {
      {MysqlType::kLonglong, Datum::Int(INT64_MIN), "-9223372036854775808"},
      {MysqlType::kLonglong, Datum::Uint(UINT64_MAX), "18446744073709551615"},
      {MysqlType::kDouble, Datum::Double(-0.0), "-0e0"},
      {MysqlType::kDouble, Datum::Double(1e300), "1e300"},
      {MysqlType::kFloat, Datum::Double(1.1f, Datum::Kind::kFloat), "1.100000023841858e0"},
      {MysqlType::kFloat, Datum::Double(std::numeric_limits<float>::max(), Datum::Kind::kFloat),
       "3.4028234663852886e38"},
      {MysqlType::kVarchar, Txt("it's \\ 中文😀"), "'it\\'s \\\\ 中文😀'", "utf8mb4"},
      {MysqlType::kBlob, Txt(std::string_view("\0\xff'", 3)), "x'00ff27'"},
      {MysqlType::kBlob, Txt(""), "x''"},
      {MysqlType::kDuration, Datum::DurationNs(-3'600'500'000'000), "'-01:00:00.500'", "binary", 3},
      {MysqlType::kDatetime, Datum::Time(PackTime({2024, 2, 29, 23, 59, 59, 123456})),
       "'2024-02-29 23:59:59.123456'", "binary", 6},
      {MysqlType::kDate, Datum::Time(PackTime({0, 0, 0})), "'0000-00-00'"},
      {MysqlType::kEnum, Datum::Number(Datum::Kind::kEnum, 2), "2"},
      {MysqlType::kSet, Datum::Number(Datum::Kind::kSet, 5), "5"},
      {MysqlType::kBit, Datum::Number(Datum::Kind::kBit, 255), "255"},
      {MysqlType::kYear, Datum::Int(0), "0"},
      {MysqlType::kVector,
       Datum::View(Datum::Kind::kVector,
                   std::string_view("\2\0\0\0\0\0\xc0\x3f\xff\xff\x7f\x7f", 12)),
       "'[1.5,3.4028234663852886e38]'"},
  };
  SqlWriter writer;
  for (const auto& v : kValues) {
    FieldType type{.type = v.type, .decimal = v.decimals, .charset = v.charset};
    writer.Clear();
    writer.Value(v.value, type);
    EXPECT_EQ(writer.sql(), v.text);
  }
  writer.Clear();
  writer.Value(Datum::Double(1e6, Datum::Kind::kFloat),
               {.type = MysqlType::kFloat, .length = 8, .decimal = 2});
  EXPECT_EQ(writer.sql(), "999999.99e0");
}

TEST_F(StatementBuilderTest, TheEnumErrorValueIsWrittenInALenientSession) {
  const auto table = TableMaker("e")
                         .Int("id")
                         .Column("e", MysqlType::kEnum, 0, "utf8mb4", "utf8mb4_bin")
                         .Primary({0})
                         .Done();
  RowMaker rows(table);
  EXPECT_EQ(Build({rows.Insert({Int(1), Datum::Number(Datum::Kind::kEnum, 0)})}),
            (Sql{std::string("SET SESSION sql_mode='") + kLenientRowSqlMode + "'",
                 "INSERT INTO `db`.`e`(`id`,`e`) VALUES (1,0)",
                 std::string("SET SESSION sql_mode='") + kRowSqlMode + "'"}));
}

TEST(RedactSql, LeavesNoValue) {
  EXPECT_EQ(RedactSql("INSERT INTO `d1`.`t` (`a1`) VALUES (1,-2.5e-3,'it\\'s',x'0aff',NULL)"),
            "INSERT INTO `d1`.`t` (`a1`) VALUES (?,-?,?,?,NULL)");
}

}  // namespace
}  // namespace cdc
