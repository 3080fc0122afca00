#include "dataflow/codec/canal_json.h"

#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

class CanalJsonTest : public testing::Test {
 protected:
  CanalJsonTest()
      : table_(MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11},
                          {"u", MysqlType::kTiny, column_flag::kUnsigned, 3},
                          {"b", MysqlType::kVarchar, column_flag::kBinary, 10}})),
        insert_(table_, {}, {Datum::Int(1), Datum::Uint(200), Text("\xff")}),
        update_(table_, {Datum::Int(1), Datum::Uint(2), Text("a")},
                {Datum::Int(1), Datum::Uint(2), Datum()}),
        remove_(table_, {Datum::Int(1), Datum::Uint(2), Text("a")}, {}) {
    options_.protocol = Protocol::kCanalJson;
    options_.clock = &clock_;
  }

  std::string Encode(const RowChange& row) {
    CanalJsonEncoder encoder(options_);
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    status_ = encoder.EncodeRows(rows, &messages);
    return messages.size() == 1 ? *messages[0].value : "";
  }

  StandingClock clock_;
  CodecOptions options_;
  Status status_;
  std::shared_ptr<TableInfo> table_;
  TestRow insert_;
  TestRow update_;
  TestRow remove_;
};

TEST_F(CanalJsonTest, WritesValuesAsTextWithBothKindsOfTypes) {
  EXPECT_EQ(Encode(insert_),
            R"({"id":0,"database":"test","table":"t","pkNames":["id"],"isDdl":false,)"
            R"("type":"INSERT","es":100,"ts":5000,"sql":"","sqlType":{"id":4,"u":5,"b":2004},)"
            R"("mysqlType":{"id":"int","u":"tinyint unsigned","b":"varbinary"},"old":null,)"
            R"("data":[{"id":"1","u":"200","b":"ÿ"}]})");
}

TEST_F(CanalJsonTest, AddsTheCommitTsWithTheExtension) {
  options_.enable_tidb_extension = true;
  EXPECT_TRUE(Encode(remove_).ends_with(
      R"("old":null,"data":[{"id":"1","u":"2","b":"a"}],"_tidb":{"commitTs":26214400}})"));
}

TEST_F(CanalJsonTest, WritesFullTypesAndChangedColumnsWhenContentCompatible) {
  options_.content_compatible = true;
  const std::string text = Encode(update_);
  constexpr std::string_view kTypes =
      R"json("mysqlType":{"id":"int(11)","u":"tinyint(3) unsigned","b":"varbinary(10)"})json";
  EXPECT_NE(text.find(kTypes), std::string::npos);
  EXPECT_TRUE(text.ends_with(R"("old":[{"b":"a"}],"data":[{"id":"1","u":"2","b":null}]})"));
}

TEST_F(CanalJsonTest, CanReduceDeletesToTheKey) {
  options_.delete_only_output_handle_key_columns = true;
  EXPECT_TRUE(Encode(remove_).ends_with(
      R"("sqlType":{"id":4},"mysqlType":{"id":"int"},"old":null,"data":[{"id":"1"}]})"));
}

TEST_F(CanalJsonTest, ReducesARowThatIsTooLargeAndSaysSo) {
  const std::string text(1000, 'x');
  const TestRow large(table_, {}, {Datum::Int(1), Datum::Uint(1), Text(text)});
  options_.max_message_bytes = 400;
  options_.enable_tidb_extension = true;
  EXPECT_EQ(Encode(large), "");
  EXPECT_EQ(status_.code(), Code::kMessageTooLarge);
  options_.large_message = LargeMessage::kHandleKeyOnly;
  EXPECT_TRUE(Encode(large).ends_with(
      R"("data":[{"id":"1"}],"_tidb":{"commitTs":26214400,"onlyHandleKey":true}})"));
}

TEST_F(CanalJsonTest, WritesSchemaChangesAndWatermarks) {
  DdlEvent ddl{.type = DdlType::kAddIndex,
               .commit_ts = Ts::FromUnixMs(7),
               .query = "ALTER \"\"",
               .schema = "test",
               .table = "t"};
  std::vector<Message> messages;
  CanalJsonEncoder encoder(options_);
  ASSERT_TRUE(encoder.EncodeDdl(ddl, &messages).ok());
  ASSERT_TRUE(encoder.EncodeWatermark(Ts::FromUnixMs(8), &messages).ok());
  ASSERT_EQ(messages.size(), 1u) << "no watermark without the extension";
  EXPECT_EQ(messages[0].key, std::nullopt);
  EXPECT_EQ(*messages[0].value,
            R"({"id":0,"database":"test","table":"t","pkNames":null,"isDdl":true,)"
            R"("type":"CINDEX","es":7,"ts":5000,"sql":"ALTER \"\"","sqlType":null,)"
            R"("mysqlType":null,"data":null,"old":null})");

  options_.enable_tidb_extension = true;
  ASSERT_TRUE(encoder.EncodeWatermark(Ts::FromUnixMs(8), &messages).ok());
  EXPECT_TRUE(messages[1].value->ends_with(R"("_tidb":{"watermarkTs":2097152}})"));
}

}  // namespace
}  // namespace cdc
