// Messages that are packed, or whose row is in a store: what is sent comes back whole.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/tests/rows.h"
#include "edge/consumer/message_packing.h"
#include "edge/consumer/whole_message_decoder.h"

namespace cdc {
namespace {

using testing::HasSubstr;

struct Form {
  const char* name;
  Protocol protocol;
  SimpleEncoding encoding = SimpleEncoding::kJson;
};

class WholeMessageTest : public testing::TestWithParam<Form> {
 protected:
  WholeMessageTest() {
    options_.protocol = GetParam().protocol;
    options_.simple_encoding = GetParam().encoding;
    options_.enable_tidb_extension = true;
    options_.clock = &SystemClock();
  }
  ~WholeMessageTest() override { std::filesystem::remove_all(directory_); }

  void KeepLargeOnesInAStore() {
    options_.large_message = LargeMessage::kClaimCheck;
    options_.claim_check_uri = "file://" + directory_.string() + "/";
    options_.max_message_bytes = 600;
    ASSERT_TRUE(OpenCodecResources(&options_, SystemClock()).ok());
  }

  Status Through(const RowChange& row, std::vector<ConsumedEvent>* events) {
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    const auto encoder = EventEncoder::Create(options_).value();
    Status status = encoder->EncodeRows(rows, &messages);
    const auto decoder = MessageDecoder::Create(decoder_options_.value_or(options_)).value();
    for (const Message& message : messages)
      if (status.ok()) status = decoder->Decode(message.key, message.value, events);
    return status;
  }
  void ExpectWhole(const RowChange& row) {
    std::vector<ConsumedEvent> events;
    const Status status = Through(row, &events);
    ASSERT_TRUE(status.ok()) << status.ToString();
    ASSERT_EQ(events.size(), 1u);
    const auto& read = std::get<ConsumedRow>(events[0]);
    EXPECT_EQ(read.table, "t");
    EXPECT_EQ(read.commit_ts, row.commit_ts);
    for (const ConsumedColumn& column : row.is_delete() ? read.before : read.after)
      EXPECT_EQ(column.value.text, column.name == "id" ? "7" : text_);
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("claimed_" + std::to_string(getpid()));
  const std::string text_ = std::string(1000, 'x');
  CodecOptions options_;
  std::optional<CodecOptions> decoder_options_;
  std::shared_ptr<TableInfo> table_ =
      MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey | column_flag::kBinary},
                 {"v", MysqlType::kVarchar}});
  TestRow insert_{table_, {}, {Datum::Int(7), Text(text_)}};
};

TEST_P(WholeMessageTest, UnpacksWhatWasPacked) {
  for (const auto compression :
       {MessageCompression::kSnappy, MessageCompression::kLz4, MessageCompression::kZstd}) {
    options_.compression = compression;
    ExpectWhole(insert_);
    const auto encoder = EventEncoder::Create(options_).value();
    std::vector<Message> messages;
    ASSERT_TRUE(encoder->EncodeWatermark(Ts(42), &messages).ok());
    std::vector<ConsumedEvent> events;
    const auto decoder = MessageDecoder::Create(options_).value();
    ASSERT_TRUE(decoder->Decode(messages.at(0).key, messages.at(0).value, &events).ok());
    EXPECT_EQ(TsOf(events.at(0)), Ts(42));
  }
}

TEST_P(WholeMessageTest, ReadsLargeRowsFromTheirStore) {
  KeepLargeOnesInAStore();
  ExpectWhole(insert_);
  ExpectWhole(TestRow(table_, {Datum::Int(7), Text(text_)}, {}));
  options_.claim_check_raw_value = GetParam().protocol != Protocol::kOpen;
  ExpectWhole(insert_);
}

TEST_P(WholeMessageTest, ReadsPackedRowsFromTheirStore) {
  KeepLargeOnesInAStore();
  options_.compression = MessageCompression::kZstd;
  std::string mixed;
  for (int i = 0; i < 4000; ++i) mixed += static_cast<char>('a' + (i * i * 31 + i / 7) % 26);
  std::vector<ConsumedEvent> events;
  ASSERT_TRUE(Through(TestRow(table_, {}, {Datum::Int(7), Text(mixed)}), &events).ok());
  const auto& read = std::get<ConsumedRow>(events.at(0));
  EXPECT_EQ(read.after.size(), 2u);
}

TEST_P(WholeMessageTest, ReadsNoOtherFiles) {
  KeepLargeOnesInAStore();
  decoder_options_ = options_;
  for (const char* other : {"", "file:///somewhere/else", "file://"}) {
    decoder_options_->claim_check_uri = other;
    std::vector<ConsumedEvent> events;
    const Status status = Through(insert_, &events);
    EXPECT_EQ(status.code(), Code::kClaimCheck) << status.ToString();
  }
}

TEST_P(WholeMessageTest, RefusesRowsThatAreNowhere) {
  options_.large_message = LargeMessage::kHandleKeyOnly;
  options_.max_message_bytes = 600;
  std::vector<ConsumedEvent> events;
  const Status status = Through(insert_, &events);
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_THAT(status.ToString(), HasSubstr("test.t"));
  EXPECT_THAT(status.ToString(), HasSubstr("handle-key-only"));
}

INSTANTIATE_TEST_SUITE_P(
    All, WholeMessageTest,
    testing::Values(Form{"open", Protocol::kOpen}, Form{"canal_json", Protocol::kCanalJson},
                    Form{"simple_json", Protocol::kSimple},
                    Form{"simple_avro", Protocol::kSimple, SimpleEncoding::kAvro}),
    [](const auto& info) { return info.param.name; });

TEST(UnpackMessage, RefusesWhatIsBroken) {
  for (const auto compression :
       {MessageCompression::kSnappy, MessageCompression::kLz4, MessageCompression::kZstd}) {
    EXPECT_EQ(UnpackMessage(compression, "").error().code(), Code::kDecode);
    EXPECT_EQ(UnpackMessage(compression, std::string(20, '\xfe')).error().code(), Code::kDecode);
  }
}

}  // namespace
}  // namespace cdc
