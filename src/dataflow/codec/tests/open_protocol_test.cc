#include "dataflow/codec/open_protocol.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

using Items = std::vector<std::string>;

// The (length, bytes) items of a message's key or value.
Items Unframe(std::string_view bytes, bool versioned) {
  if (versioned) {
    EXPECT_EQ(LoadBigEndian64(bytes.data()), 1u);
    bytes.remove_prefix(8);
  }
  Items items;
  while (!bytes.empty()) {
    const uint64_t length = LoadBigEndian64(bytes.data());
    items.emplace_back(bytes.substr(8, length));
    bytes.remove_prefix(8 + length);
  }
  return items;
}

class OpenProtocolTest : public testing::Test {
 protected:
  OpenProtocolTest()
      : table_(MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey | column_flag::kBinary},
                          {"v", MysqlType::kVarchar}})),
        insert_(table_, {}, {Datum::Int(1), Text("a\"b")}),
        update_(table_, {Datum::Int(1), Text("old")}, {Datum::Int(1), Datum()}),
        remove_(table_, {Datum::Int(1), Text("old")}, {}) {}

  std::vector<Message> Encode(std::vector<const RowChange*> rows) {
    OpenProtocolEncoder encoder(options_);
    std::vector<Message> messages;
    status_ = encoder.EncodeRows(rows, &messages);
    return messages;
  }
  Items Values(std::vector<const RowChange*> rows) {
    const std::vector<Message> messages = Encode(std::move(rows));
    return messages.size() == 1 ? Unframe(*messages[0].value, false) : Items{};
  }

  CodecOptions options_;
  Status status_;
  std::shared_ptr<TableInfo> table_;
  TestRow insert_;
  TestRow update_;
  TestRow remove_;
};

TEST_F(OpenProtocolTest, WritesKeysAndTypedColumns) {
  const std::vector<Message> messages = Encode({&insert_});
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].rows, 1u);
  EXPECT_EQ(Unframe(*messages[0].key, true),
            Items{R"({"ts":26214400,"scm":"test","tbl":"t","t":1})"});
  EXPECT_EQ(Unframe(*messages[0].value, false),
            Items{R"({"u":{"id":{"t":3,"h":true,"f":11,"v":1},"v":{"t":15,"f":64,"v":"a\"b"}}})"});
}

TEST_F(OpenProtocolTest, WritesTheRowBeforeAnUpdate) {
  const std::string id = R"("id":{"t":3,"h":true,"f":11,"v":1})";
  const std::string after = R"({"u":{)" + id + R"(,"v":{"t":15,"f":64,"v":null}})";
  EXPECT_EQ(Values({&update_}),
            Items{after + R"(,"p":{)" + id + R"(,"v":{"t":15,"f":64,"v":"old"}}})"});
  options_.only_output_updated_columns = true;
  EXPECT_EQ(Values({&update_}), Items{after + R"(,"p":{"v":{"t":15,"f":64,"v":"old"}}})"});
  options_.open_output_old_value = false;
  EXPECT_EQ(Values({&update_}), Items{after + "}"});
}

TEST_F(OpenProtocolTest, CanReduceDeletesToTheKey) {
  options_.delete_only_output_handle_key_columns = true;
  EXPECT_EQ(Values({&remove_}), Items{R"({"d":{"id":{"t":3,"h":true,"f":11,"v":1}}})"});
}

TEST_F(OpenProtocolTest, LeavesOutColumnsThatAreNotSelected) {
  options_.selects_column = [](const TableInfo&, const ColumnInfo& column) {
    return column.name == "id";
  };
  EXPECT_EQ(Values({&insert_}), Items{R"({"u":{"id":{"t":3,"h":true,"f":11,"v":1}}})"});
}

TEST_F(OpenProtocolTest, BatchesUpToRowsAndBytes) {
  options_.max_batch_rows = 2;
  std::vector<Message> messages = Encode({&insert_, &update_, &remove_});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].rows, 2u);
  EXPECT_EQ(Unframe(*messages[0].key, true).size(), 2u);
  EXPECT_EQ(Unframe(*messages[1].value, false).size(), 1u);

  options_.max_batch_rows = 16;
  options_.max_batch_bytes = messages[0].Size() - 1;
  messages = Encode({&insert_, &update_});
  EXPECT_EQ(messages.size(), 2u);
}

TEST_F(OpenProtocolTest, RefusesOrReducesARowThatIsTooLarge) {
  const std::string text(1000, 'x');
  const TestRow large(table_, {}, {Datum::Int(1), Text(text)});
  options_.max_message_bytes = 400;
  EXPECT_TRUE(Encode({&large}).empty());
  EXPECT_EQ(status_.code(), Code::kMessageTooLarge);
  EXPECT_NE(status_.message().find("test.t"), std::string::npos);

  options_.large_message = LargeMessage::kHandleKeyOnly;
  const std::vector<Message> messages = Encode({&large});
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(Unframe(*messages[0].key, true),
            Items{R"({"ts":26214400,"scm":"test","tbl":"t","t":1,"ohk":true})"});
  EXPECT_EQ(Unframe(*messages[0].value, false),
            Items{R"({"u":{"id":{"t":3,"h":true,"f":11,"v":1}}})"});
}

TEST_F(OpenProtocolTest, WritesSchemaChangesAndWatermarks) {
  OpenProtocolEncoder encoder(options_);
  std::vector<Message> messages;
  DdlEvent ddl{.type = DdlType::kCreateTable,
               .commit_ts = Ts(12),
               .query = "create table `t` (a \"x\")",
               .schema = "test",
               .table = "t"};
  ASSERT_TRUE(encoder.EncodeDdl(ddl, &messages).ok());
  ASSERT_TRUE(encoder.EncodeWatermark(Ts(13), &messages).ok());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(Unframe(*messages[0].key, true), Items{R"({"ts":12,"scm":"test","tbl":"t","t":2})"});
  EXPECT_EQ(Unframe(*messages[0].value, false),
            Items{R"json({"q":"create table `t` (a \"x\")","t":3})json"});
  EXPECT_EQ(Unframe(*messages[1].key, true), Items{R"({"ts":13,"t":3})"});
  EXPECT_EQ(Unframe(*messages[1].value, false), Items{""});
}

TEST_F(OpenProtocolTest, FollowsTheTablesVersions) {
  auto later = MakeTable(
      {{"id", MysqlType::kLong, kTestPrimaryKey | column_flag::kBinary}, {"w", MysqlType::kLong}});
  later->version = Ts(101);
  const TestRow row(later, {}, {Datum::Int(1), Datum::Int(2)});
  const Items values = Values({&insert_, &row, &insert_});
  ASSERT_EQ(values.size(), 3u);
  EXPECT_NE(values[1].find("\"w\""), std::string::npos);
  EXPECT_EQ(values[0], values[2]);
}

}  // namespace
}  // namespace cdc
