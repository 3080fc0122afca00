#include "dataflow/codec/csv.h"

#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

class CsvTest : public testing::Test {
 protected:
  CsvTest()
      : table_(MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey},
                          {"v", MysqlType::kVarchar},
                          {"b", MysqlType::kBlob, column_flag::kBinary},
                          {"d", MysqlType::kDouble}})),
        insert_(table_, {},
                {Datum::Int(1), Text("a\"b,\r\n\\"), Text("\xff"), Datum::Double(1e21)}),
        update_(table_, {Datum::Int(1), Text("old"), Datum(), Datum()},
                {Datum::Int(1), Datum(), Datum(), Datum::Double(0.5)}),
        remove_(table_, {Datum::Int(1), Text("old"), Datum(), Datum()}, {}) {
    options_.protocol = Protocol::kCsv;
  }

  std::vector<Message> EncodeAll(std::vector<const RowChange*> rows) {
    CsvEncoder encoder(options_);
    std::vector<Message> messages;
    EXPECT_TRUE(encoder.EncodeRows(rows, &messages).ok());
    return messages;
  }
  std::string Encode(const RowChange& row) { return *EncodeAll({&row})[0].value; }

  CodecOptions options_;
  std::shared_ptr<TableInfo> table_;
  TestRow insert_;
  TestRow update_;
  TestRow remove_;
};

TEST_F(CsvTest, QuotesTextAndLeavesNumbersBare) {
  EXPECT_EQ(Encode(insert_), "\"I\",\"t\",\"test\",1,\"a\"\"b,\r\n\\\",\"/w==\",1e+21\r\n");
  EXPECT_EQ(Encode(update_), "\"U\",\"t\",\"test\",1,\\N,\\N,0.5\r\n");
  EXPECT_EQ(Encode(remove_), "\"D\",\"t\",\"test\",1,\"old\",\\N,\\N\r\n");
}

TEST_F(CsvTest, EscapesWithoutAQuoteCharacter) {
  options_.csv.quote = "";
  options_.csv.delimiter = ",|";
  options_.csv.terminator = "\n";
  options_.csv.null_string = "NULL";
  const TestRow row(table_, {}, {Datum::Int(1), Text("a,b,|\r\n\\\""), Datum(), Datum()});
  EXPECT_EQ(Encode(row), "I,|t,|test,|1,|a,b\\,\\|\\r\\n\\\\\",|NULL,|NULL\n");
}

TEST_F(CsvTest, WritesCommitTsOldValuesAndHexIfAskedTo) {
  options_.csv.include_commit_ts = true;
  options_.csv.output_old_value = true;
  options_.csv.binary_as_hex = true;
  EXPECT_EQ(Encode(update_),
            "\"D\",\"t\",\"test\",26214400,true,1,\"old\",\\N,\\N\r\n"
            "\"I\",\"t\",\"test\",26214400,true,1,\\N,\\N,0.5\r\n");
  EXPECT_NE(Encode(insert_).find("26214400,false,"), std::string::npos);
  EXPECT_NE(Encode(insert_).find("\"ff\""), std::string::npos);
}

TEST_F(CsvTest, NamesTheFieldsOfEachTableVersion) {
  options_.csv.output_field_header = true;
  auto later = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey}});
  later->version = Ts(5);
  const TestRow row(later, {}, {Datum::Int(2)});
  const std::vector<Message> messages = EncodeAll({&insert_, &update_, &row});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].key,
            "ticdc-meta$operation,ticdc-meta$table,ticdc-meta$schema,id,v,b,d\r\n");
  EXPECT_EQ(messages[0].rows, 2u);
  EXPECT_EQ(messages[1].key, "ticdc-meta$operation,ticdc-meta$table,ticdc-meta$schema,id\r\n");
}

TEST(CsvOptions, RefusesWhatCouldNotBeReadBack) {
  const auto code = [](auto... set) {
    CsvOptions options;
    (set(options), ...);
    return options.Validate().code();
  };
  EXPECT_EQ(code(), Code::kOk);
  EXPECT_EQ(code([](auto& o) { o.quote = "''"; }), Code::kSinkConfig);
  EXPECT_EQ(code([](auto& o) { o.quote = "\n"; }), Code::kSinkConfig);
  EXPECT_EQ(code([](auto& o) { o.delimiter = ""; }), Code::kSinkConfig);
  EXPECT_EQ(code([](auto& o) { o.delimiter = "1234"; }), Code::kSinkConfig);
  EXPECT_EQ(code([](auto& o) { o.delimiter = ",\r"; }), Code::kSinkConfig);
  EXPECT_EQ(code([](auto& o) { o.delimiter = ",\""; }), Code::kSinkConfig);
}

}  // namespace
}  // namespace cdc
