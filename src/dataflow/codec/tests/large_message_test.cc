// What becomes of rows that are too large, and of messages that are to be compressed.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <nlohmann/json.hpp>
#include <snappy.h>
#include <unistd.h>
#include <zstd.h>

#include "base/bytes.h"
#include "dataflow/codec/claim_check.h"
#include "dataflow/codec/encoder.h"
#include "dataflow/codec/message_compression.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

class LargeMessageTest : public testing::Test {
 protected:
  LargeMessageTest()
      : directory_(std::filesystem::temp_directory_path() /
                   ("claim_check_" + std::to_string(getpid()))),
        text_(1000, 'x'),
        table_(MakeTable(
            {{"id", MysqlType::kLong, kTestPrimaryKey, 11}, {"v", MysqlType::kVarchar, 0, 2000}})),
        row_(table_, {}, {Datum::Int(1), Text(text_)}) {
    options_.clock = &clock_;
    options_.max_message_bytes = 600;
    options_.enable_tidb_extension = true;
  }
  ~LargeMessageTest() override { std::filesystem::remove_all(directory_); }

  void UseStore() {
    options_.large_message = LargeMessage::kClaimCheck;
    options_.claim_check_uri = "file://" + directory_.string();
    const Status opened = OpenCodecResources(&options_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.ToString();
  }
  // The row's one message; nothing if it is refused.
  std::optional<Message> Encode() {
    auto encoder = EventEncoder::Create(options_);
    std::vector<Message> messages;
    const RowChange* rows[] = {&row_};
    status_ = (*encoder)->EncodeRows(rows, &messages);
    if (messages.size() != 1) return std::nullopt;
    return std::move(messages[0]);
  }
  static std::string Read(std::string location) {
    EXPECT_TRUE(location.starts_with("file://")) << location;
    std::ostringstream content;
    content << std::ifstream(location.substr(7)).rdbuf();
    return content.str();
  }

  const std::filesystem::path directory_;
  StandingClock clock_;
  CodecOptions options_;
  Status status_;
  std::string text_;
  std::shared_ptr<TableInfo> table_;
  TestRow row_;
};

TEST_F(LargeMessageTest, RefusesThemByTableAndSize) {
  for (const Protocol protocol : {Protocol::kOpen, Protocol::kCanalJson, Protocol::kSimple,
                                  Protocol::kDebezium, Protocol::kMaxwell, Protocol::kCanal}) {
    options_.protocol = protocol;
    EXPECT_FALSE(Encode());
    EXPECT_EQ(status_.code(), Code::kMessageTooLarge) << ProtocolName(protocol);
    EXPECT_NE(status_.message().find("test.t"), std::string::npos) << status_.message();
  }
}

TEST_F(LargeMessageTest, ClaimCheckKeepsTheWholeMessageInTheStore) {
  options_.protocol = Protocol::kCanalJson;
  UseStore();
  const auto message = Encode();
  ASSERT_TRUE(message) << status_.ToString();
  const auto value = nlohmann::json::parse(*message->value);
  EXPECT_EQ(value["data"][0].size(), 1u) << "the handle key only";
  const auto kept = nlohmann::json::parse(Read(value["_tidb"]["claimCheckLocation"]));
  EXPECT_TRUE(kept["key"].is_null());
  const auto whole = nlohmann::json::parse(FromBase64(kept["value"].get<std::string>()).value());
  EXPECT_EQ(whole["data"][0]["v"], text_);
  EXPECT_FALSE(whole["_tidb"].contains("claimCheckLocation"));
}

TEST_F(LargeMessageTest, ClaimCheckCanKeepTheValueAlone) {
  options_.protocol = Protocol::kSimple;
  options_.claim_check_raw_value = true;
  UseStore();
  const auto message = Encode();
  ASSERT_TRUE(message) << status_.ToString();
  const auto value = nlohmann::json::parse(*message->value);
  EXPECT_EQ(value["handleKeyOnly"], true);
  EXPECT_EQ(nlohmann::json::parse(Read(value["claimCheckLocation"]))["data"]["v"], text_);
}

TEST_F(LargeMessageTest, OpenProtocolNamesThePlaceInTheKey) {
  options_.protocol = Protocol::kOpen;
  UseStore();
  const auto message = Encode();
  ASSERT_TRUE(message) << status_.ToString();
  const auto key = nlohmann::json::parse(message->key->substr(16));
  EXPECT_EQ(key["ohk"], false);
  const auto kept = nlohmann::json::parse(Read(key["ccl"]));
  EXPECT_EQ(FromBase64(kept["key"].get<std::string>()).value().substr(0, 8),
            std::string("\0\0\0\0\0\0\0\1", 8));
  EXPECT_NE(FromBase64(kept["value"].get<std::string>()).value().find(text_), std::string::npos);
}

TEST_F(LargeMessageTest, AStoreThatFailsFailsTheRow) {
  options_.protocol = Protocol::kSimple;
  UseStore();
  std::filesystem::remove_all(directory_);
  EXPECT_FALSE(Encode());
  EXPECT_EQ(status_.code(), Code::kClaimCheck);
}

TEST_F(LargeMessageTest, OnlyFilesCanBeAStoreYet) {
  EXPECT_EQ(ClaimCheckStore::Open("s3://bucket/prefix").error().code(), Code::kNotSupported);
  EXPECT_EQ(ClaimCheckStore::Open("file://relative").error().code(), Code::kSinkConfig);
  EXPECT_EQ(ClaimCheckStore::Open("").error().code(), Code::kSinkConfig);
}

TEST_F(LargeMessageTest, ACompressedMessageMayFit) {
  options_.protocol = Protocol::kCanalJson;
  options_.compression = MessageCompression::kSnappy;
  const auto message = Encode();
  ASSERT_TRUE(message) << status_.ToString();
  std::string plain;
  ASSERT_TRUE(snappy::Uncompress(message->value->data(), message->value->size(), &plain));
  EXPECT_NE(plain.find(text_), std::string::npos);
}

TEST(MessageCompression, WritesWhatTheLibrariesRead) {
  const std::string text(5000, 'y');
  const std::string zstd = CompressMessage(MessageCompression::kZstd, text).value();
  std::string plain(text.size(), '\0');
  EXPECT_EQ(ZSTD_decompress(plain.data(), plain.size(), zstd.data(), zstd.size()), text.size());
  EXPECT_EQ(plain, text);

  const std::string lz4 = CompressMessage(MessageCompression::kLz4, text).value();
  plain.assign(text.size(), '\0');
  LZ4F_dctx* context = nullptr;
  ASSERT_EQ(LZ4F_createDecompressionContext(&context, LZ4F_VERSION), 0u);
  size_t plain_size = plain.size();
  size_t packed_size = lz4.size();
  EXPECT_EQ(LZ4F_decompress(context, plain.data(), &plain_size, lz4.data(), &packed_size, nullptr),
            0u);
  LZ4F_freeDecompressionContext(context);
  EXPECT_EQ(plain, text);
  EXPECT_EQ(CompressMessage(MessageCompression::kNone, text).value(), text);
  EXPECT_EQ(MessageCompressionFromName("lz4").value(), MessageCompression::kLz4);
  EXPECT_FALSE(MessageCompressionFromName("brotli"));
}

}  // namespace
}  // namespace cdc
