#include "edge/consumer/message_decoder.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/codec/encoder.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

// What is sent comes back: each row through a protocol's encoder and its decoder.
class MessageDecoderTest : public testing::TestWithParam<Protocol> {
 protected:
  MessageDecoderTest() {
    options_.protocol = GetParam();
    options_.enable_tidb_extension = true;
    options_.clock = &SystemClock();
  }

  std::vector<ConsumedEvent> Decode(const std::vector<Message>& messages) {
    const auto decoder = MessageDecoder::Create(options_).value();
    std::vector<ConsumedEvent> events;
    for (const Message& message : messages) {
      const Status status = decoder->Decode(message.key, message.value, &events);
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    return events;
  }
  ConsumedRow Through(const RowChange& row) {
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    const auto encoder = EventEncoder::Create(options_).value();
    EXPECT_TRUE(encoder->EncodeRows(rows, &messages).ok());
    const auto events = Decode(messages);
    EXPECT_EQ(events.size(), 1u);
    return std::get<ConsumedRow>(events.at(0));
  }
  static std::string ValueOf(const std::vector<ConsumedColumn>& columns, const std::string& name) {
    const auto found = std::ranges::find(columns, name, &ConsumedColumn::name);
    if (found == columns.end()) return "missing";
    return found->value.kind == ConsumedValue::Kind::kNull ? "NULL" : found->value.text;
  }

  CodecOptions options_;
  std::shared_ptr<TableInfo> table_ =
      MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey | column_flag::kBinary},
                 {"v", MysqlType::kVarchar}});
};

TEST_P(MessageDecoderTest, ReadsInsertsUpdatesAndDeletes) {
  const ConsumedRow insert =
      Through(TestRow(table_, {}, {Datum::Int(-7), Text("a\"\\b\n\xc3\xa4")}));
  EXPECT_EQ(insert.schema, "test");
  EXPECT_EQ(insert.table, "t");
  EXPECT_GT(insert.commit_ts, Ts());
  EXPECT_TRUE(insert.before.empty());
  EXPECT_EQ(ValueOf(insert.after, "id"), "-7");
  EXPECT_EQ(ValueOf(insert.after, "v"), "a\"\\b\n\xc3\xa4");

  const ConsumedRow update =
      Through(TestRow(table_, {Datum::Int(1), Text("old")}, {Datum::Int(1), Datum()}));
  EXPECT_EQ(ValueOf(update.before, "v"), "old");
  EXPECT_EQ(ValueOf(update.after, "v"), "NULL");

  const ConsumedRow removed = Through(TestRow(table_, {Datum::Int(1), Text("old")}, {}));
  EXPECT_TRUE(removed.is_delete());
  EXPECT_EQ(ValueOf(removed.before, "id"), "1");
}

TEST_P(MessageDecoderTest, CompletesOldRowsThatHoldOnlyWhatChanged) {
  options_.only_output_updated_columns = true;
  const ConsumedRow update =
      Through(TestRow(table_, {Datum::Int(1), Text("old")}, {Datum::Int(1), Text("new")}));
  EXPECT_EQ(ValueOf(update.before, "id"), "1");
  EXPECT_EQ(ValueOf(update.before, "v"), "old");
}

TEST_P(MessageDecoderTest, ReadsSchemaChangesAndWatermarks) {
  DdlEvent ddl;
  ddl.type = DdlType::kAddColumn;
  ddl.commit_ts = Ts(470649366767468548);
  ddl.query = "ALTER TABLE t ADD COLUMN \"x\" INT";
  ddl.schema = "test";
  ddl.table = "t";
  ddl.tables.push_back({table_, table_});
  std::vector<Message> messages;
  const auto encoder = EventEncoder::Create(options_).value();
  ASSERT_TRUE(encoder->EncodeDdl(ddl, &messages).ok());
  ASSERT_TRUE(encoder->EncodeWatermark(Ts(470649366767468549), &messages).ok());
  const auto events = Decode(messages);
  ASSERT_EQ(events.size(), 2u);
  const auto& read = std::get<ConsumedDdl>(events[0]);
  EXPECT_EQ(read.query, ddl.query);
  EXPECT_EQ(read.schema, "test");
  EXPECT_EQ(read.commit_ts, ddl.commit_ts);
  EXPECT_EQ(TsOf(events[1]), Ts(470649366767468549));
}

