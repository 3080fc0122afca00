#include "dataflow/mounter/filter_expression.h"

#include <array>

#include <gtest/gtest.h>

#include "dataflow/mounter/tests/row_builder.h"
#include "model/decimal.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

using enum MysqlType;

// A row of every kind of value: i = -5, u = 2^64 - 1, d = 1.50, f = 0.25, s = 'Abc' (bytewise),
// ci = 'Abc' (ignoring case), t = 2024-02-29 10:20:30, du = -01:30:00, e = 'b' (2), n = NULL,
// j = JSON.
class FilterExpressionTest : public testing::Test {
 protected:
  FilterExpressionTest() : decimal_(DecimalFromText("1.50", 10, 2).value()) {
    std::vector<ColumnInfo> columns = {
        MakeColumn(1, "i", kLong),       MakeColumn(2, "u", kLonglong, column_flag::kUnsigned),
        MakeColumn(3, "d", kNewDecimal), MakeColumn(4, "f", kDouble),
        MakeColumn(5, "s", kVarchar),    MakeColumn(6, "ci", kVarchar),
        MakeColumn(7, "t", kDatetime),   MakeColumn(8, "du", kDuration),
        MakeColumn(9, "e", kEnum),       MakeColumn(10, "n", kLong),
        MakeColumn(11, "j", kJson),      MakeColumn(12, "odd name", kLong)};
    columns[5].type.collation = "utf8mb4_general_ci";
    columns[8].type.elems = {"a", "b"};
    table_ = MakeTable(TableId{9}, std::move(columns));
    table_->Finish();
    values_ = {Datum::Int(-5),
               Datum::Uint(UINT64_MAX),
               Datum::View(Datum::Kind::kDecimal, decimal_),
               Datum::Double(0.25),
               Datum::View(Datum::Kind::kBytes, "Abc"),
               Datum::View(Datum::Kind::kBytes, "Abc"),
               Datum::Time(PackTime({2024, 2, 29, 10, 20, 30, 0})),
               Datum::DurationNs(-5'400'000'000'000),
               Datum::Number(Datum::Kind::kEnum, 2),
               Datum(),
               Datum(),
               Datum::Int(7)};
  }

  // "true", "false" (also for NULL) or the error.
  std::string Holds(std::string_view text) const {
    const auto expression = FilterExpression::Parse(text);
    if (!expression) return expression.error().ToString();
    const auto positions = (*expression)->Bind(*table_);
    if (!positions) return positions.error().ToString();
    return (*expression)->Holds(*table_, *positions, values_) ? "true" : "false";
  }
  void ExpectAll(std::string_view result, std::initializer_list<const char*> expressions) const {
    for (const char* text : expressions) EXPECT_EQ(Holds(text), result) << text;
  }

  const std::string decimal_;
  std::shared_ptr<TableInfo> table_;
  std::vector<Datum> values_;
};

TEST_F(FilterExpressionTest, ComparesNumbersByValue) {
  ExpectAll("true", {"i = -5", "i < u", "u > 9223372036854775807", "u = 18446744073709551615",
                     "d = 1.5", "d >= 1.499999999999999999999", "f = .25", "d > 1", "i <> 5",
                     "i != 5", "0x10 = 16", "b'101' = 5", "1e2 = 100", "i = '-5'", "d = '1.5'"});
  ExpectAll("false", {"i > u", "u < 0", "d = 1.51", "f = 0.2500001", "i = 5"});
}

TEST_F(FilterExpressionTest, ComparesTextsByTheirCollation) {
  ExpectAll("true", {"s = 'Abc'", "s <> 'abc'", "ci = 'aBC'", "s = 'Abc  '", "s < 'a'",
                     "s LIKE 'A%'", "s NOT LIKE 'a%'", "ci LIKE 'a_c'", "s LIKE '%b%'",
                     "'a%' LIKE 'a\\%'", "'a%' LIKE 'a|%' ESCAPE '|'", "s IN ('x', 'Abc')"});
  ExpectAll("false", {"s = 'abc'", "s LIKE 'bc'", "'ab' LIKE 'a\\%'", "s = ' Abc'"});
}

TEST_F(FilterExpressionTest, ComparesTimes) {
  ExpectAll("true", {"t = '2024-02-29 10:20:30'", "t > '2024-02-29'", "t < DATE '2024-03-01'",
                     "t BETWEEN '2024-01-01' AND '2024-12-31 23:59:59'", "t = 20240229102030",
                     "YEAR(t) = 2024 AND MONTH(t) = 2 AND DAY(t) = 29", "DATE(t) = '2024-02-29'",
                     "HOUR(t) = 10 AND MINUTE(t) = 20 AND SECOND(t) = 30", "du = '-01:30:00'",
                     "du < TIME '00:00:00'", "HOUR(du) = 1", "t LIKE '2024-02-%'"});
  ExpectAll("false", {"t = 'no time'", "t <> 'no time'", "du > '00:00:01'"});
}

TEST_F(FilterExpressionTest, AnEnumIsItsNameAndItsNumber) {
  ExpectAll("true", {"e = 'b'", "e = 2", "e > 1", "e IN ('a', 'b')"});
  ExpectAll("false", {"e = 'a'", "e = 1"});
}

