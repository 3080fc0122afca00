#include "dataflow/codec/simple_json.h"

#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

class SimpleJsonTest : public testing::Test {
 protected:
  SimpleJsonTest()
      : table_(MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11},
                          {"ts", MysqlType::kTimestamp, 0, 19, 0},
                          {"b", MysqlType::kBlob, column_flag::kBinary, 65535, 0}})),
        update_(table_, {Datum::Int(1), Datum(), Text("a")},
                {Datum::Int(1), Datum::Time(PackTime({2024, 2, 29, 1, 2, 3})), Text("\xff")}),
        remove_(table_, {Datum::Int(1), Datum(), Text("a")}, {}) {
    table_->version = Ts(77);
    options_.protocol = Protocol::kSimple;
    options_.time_zone = "Asia/Shanghai";
    options_.clock = &clock_;
  }

  std::string Encode(const RowChange& row) {
    SimpleJsonEncoder encoder(options_);
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    status_ = encoder.EncodeRows(rows, &messages);
    return messages.size() == 1 ? *messages[0].value : "";
  }

  StandingClock clock_;
  CodecOptions options_;
  Status status_;
  std::shared_ptr<TableInfo> table_;
  TestRow update_;
  TestRow remove_;
};

TEST_F(SimpleJsonTest, WritesRowsWithTheVersionOfTheirSchema) {
  EXPECT_EQ(Encode(update_),
            R"({"version":1,"database":"test","table":"t","tableID":7,"type":"UPDATE",)"
            R"("commitTs":26214400,"buildTs":5000,"schemaVersion":77,"data":{"id":"1",)"
            R"("ts":{"location":"Asia/Shanghai","value":"2024-02-29 01:02:03"},"b":"/w=="},)"
            R"("old":{"id":"1","ts":null,"b":"YQ=="}})");
}

TEST_F(SimpleJsonTest, CanReduceDeletesToTheKey) {
  options_.delete_only_output_handle_key_columns = true;
  EXPECT_TRUE(Encode(remove_).ends_with(R"("schemaVersion":77,"old":{"id":"1"}})"));
}

TEST_F(SimpleJsonTest, ReducesARowThatIsTooLargeAndSaysSo) {
  options_.max_message_bytes = 240;
  EXPECT_EQ(Encode(update_), "");
  EXPECT_EQ(status_.code(), Code::kMessageTooLarge);
  options_.large_message = LargeMessage::kHandleKeyOnly;
  EXPECT_TRUE(
      Encode(update_).ends_with(R"("handleKeyOnly":true,"data":{"id":"1"},"old":{"id":"1"}})"));
}

TEST_F(SimpleJsonTest, DescribesTables) {
  SimpleJsonEncoder encoder(options_);
  std::vector<Message> messages;
  ASSERT_TRUE(encoder.EncodeBootstrap(*table_, &messages).ok());
  EXPECT_EQ(
      *messages[0].value,
      R"({"version":1,"type":"BOOTSTRAP","commitTs":0,"buildTs":5000,"tableSchema":{)"
      R"("schema":"test","table":"t","tableID":7,"version":77,"columns":[)"
      R"({"name":"id","dataType":{"mysqlType":"int","charset":"utf8mb4","collate":"",)"
      R"("length":11,"decimal":-1},"nullable":false,"default":null},)"
      R"({"name":"ts","dataType":{"mysqlType":"timestamp","charset":"utf8mb4","collate":"",)"
      R"("length":19},"nullable":true,"default":null},)"
      R"({"name":"b","dataType":{"mysqlType":"blob","charset":"binary","collate":"",)"
      R"("length":65535},"nullable":true,"default":null}],"indexes":[)"
      R"({"name":"primary","unique":true,"primary":true,"nullable":false,"columns":["id"]}]}})");
}

TEST_F(SimpleJsonTest, WritesSchemaChangesWithTheSchemaAfterThem) {
  SimpleJsonEncoder encoder(options_);
  std::vector<Message> messages;
  DdlEvent ddl{.type = DdlType::kAddColumn,
               .commit_ts = Ts(12),
               .query = "ALTER",
               .schema = "test",
               .table = "t"};
  ddl.tables = {{table_, table_}};
  ASSERT_TRUE(encoder.EncodeDdl(ddl, &messages).ok());
  ASSERT_TRUE(encoder.EncodeWatermark(Ts(13), &messages).ok());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_TRUE(messages[0].value->starts_with(
      R"({"version":1,"type":"ALTER","sql":"ALTER","commitTs":12,"buildTs":5000,"tableSchema":{)"));
  EXPECT_EQ(*messages[1].value, R"({"version":1,"type":"WATERMARK","commitTs":13,"buildTs":5000})");
}

TEST(SimpleJson, CarriesARowsChecksumWhereThereIsOne) {
  StandingClock clock;
  CodecOptions options;
  options.protocol = Protocol::kSimple;
  options.clock = &clock;
  options.row_checksum = true;
  const auto table = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11}});
  TestRow row(table, {Datum::Int(1)}, {Datum::Int(2)});
  const RowChange* rows[] = {&row};
  SimpleJsonEncoder encoder(options);
  std::vector<Message> messages;
  ASSERT_TRUE(encoder.EncodeRows(rows, &messages).ok());
  EXPECT_EQ(messages[0].value->find("checksum"), std::string::npos);
  row.checksum = {.before = 3, .after = 4000000000, .version = 1};
  ASSERT_TRUE(encoder.EncodeRows(rows, &messages).ok());
  EXPECT_NE(messages[1].value->find(R"(,"schemaVersion":0,"checksum":{"version":1,)"
                                    R"("corrupted":false,"current":4000000000,"previous":3},)"
                                    R"("data":)"),
            std::string::npos)
      << *messages[1].value;
}

}  // namespace
}  // namespace cdc
