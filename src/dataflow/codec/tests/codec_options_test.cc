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
  EXPECT_EQ(ProtocolFromName("avro").error().code(), Code::kNotSupported);
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

}  // namespace
}  // namespace cdc
