#include "dataflow/codec/maxwell.h"

#include <gtest/gtest.h>

#include "dataflow/codec/canal.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

class BatchedTest : public testing::Test {
 protected:
  BatchedTest()
      : table_(MakeTable(
            {{"id", MysqlType::kLong, kTestPrimaryKey, 11}, {"v", MysqlType::kVarchar, 0, 10}})),
        insert_(table_, {}, {Datum::Int(1), Text("a")}),
        update_(table_, {Datum::Int(1), Text("a")}, {Datum::Int(1), Datum()}),
        remove_(table_, {Datum::Int(1), Datum()}, {}) {}

  CodecOptions options_;
  std::shared_ptr<TableInfo> table_;
  TestRow insert_;
  TestRow update_;
  TestRow remove_;
};

TEST_F(BatchedTest, MaxwellPutsRowsBehindEachOther) {
  options_.protocol = Protocol::kMaxwell;
  options_.max_batch_rows = 2;
  MaxwellEncoder encoder(options_);
  std::vector<Message> messages;
  const RowChange* rows[] = {&insert_, &update_, &remove_};
  ASSERT_TRUE(encoder.EncodeRows(rows, &messages).ok());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].rows, 2u);
  EXPECT_EQ(*messages[0].key, std::string("\0\0\0\0\0\0\0\1", 8));
  EXPECT_EQ(*messages[0].value,
            R"({"database":"test","table":"t","type":"insert","ts":0,"data":{"id":1,"v":"a"}})"
            R"({"database":"test","table":"t","type":"update","ts":0,"data":{"id":1,"v":null},)"
            R"("old":{"v":"a"}})");
  EXPECT_EQ(*messages[1].value,
            R"({"database":"test","table":"t","type":"delete","ts":0,"old":{"id":1,"v":null}})");
}

TEST_F(BatchedTest, CanalPacksRowsUpToTheBatchsSize) {
  options_.protocol = Protocol::kCanal;
  CanalEncoder encoder(options_);
  std::vector<Message> messages;
  const RowChange* rows[] = {&insert_, &update_, &remove_};
  ASSERT_TRUE(encoder.EncodeRows(rows, &messages).ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].rows, 3u);
  EXPECT_TRUE(messages[0].value->starts_with("\x10\x01\x18\x07\x2a")) << "version, MESSAGES, body";

  messages.clear();
  options_.max_batch_bytes = 200;
  ASSERT_TRUE(encoder.EncodeRows(rows, &messages).ok());
  EXPECT_EQ(messages.size(), 3u);
  options_.max_message_bytes = 100;
  EXPECT_EQ(encoder.EncodeRows(rows, &messages).code(), Code::kMessageTooLarge);
}

}  // namespace
}  // namespace cdc
