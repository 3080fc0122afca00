#include "edge/consumer/column_value.h"

#include <gtest/gtest.h>

#include "edge/consumer/message_decoder.h"

namespace cdc {
namespace {

using Kind = ConsumedValue::Kind;

// "12", "'text'", "x'00ff'" or the error.
std::string Resolved(Kind kind, std::string text, const DownstreamTable::Column& column) {
  const auto value = ResolveValue({kind, std::move(text)}, column);
  if (!value) return value.error().ToString();
  switch (value->kind) {
    case Kind::kNumber:
      return value->text;
    case Kind::kBytes:
      return fmt::format("{} bytes", value->text.size());
    default:
      return "'" + value->text + "'";
  }
}
std::string Number(std::string text, const DownstreamTable::Column& column) {
  return Resolved(Kind::kDebeziumNumber, std::move(text), column);
}
std::string Text(std::string text, const DownstreamTable::Column& column) {
  return Resolved(Kind::kDebeziumText, std::move(text), column);
}

TEST(ColumnValue, DebeziumTimesAreNumbersByTheColumnsType) {
  EXPECT_EQ(Number("0", {.type = "date"}), "'1970-01-01'");
  EXPECT_EQ(Number("-719162", {.type = "date"}), "'0001-01-01'");
  EXPECT_EQ(Number("1582935630500", {.type = "datetime", .fraction_digits = 3}),
            "'2020-02-29 00:20:30.500000'");
  EXPECT_EQ(Number("1582935630000001", {.type = "datetime", .fraction_digits = 6}),
            "'2020-02-29 00:20:30.000001'");
  EXPECT_EQ(Number("-1", {.type = "datetime", .fraction_digits = 6}),
            "'1969-12-31 23:59:59.999999'");
  EXPECT_EQ(Number("-5400000000", {.type = "time"}), "'-01:30:00.000000'");
  EXPECT_EQ(Text("2020-01-02T03:04:05.6Z", {.type = "timestamp"}), "'2020-01-02 03:04:05.6'");
}

TEST(ColumnValue, DebeziumNumbersAndBytes) {
  EXPECT_EQ(Number("-5", {.type = "bigint"}), "-5");
  EXPECT_EQ(Number("-1", {.type = "bigint", .is_unsigned = true}), "18446744073709551615");
  EXPECT_EQ(Number("1.5", {.type = "decimal"}), "1.5");
  EXPECT_EQ(Text("AQI=", {.type = "bit"}), "513");
  EXPECT_EQ(Text("AQI=", {.type = "blob", .binary = true}), "2 bytes");
  EXPECT_EQ(Text("a", {.type = "enum"}), "'a'");
}

TEST(ColumnValue, VectorsHaveTheDigitsOfDoubles) {
  EXPECT_EQ(Resolved(Kind::kText, "[3.4028235e+38,-1,0.5]", {.type = "vector"}),
            "'[3.4028234663852886e+38,-1,0.5]'");
  EXPECT_EQ(Resolved(Kind::kText, "[]", {.type = "vector"}), "'[]'");
}

TEST(ColumnValue, WhatDoesNotFitIsAnError) {
  EXPECT_NE(Number("1.5", {.type = "date"}).find("no whole number"), std::string::npos);
  EXPECT_NE(Number("99999999999999999999", {.type = "time"}).find("no whole number"),
            std::string::npos);
  EXPECT_NE(Text("!", {.type = "blob", .binary = true}).find("CDC:"), std::string::npos);
}

TEST(DebeziumDecoder, ReadsRowsStatementsAndWatermarks) {
  const auto decoder = MakeDebeziumDecoder();
  std::vector<ConsumedEvent> events;
  const auto decode = [&](std::string_view key, std::string_view value) {
    return decoder->Decode(key, value, &events);
  };
  const std::string source = R"("source":{"db":"s","table":"t","commit_ts":7})";
  ASSERT_TRUE(decode(R"({"payload":{"id":1}})", R"({"payload":{)" + source +
                                                    R"(,"op":"u","before":{"id":1,"v":"a"},)"
                                                    R"("after":{"id":1,"v":null}}})")
                  .ok());
  ASSERT_TRUE(decode(R"({"payload":{"id":1}})",
                     R"({"payload":{)" + source + R"(,"op":"d","before":{"id":1},"after":null}})")
                  .ok());
  ASSERT_TRUE(decode(R"({"payload":{"databaseName":"s"}})",
                     R"({"payload":{)" + source + R"(,"ddl":"DROP TABLE t"}})")
                  .ok());
  ASSERT_TRUE(decode(R"({"payload":{}})", R"({"payload":{)" + source + R"(,"op":"m"}})").ok());
  ASSERT_TRUE(decoder->Decode("{}", std::nullopt, &events).ok());
  ASSERT_EQ(events.size(), 4u);
  const auto& update = std::get<ConsumedRow>(events[0]);
  EXPECT_EQ(update.commit_ts, Ts(7));
  EXPECT_EQ(update.before.size(), 2u);
  EXPECT_TRUE(update.after[0].key);
  EXPECT_EQ(update.after[1].value.kind, Kind::kNull);
  EXPECT_TRUE(std::get<ConsumedRow>(events[1]).is_delete());
  EXPECT_EQ(std::get<ConsumedDdl>(events[2]).type, DdlType::kDropTable);
  EXPECT_EQ(TsOf(events[3]), Ts(7));
  for (const char* bad : {"", "{}", "[]", R"({"payload":{}})", R"({"payload":{"op":"m"}})"})
    EXPECT_FALSE(decode("{}", bad).ok()) << bad;
}

}  // namespace
}  // namespace cdc
