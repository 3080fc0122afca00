#include "dataflow/codec/avro.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/codec/avro_binary.h"
#include "dataflow/codec/schema_registry.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

std::string Decimal(std::string_view text, int scale) {
  std::string bytes;
  AppendAvroDecimal(text, scale, &bytes);
  EXPECT_EQ(static_cast<size_t>(bytes[0]) / 2, bytes.size() - 1) << "the length in front";
  return ToHex(bytes.substr(1));
}

TEST(AvroBinary, CountsADecimalsLastDigitsInTheFewestBytes) {
  EXPECT_EQ(Decimal("0", 0), "00");
  EXPECT_EQ(Decimal("1.00", 2), "64");
  EXPECT_EQ(Decimal("1", 2), "64");
  EXPECT_EQ(Decimal("127", 0), "7f");
  EXPECT_EQ(Decimal("128", 0), "0080");
  EXPECT_EQ(Decimal("-1.28", 2), "80");
  EXPECT_EQ(Decimal("-1.29", 2), "ff7f");
  EXPECT_EQ(Decimal("-256", 0), "ff00");
  EXPECT_EQ(Decimal("-0.001", 3), "ff");
  EXPECT_EQ(Decimal("18446744073709551616", 0), "010000000000000000");
  EXPECT_EQ(Decimal("-9223372036854775808", 0), "8000000000000000");
}

TEST(AvroBinary, WritesSmallNumbersShort) {
  std::string bytes;
  for (const int64_t value : {0, -1, 1, -64, 64}) AppendAvroLong(value, &bytes);
  EXPECT_EQ(ToHex(bytes), "0001027f8001");
}

// Numbers schemas from 1 and keeps them; fails when told to.
class FakeRegistry final : public SchemaRegistry {
 public:
  Result<uint32_t> Register(const std::string& subject, const std::string& schema) override {
    if (fails) return Error(Code::kSchemaRegistry, "not today");
    entries.push_back({subject, schema});
    return static_cast<uint32_t>(entries.size());
  }
  std::vector<std::pair<std::string, std::string>> entries;
  bool fails = false;
};

class AvroTest : public testing::Test {
 protected:
  AvroTest()
      : table_(MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11},
                          {"u", MysqlType::kLonglong, column_flag::kUnsigned, 20},
                          {"b", MysqlType::kBit, 0, 10}})),
        insert_(table_, {},
                {Datum::Int(1), Datum::Uint(2), Datum::Number(Datum::Kind::kBit, 0x102)}),
        remove_(table_, {Datum::Int(1), Datum(), Datum()}, {}) {
    options_.protocol = Protocol::kAvro;
    options_.schema_registry = registry_;
  }

  std::vector<Message> Encode(AvroEncoder& encoder, const RowChange& row) {
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    status_ = encoder.EncodeRows(rows, &messages);
    return messages;
  }

  std::shared_ptr<FakeRegistry> registry_ = std::make_shared<FakeRegistry>();
  CodecOptions options_;
  Status status_;
  std::shared_ptr<TableInfo> table_;
  TestRow insert_;
  TestRow remove_;
};

TEST_F(AvroTest, WritesTheSchemasNumberAndTheValues) {
  AvroEncoder encoder(options_);
  encoder.UseTopic("a.topic");
  const auto messages = Encode(encoder, insert_);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(ToHex(*messages[0].key),
            "0000000001"
            "02");
  EXPECT_EQ(ToHex(*messages[0].value),
            "0000000002"
            "02"
            "0204"
            "02040102");
  ASSERT_EQ(registry_->entries.size(), 2u);
  EXPECT_EQ(registry_->entries[0].first, "a_topic-key") << "dots mean something to consumers";
  EXPECT_EQ(registry_->entries[0].second,
            R"({"type":"record","name":"t","namespace":"default.test","fields":[{"name":"id",)"
            R"("type":{"type":"int","connect.parameters":{"tidb_type":"INT"}}}]})");
  EXPECT_EQ(registry_->entries[1].first, "a_topic-value");
  EXPECT_NE(registry_->entries[1].second.find(
                R"({"default":null,"name":"b","type":["null",{"type":"bytes",)"
                R"("connect.parameters":{"length":"10","tidb_type":"BIT"}}]})"),
            std::string::npos)
      << registry_->entries[1].second;
}

TEST_F(AvroTest, RegistersATablesSchemasOnceForEachTopic) {
  AvroEncoder encoder(options_);
  for (const char* topic : {"a", "b", "a", "b"}) {
    encoder.UseTopic(topic);
    Encode(encoder, insert_);
  }
  EXPECT_EQ(registry_->entries.size(), 4u);
}

TEST_F(AvroTest, ADeletionHasAKeyOnly) {
  AvroEncoder encoder(options_);
  const auto messages = Encode(encoder, remove_);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].value, std::nullopt);
  EXPECT_EQ(registry_->entries.size(), 1u);
}