TEST_P(MessageDecoderTest, RefusesWhatIsNoMessageOfTheProtocol) {
  const auto decoder = MessageDecoder::Create(options_).value();
  std::vector<ConsumedEvent> events;
  for (const char* text : {"", "x", "{}", "[]", "{\"type\":\"INSERT\"}", "{\"type\":1}"})
    EXPECT_FALSE(decoder->Decode(text, text, &events).ok()) << text;
  EXPECT_FALSE(decoder->Decode(std::nullopt, std::nullopt, &events).ok());
}

INSTANTIATE_TEST_SUITE_P(All, MessageDecoderTest,
                         testing::Values(Protocol::kOpen, Protocol::kCanalJson, Protocol::kSimple,
                                         Protocol::kDebezium));

TEST(OpenProtocolDecoder, RefusesLengthsBeyondTheEnd) {
  const auto decoder = MakeOpenProtocolDecoder();
  std::string key;
  AppendBigEndian64(&key, 1);
  AppendBigEndian64(&key, UINT64_MAX);
  std::vector<ConsumedEvent> events;
  EXPECT_EQ(decoder->Decode(key, "", &events).code(), Code::kDecode);
}

TEST(DdlTypeOfQuery, TellsStatementsByTheirWords) {
  EXPECT_EQ(DdlTypeOfQuery("/* c */ create database `a`"), DdlType::kCreateSchema);
  EXPECT_EQ(DdlTypeOfQuery("CREATE OR REPLACE VIEW v AS SELECT 1"), DdlType::kCreateView);
  EXPECT_EQ(DdlTypeOfQuery("CREATE UNIQUE INDEX i ON t (a)"), DdlType::kAddIndex);
  EXPECT_EQ(DdlTypeOfQuery("CREATE TABLE t (a INT)"), DdlType::kCreateTable);
  EXPECT_EQ(DdlTypeOfQuery("DROP TABLE IF EXISTS t"), DdlType::kDropTable);
  EXPECT_EQ(DdlTypeOfQuery("drop schema a"), DdlType::kDropSchema);
  EXPECT_EQ(DdlTypeOfQuery("RENAME TABLE a TO b"), DdlType::kRenameTable);
  EXPECT_EQ(DdlTypeOfQuery("ALTER TABLE t DROP COLUMN c"), DdlType::kMultiSchemaChange);
  EXPECT_EQ(DdlTypeOfQuery("ALTER TABLE `t` REMOVE TTL"), DdlType::kAlterTtlRemove);
  EXPECT_EQ(DdlTypeOfQuery("ALTER TABLE t TTL_ENABLE = 'OFF'"), DdlType::kAlterTtlInfo);
  EXPECT_EQ(DdlTypeOfQuery("ALTER TABLE t ADD ttl INT"), DdlType::kMultiSchemaChange);
  EXPECT_EQ(DdlTypeOfQuery("/* open"), DdlType::kNone);
}

TEST(DatabaseOfQuery, FindsTheNameOfADatabase) {
  EXPECT_EQ(DatabaseOfQuery("CREATE DATABASE a"), "a");
  EXPECT_EQ(DatabaseOfQuery("/* c */ create schema if not exists `if``x` CHARSET utf8"), "if`x");
  EXPECT_EQ(DatabaseOfQuery("DROP DATABASE IF EXISTS `d`;"), "d");
  EXPECT_EQ(DatabaseOfQuery("ALTER DATABASE\n d CHARACTER SET = utf8mb4"), "d");
  EXPECT_EQ(DatabaseOfQuery("CREATE TABLE a (b INT)"), "");
  EXPECT_EQ(DatabaseOfQuery("ALTER DATABASE CHARACTER SET utf8mb4"), "");
  EXPECT_EQ(DatabaseOfQuery("CREATE DATABASE"), "");
  EXPECT_EQ(DatabaseOfQuery("CREATE DATABASE `open"), "open");
  EXPECT_EQ(DatabaseOfQuery("/*"), "");
}

TEST(RenameOfQuery, ReadsTheRenameOfOneTable) {
  const auto rename = RenameOfQuery("RENAME TABLE `a`.`t` TO `b`.`u`");
  ASSERT_TRUE(rename);
  EXPECT_EQ(rename->schema + "." + rename->table, "a.t");
  EXPECT_EQ(rename->new_schema + "." + rename->new_table, "b.u");
  EXPECT_FALSE(RenameOfQuery("RENAME TABLE `a`.`t` TO `a`.`u`, `a`.`u` TO `a`.`t`"));
  EXPECT_FALSE(RenameOfQuery("RENAME TABLE t TO u"));
  EXPECT_FALSE(RenameOfQuery("ALTER TABLE `a`.`t` RENAME `a`.`u`"));
}

}  // namespace
}  // namespace cdc
