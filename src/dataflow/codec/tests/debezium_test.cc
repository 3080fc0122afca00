#include "dataflow/codec/debezium.h"

#include <gtest/gtest.h>

#include "dataflow/codec/debezium_schema.h"
#include "dataflow/codec/tests/rows.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

class DebeziumTest : public testing::Test {
 protected:
  DebeziumTest()
      : table_(MakeTable(
            {{"id", MysqlType::kLong, kTestPrimaryKey, 11}, {"v", MysqlType::kVarchar, 0, 10}})),
        update_(table_, {Datum::Int(1), Text("a")}, {Datum::Int(1), Datum()}) {
    options_.protocol = Protocol::kDebezium;
    options_.clock = &clock_;
    options_.debezium_disable_schema = true;
  }

  Message Encode(const RowChange& row) {
    DebeziumEncoder encoder(options_);
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    EXPECT_TRUE(encoder.EncodeRows(rows, &messages).ok());
    return messages.at(0);
  }
  std::string Value(const FieldType& type, const Datum& value, const char* zone = "UTC") {
    UtcText utc(zone);
    std::string scratch;
    std::string out;
    AppendDebeziumValue(type, value, &utc, &scratch, &out);
    return out;
  }

  StandingClock clock_;
  CodecOptions options_;
  std::shared_ptr<TableInfo> table_;
  TestRow update_;
};

TEST_F(DebeziumTest, WritesBothImagesOfAnUpdate) {
  const Message message = Encode(update_);
  EXPECT_EQ(*message.key, R"({"payload":{"id":1}})");
  EXPECT_EQ(*message.value,
            R"({"payload":{"source":{"version":"2.4.0.Final","connector":"TiCDC","name":"default",)"
            R"("ts_ms":100,"snapshot":"false","db":"test","table":"t","server_id":0,"gtid":null,)"
            R"("file":"","pos":0,"row":0,"thread":0,"query":null,"commit_ts":26214400,)"
            R"("cluster_id":"default"},"ts_ms":5000,"transaction":null,"op":"u",)"
            R"("before":{"id":1,"v":"a"},"after":{"id":1,"v":null}}})");
  options_.debezium_output_old_value = false;
  EXPECT_TRUE(Encode(update_).value->ends_with(R"("op":"u","after":{"id":1,"v":null}}})"));
  options_.debezium_include_start_ts = true;
  EXPECT_NE(Encode(update_).value->find(R"("start_ts":99)"), std::string::npos);
}

TEST_F(DebeziumTest, DescribesKeysAndRowsUnlessToldNotTo) {
  options_.debezium_disable_schema = false;
  const Message message = Encode(update_);
  EXPECT_EQ(*message.key,
            R"({"payload":{"id":1},"schema":{"type":"struct","name":"default.test.t.Key",)"
            R"("optional":false,"fields":[{"type":"int32","optional":false,"field":"id"}]}})");
  EXPECT_NE(message.value->find(R"("name":"default.test.t.Value","field":"before","fields":[)"
                                R"({"type":"int32","optional":false,"field":"id"},)"
                                R"({"type":"string","optional":true,"field":"v"}]})"),
            std::string::npos);
}

TEST_F(DebeziumTest, WritesTimesAsNumbersButTimestampsInUtc) {
  const Datum time = Datum::Time(PackTime({2024, 2, 29, 12, 30, 7, 123456}));
  EXPECT_EQ(Value({.type = MysqlType::kDatetime, .decimal = 6}, time), "1709209807123456");
  EXPECT_EQ(Value({.type = MysqlType::kDatetime, .decimal = 3}, time), "1709209807123");
  EXPECT_EQ(Value({.type = MysqlType::kDate}, time), "19782");
  const FieldType timestamp = {.type = MysqlType::kTimestamp, .decimal = 3};
  EXPECT_EQ(Value(timestamp, time), R"("2024-02-29T12:30:07.123Z")");
  EXPECT_EQ(Value(timestamp, time, "Asia/Shanghai"), R"("2024-02-29T04:30:07.123Z")");
  EXPECT_EQ(Value(timestamp, time, "America/New_York"), R"("2024-02-29T17:30:07.123Z")");
  EXPECT_EQ(Value(timestamp, Datum::Time(0)), R"("1970-01-01T00:00:00Z")");
  EXPECT_EQ(Value({.type = MysqlType::kDuration}, Datum::DurationNs(-1'500'000)), "-1500");
}

TEST_F(DebeziumTest, ZonesHaveNames) {
  EXPECT_EQ(ZoneName("Asia/Shanghai"), "Asia/Shanghai");
  EXPECT_NE(ZoneName(""), "");
}

TEST_F(DebeziumTest, AZeroDateIsNullOrTheEpoch) {
  EXPECT_EQ(Value({.type = MysqlType::kDate}, Datum::Time(0)), "null");
  EXPECT_EQ(Value({.type = MysqlType::kDate, .flags = column_flag::kNotNull}, Datum::Time(0)), "0");
}

TEST_F(DebeziumTest, WritesBitsLowestByteFirst) {
  const Datum bits = Datum::Number(Datum::Kind::kBit, 0x102);
  EXPECT_EQ(Value({.type = MysqlType::kBit, .length = 10}, bits), R"("AgE=")");
  EXPECT_EQ(Value({.type = MysqlType::kBit, .length = 1}, bits), "true");
}

TEST_F(DebeziumTest, MakesNamesSafe) {
  EXPECT_EQ(SafeName("a-b.c"), "a_b_c");
  EXPECT_EQ(SafeName("1a"), "_1a");
  EXPECT_EQ(SafeName("1a.b", true, true), "1a.b");
  EXPECT_EQ(SafeName("表x"), "_x");
}

TEST_F(DebeziumTest, SendsWatermarksWithTheExtensionOnly) {
  DebeziumEncoder encoder(options_);
  std::vector<Message> messages;
  ASSERT_TRUE(encoder.EncodeWatermark(Ts::FromUnixMs(8), &messages).ok());
  EXPECT_TRUE(messages.empty());
  options_.enable_tidb_extension = true;
  ASSERT_TRUE(encoder.EncodeWatermark(Ts::FromUnixMs(8), &messages).ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(*messages[0].key, R"({"payload":{}})");
  EXPECT_TRUE(messages[0].value->ends_with(R"("transaction":null,"op":"m"}})"));
}

}  // namespace
}  // namespace cdc
