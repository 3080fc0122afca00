#include "edge/consumer/avro_decoder.h"

#include <gtest/gtest.h>

#include "edge/consumer/avro_value.h"

namespace cdc {
namespace {

constexpr const char* kFields =
    R"({"name":"id","type":{"type":"long","connect.parameters":{"tidb_type":"BIGINT UNSIGNED"}}},)"
    R"({"name":"v","type":["null",{"type":"string"}]})";

// Schema 1 is the key's, 2 the value's; others are not known.
class FakeSchemas final : public SchemaSource {
 public:
  Result<std::string> SchemaOf(uint32_t id) override {
    if (id == 1)
      return R"({"type":"record","name":"t","namespace":"default.s",)"
             R"("fields":[{"name":"id","type":"long"}]})";
    if (id != 2) return Error(Code::kSchemaRegistry, "no schema {}", id);
    return fmt::format(
        R"({{"type":"record","name":"t","namespace":"default.s","fields":[{},)"
        R"({{"name":"_ticdc_before","type":["null",{{"type":"record","name":"t_before","fields":[{}]}}]}},)"
        R"({{"name":"_tidb_op","type":"string"}},{{"name":"_tidb_commit_ts","type":"long"}},)"
        R"({{"name":"_tidb_commit_physical_time","type":"long"}}]}})",
        kFields, kFields);
  }
};

std::string Header(char id) { return {'\0', '\0', '\0', '\0', id}; }
// Short numbers and texts.
std::string Long(int value) { return {static_cast<char>(value * 2)}; }
std::string Text(const std::string& text) { return Long(static_cast<int>(text.size())) + text; }

class AvroDecoderTest : public testing::Test {
 protected:
  Status Decode(const std::string& value) {
    return decoder_->Decode(Header(1) + Long(7), value, &events_);
  }
  std::unique_ptr<MessageDecoder> decoder_ = MakeAvroDecoder(std::make_unique<FakeSchemas>());
  std::vector<ConsumedEvent> events_;
};

TEST_F(AvroDecoderTest, ReadsRowsWithTheirFormerValues) {
  const std::string after = Long(7) + Long(1) + Text("new");
  const std::string before = Long(7) + Long(0);
  const Status status =
      Decode(Header(2) + after + Long(1) + before + Text("u") + Long(9) + Long(0));
  ASSERT_TRUE(status.ok()) << status.ToString();
  const auto& row = std::get<ConsumedRow>(events_.at(0));
  EXPECT_EQ(row.schema, "s");
  EXPECT_EQ(row.table, "t");
  EXPECT_EQ(row.commit_ts, Ts(9));
  ASSERT_EQ(row.after.size(), 2u);
  EXPECT_TRUE(row.after[0].key);
  EXPECT_FALSE(row.after[1].key);
  EXPECT_EQ(row.after[1].value, ConsumedValue::Text("new"));
  ASSERT_EQ(row.before.size(), 2u);
  EXPECT_EQ(row.before[1].value, ConsumedValue::Null());
}

TEST_F(AvroDecoderTest, ADeletionIsItsFormerRow) {
  const std::string row = Long(7) + Long(0);
  ASSERT_TRUE(Decode(Header(2) + row + Long(1) + row + Text("d") + Long(9) + Long(0)).ok());
  EXPECT_TRUE(std::get<ConsumedRow>(events_.at(0)).is_delete());
  EXPECT_EQ(decoder_->Decode("", std::nullopt, &events_).code(), Code::kNotSupported);
}

TEST_F(AvroDecoderTest, LargeUnsignedNumbersAreNotNegative) {
  const std::string row = std::string("\x01") + Long(0);  // -1
  ASSERT_TRUE(Decode(Header(2) + row + Long(0) + Text("c") + Long(9) + Long(0)).ok());
  EXPECT_EQ(std::get<ConsumedRow>(events_.at(0)).after[0].value,
            ConsumedValue::Number("18446744073709551615"));
}

TEST_F(AvroDecoderTest, ReadsStatementsAndWatermarks) {
  ASSERT_TRUE(Decode("\x01{\"query\":\"DROP TABLE t\",\"type\":4,\"schema\":\"s\",\"table\":\"t\","
                     "\"commitTs\":5}")
                  .ok());
  ASSERT_TRUE(Decode(std::string("\x02\0\0\0\0\0\0\0\x08", 9)).ok());
  EXPECT_EQ(std::get<ConsumedDdl>(events_.at(0)).type, DdlType::kDropTable);
  EXPECT_EQ(TsOf(events_.at(1)), Ts(8));
}

TEST_F(AvroDecoderTest, RefusesWhatItsSchemaDoesNotTell) {
  const std::string row = Long(7) + Long(0) + Long(0) + Text("c");
  for (const std::string& value :
       {std::string("\x03"), Header(2), Header(9), Header(2) + Long(7) + Long(5), Header(2) + row,
        Header(2) + row + Long(0) + Long(0), Header(2) + row + Long(9) + Long(0) + "more",
        std::string("\x02short")})
    EXPECT_FALSE(Decode(value).ok());
}

TEST(AvroDecimalText, ReadsTwosComplement) {
  using std::string_literals::operator""s;
  EXPECT_EQ(AvroDecimalText("\x00"s, 2), "0.00");
  EXPECT_EQ(AvroDecimalText("\x04\xd2"s, 2), "12.34");
  EXPECT_EQ(AvroDecimalText("\xfb\x2e"s, 2), "-12.34");
  EXPECT_EQ(AvroDecimalText("\xff"s, 0), "-1");
  EXPECT_EQ(AvroDecimalText("\x01\x00\x00\x00\x00\x00\x00\x00\x00"s, 0), "18446744073709551616");
}

}  // namespace
}  // namespace cdc
