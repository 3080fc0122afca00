#include "dataflow/codec/simple_avro.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

TEST(SimpleAvro, WritesARowAsTheProtocolsSchemaHasIt) {
  StandingClock clock;
  CodecOptions options;
  options.protocol = Protocol::kSimple;
  options.simple_encoding = SimpleEncoding::kAvro;
  options.clock = &clock;
  const auto table = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey, 11},
                                {"u", MysqlType::kLonglong, column_flag::kUnsigned, 20},
                                {"v", MysqlType::kVarchar, 0, 10}});
  const TestRow row(table, {}, {Datum::Int(1), Datum::Uint(2), Datum()});
  SimpleAvroEncoder encoder(options);
  std::vector<Message> messages;
  const RowChange* rows[] = {&row};
  ASSERT_TRUE(encoder.EncodeRows(rows, &messages).ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(ToHex(*messages[0].value),
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

}  // namespace
}  // namespace cdc