TEST_F(AvroTest, TriesTheRegistryAgainAfterAFailure) {
  AvroEncoder encoder(options_);
  registry_->fails = true;
  EXPECT_TRUE(Encode(encoder, insert_).empty());
  EXPECT_EQ(status_.code(), Code::kSchemaRegistry);
  registry_->fails = false;
  EXPECT_EQ(Encode(encoder, insert_).size(), 1u);
}

TEST_F(AvroTest, SaysWhatChangedWithTheExtension) {
  options_.enable_tidb_extension = true;
  options_.avro_include_before_value = true;
  AvroEncoder encoder(options_);
  const auto messages = Encode(encoder, remove_);
  // id 1, two NULLs; the row before (the same), "d", the commit ts and its 100 ms.
  EXPECT_EQ(ToHex(*messages[0].value),
            "0000000002"
            "020000"
            "02020000"
            "0264"
            "80808019"
            "c801");
}

TEST_F(AvroTest, WritesUnsignedBigintsAsTextOnDemand) {
  options_.avro_unsigned_bigint = AvroUnsignedBigint::kString;
  AvroEncoder encoder(options_);
  EXPECT_EQ(ToHex(*Encode(encoder, insert_)[0].value),
            "0000000002"
            "02"
            "020232"
            "02040102");
}

TEST_F(AvroTest, SendsSchemaChangesAndWatermarksOnlyOnDemand) {
  const DdlEvent ddl{
      .type = DdlType::kAddIndex, .commit_ts = Ts(7), .query = "q", .schema = "test"};
  std::vector<Message> messages;
  AvroEncoder encoder(options_);
  ASSERT_TRUE(encoder.EncodeDdl(ddl, &messages).ok());
  ASSERT_TRUE(encoder.EncodeWatermark(Ts(8), &messages).ok());
  EXPECT_TRUE(messages.empty());
  options_.enable_tidb_extension = options_.avro_enable_watermark = true;
  ASSERT_TRUE(encoder.EncodeDdl(ddl, &messages).ok());
  ASSERT_TRUE(encoder.EncodeWatermark(Ts(8), &messages).ok());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(*messages[0].value,
            "\1"
            R"({"query":"q","type":7,"schema":"test","table":"","commitTs":7})");
  EXPECT_EQ(ToHex(*messages[1].value), "020000000000000008");
}

TEST_F(AvroTest, StaysInTheRegistrysFormatWhateverCompressionIsAskedFor) {
  AvroEncoder plain(options_);
  const auto expected = Encode(plain, insert_);
  options_.compression = MessageCompression::kLz4;
  AvroEncoder encoder(options_);
  const auto messages = Encode(encoder, insert_);
  EXPECT_EQ(messages[0].value->substr(5), expected[0].value->substr(5));
  EXPECT_EQ(messages[0].key->substr(5), expected[0].key->substr(5));
}

TEST_F(AvroTest, CarriesRowChecksumsOverColumnsInTheOrderOfTheirIds) {
  options_.enable_tidb_extension = options_.row_checksum = true;
  options_.avro_unsigned_bigint = AvroUnsignedBigint::kString;
  EXPECT_FALSE(options_.Validate().ok()) << "decimals are not exact";
  options_.avro_decimal = AvroDecimal::kString;
  EXPECT_TRUE(options_.Validate().ok()) << options_.Validate().ToString();
  auto table = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11},
                          {"u", MysqlType::kLonglong, column_flag::kUnsigned, 20}});
  std::swap(table->all_columns[0].id, table->all_columns[1].id);
  TestRow update(table, {Datum::Int(1), Datum::Uint(2)}, {Datum::Int(1), Datum::Uint(3)});
  AvroEncoder encoder(options_);
  // u "3", id 1, "u", commit ts and time; no checksum.
  const std::string head =
      "0000000002"
      "020233"
      "02"
      "0275"
      "80808019"
      "c801";
  EXPECT_EQ(ToHex(*Encode(encoder, update)[0].value), head + "000000");
  update.checksum = {.before = 7, .after = 4000000000, .version = 2, .corrupted = true};
  EXPECT_EQ(ToHex(*Encode(encoder, update)[0].value), head + "14" + ToHex("4000000000") + "0104");
  const std::string& schema = registry_->entries[1].second;
  EXPECT_NE(schema.find(R"(,{"default":"","name":"_tidb_row_level_checksum","type":"string"})"
                        R"(,{"default":false,"name":"_tidb_corrupted","type":"boolean"})"
                        R"(,{"default":0,"name":"_tidb_checksum_version","type":"int"}]})"),
            std::string::npos)
      << schema;
  EXPECT_LT(schema.find(R"("name":"u")"), schema.find(R"("name":"id")"));
}

}  // namespace
}  // namespace cdc
