#include "dataflow/codec/simple_avro.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

class SimpleAvro : public testing::Test {
 protected:
  SimpleAvro() {
    options_.protocol = Protocol::kSimple;
    options_.simple_encoding = SimpleEncoding::kAvro;
    options_.clock = &clock_;
  }
  std::string Encoded(const RowChange& row) {
    SimpleAvroEncoder encoder(options_);
    std::vector<Message> messages;
    const RowChange* rows[] = {&row};
    EXPECT_TRUE(encoder.EncodeRows(rows, &messages).ok());
    return messages.size() == 1 ? ToHex(*messages[0].value) : "not one message";
  }

  StandingClock clock_;
  CodecOptions options_;
};

TEST_F(SimpleAvro, WritesARowAsTheProtocolsSchemaHasIt) {
  const auto table = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11},
                                {"u", MysqlType::kLonglong, column_flag::kUnsigned, 20},
                                {"v", MysqlType::kVarchar, 0, 10}});
  const TestRow row(table, {}, {Datum::Int(1), Datum::Uint(2), Datum()});
  EXPECT_EQ(Encoded(row),
            "16"
            "06"
            "06"  // Message: a DML
            "02"  // version
            "0874657374"
            "0274"  // test.t
            "0e"
            "00"  // its id, INSERT
            "80808019"
            "904e"  // commit ts, 5000 ms
            "00"    // schema version
            "00"
            "00"
            "00"  // no claim check, all columns, no checksum
            "02"
            "06"  // a map of three
            "046964"
            "02"
            "02"  // id: long 1
            "0275"
            "0e"
            "04"  // u: unsigned 2
            "0276"
            "00"
            "00"    // v: null; end
            "00");  // no old values
}

TEST_F(SimpleAvro, CarriesARowsChecksumWhereThereIsOne) {
  options_.row_checksum = true;
  const auto table = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11}});
  TestRow row(table, {}, {Datum::Int(1)});
  const std::string without = Encoded(row);
  row.checksum = {.before = 0, .after = 1, .version = 2, .corrupted = true};
  const std::string behind =
      "02"
      "02"
      "046964"
      "02"
      "02"
      "00"
      "00";  // the values
  ASSERT_TRUE(without.ends_with("00" + behind)) << without;
  // version, corrupted, current, previous
  EXPECT_EQ(Encoded(row), without.substr(0, without.size() - behind.size() - 2) +
                              "02"
                              "04"
                              "01"
                              "02"
                              "00" +
                              behind);
  options_.row_checksum = false;
  EXPECT_EQ(Encoded(row), without);
}

}  // namespace
}  // namespace cdc