TEST_F(FilterExpressionTest, NullIsUnknown) {
  ExpectAll("true", {"n IS NULL", "i IS NOT NULL", "n <=> NULL", "NOT (i <=> n)", "n = 1 OR i = -5",
                     "(n = 1) IS UNKNOWN", "COALESCE(n, 3) = 3", "IFNULL(n, i) = -5", "ISNULL(n)",
                     "IF(n, 1, 2) = 2", "i NOT IN (1, 2)", "NULLIF(i, -5) IS NULL"});
  ExpectAll("false", {"n = 1", "n <> 1", "NOT n = 1", "n = 1 AND i = -5", "i NOT IN (1, NULL)",
                      "n IN (1)", "n LIKE '%'", "n BETWEEN 1 AND 2", "n XOR 1", "1 / 0 = 0"});
}

TEST_F(FilterExpressionTest, BindsAsMysqlDoes) {
  ExpectAll("true", {"1 OR 0 AND 0",
                     "NOT 0 AND 1",
                     "NOT 1 = 2",
                     "2 + 3 * 4 = 14",
                     "(2 + 3) * 4 = 20",
                     "1 | 2 = 3",
                     "6 & 3 = 2",
                     "1 << 3 = 8",
                     "-i = 5",
                     "!0",
                     "NOT NOT 1",
                     "7 DIV 2 = 3",
                     "7 % 4 = 3",
                     "-7 MOD 4 = -3",
                     "MOD(7, 4) = 3",
                     "7 / 2 = 3.5",
                     "5 BETWEEN 1 AND 9 AND 1",
                     "1 XOR 0 XOR 1 XOR 1",
                     "1 && 1 || 0",
                     "~0 = 18446744073709551615",
                     "5 ^ 1 = 4",
                     "0.1 + 0.2 = 0.3",
                     "CASE WHEN i > 0 THEN 0 WHEN i < 0 THEN 1 END",
                     "CASE WHEN i > 0 THEN 0 ELSE 2 END = 2",
                     "1 IS TRUE",
                     "0 IS FALSE",
                     "0 IS NOT TRUE",
                     "9223372036854775807 + 1 = 9223372036854775808"});
}

TEST_F(FilterExpressionTest, KnowsSomeFunctions) {
  ExpectAll("true", {"ABS(i) = 5", "CEIL(1.2) = 2", "FLOOR(-1.2) = -2", "LENGTH('\xc3\xa4') = 2",
                     "CHAR_LENGTH('\xc3\xa4') = 1", "LOWER(s) = 'abc'", "upper(s) = 'ABC'",
                     "CONCAT(s, 'd', 1) = 'Abcd1'", "LEFT(s, 2) = 'Ab'", "RIGHT(s, 2) = 'bc'",
                     "SUBSTRING(s, 2, 1) = 'b'", "SUBSTR(s, -1) = 'c'", "TRIM('  x ') = 'x'"});
}

TEST_F(FilterExpressionTest, FindsColumnsByName) {
  ExpectAll("true", {"`odd name` = 7", "`I` = -5", "test.t.i = -5", "t.`i` = -5"});
  EXPECT_EQ(Holds("missing = 1").substr(0, 34), "[CDC:ErrExpressionColumnNotFound]t");
  EXPECT_NE(Holds("j = 1").find("is a JSON"), std::string::npos);
}

TEST_F(FilterExpressionTest, TellsWhereItDoesNotParse) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "position 1"},
      {"i =", "position 4: it ends"},
      {"i = 1 2", "position 7: '2'"},
      {"i IN ()", "position 7: ')'"},
      {"(i = 1", "position 7"},
      {"i = 'x", "position 5: a quote"},
      {"i # 1", "position 3: '#'"},
      {"SLEEP(1)", "position 1: function SLEEP"},
      {"ABS(1, 2)", "wrong number of arguments"},
      {"i BETWEEN 1", "position 12"},
      {"SELECT 1", "position 1: 'SELECT'"},
      {"i IS 5", "position 6: '5'"},
      {"0xzz = 1", "position 1"},
      {"DATE 'x' = 1", "position 6"},
  };
  for (const auto& [text, where] : cases) {
    const std::string error = Holds(text);
    EXPECT_EQ(error.find("[CDC:ErrExpressionParseFailed]"), 0u) << text << ": " << error;
    EXPECT_NE(error.find(where), std::string::npos) << text << ": " << error;
  }
}

TEST_F(FilterExpressionTest, RefusesWhatIsNestedTooDeeply) {
  const auto times = [](const char* what, size_t count) {
    std::string out;
    while (count-- > 0) out += what;
    return out;
  };
  for (const std::string& text : {times("(", 5000), times("-", 5000), times("NOT (", 5000),
                                  "1" + times("+1", 5000), times("ABS(", 5000)})
    EXPECT_NE(Holds(text).find("nested too deeply"), std::string::npos) << text.substr(0, 10);
  EXPECT_EQ(Holds("0" + times(" OR 0", 5000) + " OR 1"), "true");
}

}  // namespace
}  // namespace cdc
