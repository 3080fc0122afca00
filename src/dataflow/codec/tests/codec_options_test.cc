#include "dataflow/codec/codec_options.h"

#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

TEST(CodecOptions, KnowsProtocolsByTheirNames) {
  EXPECT_EQ(ProtocolFromName("open-protocol").value(), Protocol::kOpen);
  EXPECT_EQ(ProtocolFromName("default").value(), Protocol::kOpen);
  EXPECT_EQ(ProtocolFromName("canal-json").value(), Protocol::kCanalJson);
  EXPECT_EQ(ProtocolFromName("simple").value(), Protocol::kSimple);
  EXPECT_EQ(ProtocolFromName("csv").value(), Protocol::kCsv);
  EXPECT_EQ(ProtocolFromName("flat-avro").value(), Protocol::kAvro);
  EXPECT_EQ(ProtocolFromName("debezium").value(), Protocol::kDebezium);
  EXPECT_EQ(ProtocolName(Protocol::kCanalJson), "canal-json");
  EXPECT_EQ(ProtocolName(Protocol::kOpen), "open-protocol");
  EXPECT_EQ(ProtocolName(Protocol::kAvro), "avro");
  EXPECT_EQ(ProtocolFromName("craft").error().code(), Code::kNotSupported);
  EXPECT_EQ(ProtocolFromName("no-such").error().code(), Code::kSinkConfig);
}

class CodecOptionsTest : public testing::Test {
 protected:
  CodecOptionsTest() { options_.clock = &clock_; }
  // The message of the refusal; "" if there is none.
  std::string Refusal() const { return std::string(options_.Validate().message()); }

  StandingClock clock_;
  CodecOptions options_;
};

TEST_F(CodecOptionsTest, NeedsRoomForMessages) {
  EXPECT_EQ(Refusal(), "");
  options_.max_batch_rows = 0;
  EXPECT_NE(Refusal().find("max-batch-size"), std::string::npos);
  options_.max_batch_rows = 1;
  options_.max_message_bytes = 0;
  EXPECT_NE(Refusal().find("max-message-bytes"), std::string::npos);
}

TEST_F(CodecOptionsTest, IsContentCompatibleInCanalJsonOnly) {
  options_.content_compatible = true;
  EXPECT_NE(Refusal().find("content-compatible"), std::string::npos);
  options_.protocol = Protocol::kCanalJson;
  EXPECT_EQ(Refusal(), "");
}

TEST_F(CodecOptionsTest, ReducesLargeRowsOnlyWhereAMessageCanSaySo) {
  options_.large_message = LargeMessage::kHandleKeyOnly;
  EXPECT_EQ(Refusal(), "");
  options_.protocol = Protocol::kCanalJson;
  EXPECT_NE(Refusal().find("enable-tidb-extension"), std::string::npos);
  options_.enable_tidb_extension = true;
  EXPECT_EQ(Refusal(), "");
  options_.protocol = Protocol::kCsv;
  EXPECT_NE(Refusal().find("csv"), std::string::npos);
}

TEST_F(CodecOptionsTest, ClaimCheckNeedsAStore) {
  options_.large_message = LargeMessage::kClaimCheck;
  EXPECT_NE(Refusal().find("claim-check-storage-uri"), std::string::npos);
  options_.claim_check_uri = "file:///x";
  EXPECT_EQ(Refusal(), "");
  options_.claim_check_raw_value = true;
  EXPECT_NE(Refusal().find("claim-check-raw-value"), std::string::npos) << "keys would be lost";
  options_.protocol = Protocol::kSimple;
  EXPECT_EQ(Refusal(), "");
}

TEST_F(CodecOptionsTest, AvroNeedsARegistryAndOthersHaveNone) {
  options_.protocol = Protocol::kAvro;
  EXPECT_NE(Refusal().find("schema-registry"), std::string::npos);
  options_.schema_registry_url = "http://registry";
  EXPECT_EQ(Refusal(), "");
  options_.protocol = Protocol::kDebezium;
  EXPECT_NE(Refusal().find("schema-registry"), std::string::npos);
}

TEST_F(CodecOptionsTest, EveryParameterReachesItsField) {
  const auto set = [&](const char* name, const char* value) {
    EXPECT_TRUE(IsCodecParameter(name)) << name;
    return SetCodecParameter(name, value, &options_).ok();
  };
  EXPECT_TRUE(set("max-batch-size", "7"));
  EXPECT_TRUE(set("enable-tidb-extension", "true"));
  EXPECT_TRUE(set("content-compatible", "true"));
  EXPECT_TRUE(set("only-output-updated-columns", "true"));
  EXPECT_TRUE(set("avro-enable-watermark", "true"));
  EXPECT_TRUE(set("avro-include-before-value", "true"));
  EXPECT_TRUE(set("avro-decimal-handling-mode", "string"));
  EXPECT_TRUE(set("avro-bigint-unsigned-handling-mode", "string"));
  EXPECT_TRUE(set("encoding-format", "avro"));
  EXPECT_TRUE(set("debezium-disable-schema", "true"));
  EXPECT_TRUE(set("debezium-include-start-ts", "true"));
  EXPECT_TRUE(set("schema-registry", "http://x"));
  EXPECT_EQ(options_.max_batch_rows, 7u);
  EXPECT_TRUE(options_.enable_tidb_extension);
  EXPECT_TRUE(options_.content_compatible);
  EXPECT_TRUE(options_.only_output_updated_columns);
  EXPECT_TRUE(options_.avro_enable_watermark);
  EXPECT_TRUE(options_.avro_include_before_value);
  EXPECT_EQ(options_.avro_decimal, AvroDecimal::kString);
  EXPECT_EQ(options_.avro_unsigned_bigint, AvroUnsignedBigint::kString);
  EXPECT_EQ(options_.simple_encoding, SimpleEncoding::kAvro);
  EXPECT_TRUE(options_.debezium_disable_schema);
  EXPECT_TRUE(options_.debezium_include_start_ts);
  EXPECT_EQ(options_.schema_registry_url, "http://x");
  EXPECT_FALSE(set("encoding-format", "xml"));
  EXPECT_FALSE(set("max-batch-size", "0"));
  EXPECT_FALSE(IsCodecParameter("partition-num"));
}

}  // namespace
}  // namespace cdc
