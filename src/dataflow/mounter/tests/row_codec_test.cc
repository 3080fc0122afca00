#include "dataflow/mounter/row_codec.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/mounter/tests/row_builder.h"
#include "model/decimal.h"
#include "model/packed_time.h"
#include "model/value_text.h"

namespace cdc {
namespace {

using enum MysqlType;
constexpr uint64_t kNotNull = column_flag::kNotNull;
constexpr uint64_t kPriKey = column_flag::kPriKey | kNotNull;
constexpr TableId kTable{9};

// Decodes one row to "1|two|NULL".
class Decoder {
 public:
  explicit Decoder(std::shared_ptr<TableInfo> table, const std::string& zone = "UTC")
      : table_(std::move(table)) {
    table_->Finish();
    decoder_.emplace(*table_, *TimeZone::Load(zone));
  }

  std::string Decode(const std::string& value, const std::string& key = RecordKeyOf(kTable, 1)) {
    RecordKey record;
    EXPECT_EQ(ParseTableKey(key, &record), KeyKind::kRecord);
    std::vector<Datum> values(table_->columns.size());
    const Status status = decoder_->Decode(value, record, &arena_, values.data());
    if (!status.ok()) return status.ToString();
    std::string text;
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text += '|';
      if (values[i].is_null()) text += "NULL";
      AppendText(values[i], table_->columns[i]->type, &text);
    }
    return text;
  }

 private:
  std::shared_ptr<TableInfo> table_;
  std::optional<RowDecoder> decoder_;
  std::pmr::monotonic_buffer_resource arena_;
};

std::string CommonHandleKey(const std::string& handle) {
  std::string key = RecordKeyOf(kTable, 0);
  key.resize(11);
  return key + handle + std::string(handle.size() < 9 ? 9 - handle.size() : 0, '\0');
}

std::string HandleBytes(std::string_view bytes) {
  std::string encoded = "\x01";
  AppendComparableBytes(bytes, &encoded);
  return encoded;
}

// A table clustered by its columns with the primary key's flag.
std::shared_ptr<TableInfo> Clustered(std::vector<ColumnInfo> columns) {
  auto table = MakeTable(kTable, std::move(columns));
  table->pk_is_handle = false;
  table->is_common_handle = true;
  IndexInfo primary{.id = 1, .name = "PRIMARY", .unique = true, .primary = true};
  for (size_t i = 0; i < table->all_columns.size(); ++i)
    if (table->all_columns[i].type.flags & column_flag::kPriKey)
      primary.columns.push_back(
          {.name = table->all_columns[i].name, .offset = static_cast<int>(i)});
  table->indexes.push_back(primary);
  return table;
}

TEST(RowCodec, DecodesEveryTypeOfFormat2) {
  auto table = MakeTable(
      kTable,
      {MakeColumn(1, "id", kLonglong, kPriKey), MakeColumn(2, "i", kLong),
       MakeColumn(3, "u", kLonglong, column_flag::kUnsigned), MakeColumn(4, "f", kFloat),
       MakeColumn(5, "d", kDouble), MakeColumn(6, "s", kVarchar), MakeColumn(7, "dec", kNewDecimal),
       MakeColumn(8, "dt", kDatetime), MakeColumn(9, "dur", kDuration), MakeColumn(10, "e", kEnum),
       MakeColumn(11, "set", kSet), MakeColumn(12, "b", kBit), MakeColumn(13, "j", kJson),
       MakeColumn(14, "v", kVector), MakeColumn(15, "y", kYear), MakeColumn(16, "n", kLong)});
  table->all_columns[9].type.elems = table->all_columns[10].type.elems = {"a", "b"};
  Decoder decoder(table);
  const std::vector<StoredColumn> row = {{2, IntBytes(-70000)},
                                         {3, UintBytes(UINT64_MAX)},
                                         {4, DoubleBytes(0.1F)},
                                         {5, DoubleBytes(-0.1)},
                                         {6, "text"},
                                         {7, *DecimalFromText("-1.50", 10, 2)},
                                         {8, UintBytes(PackTime({2024, 2, 29, 1, 2, 3, 0}))},
                                         {9, IntBytes(-1'000'000'000)},
                                         {10, UintBytes(2)},
                                         {11, UintBytes(3)},
                                         {12, UintBytes(513)},
                                         {13, "\x04\x01"},
                                         {14, RawBytes(1) + RawBytes(1.5F)},
                                         {15, IntBytes(1999)},
                                         {16, std::nullopt}};
  constexpr auto kExpected =
      "1|-70000|18446744073709551615|0.1|-0.1|text|-1.50|2024-02-29 01:02:03|-00:00:01|b|a,b|513|"
      "true|[1.5]|1999|NULL";
  EXPECT_EQ(decoder.Decode(RowV2Bytes(row)), kExpected);
  EXPECT_EQ(decoder.Decode(RowV2Bytes(row, /*large=*/true)), kExpected);
}

TEST(RowCodec, DecodesFormat1) {
  Decoder decoder(
      MakeTable(kTable, {MakeColumn(1, "id", kLong, kPriKey), MakeColumn(2, "s", kVarchar),
                         MakeColumn(300, "t", kDatetime), MakeColumn(301, "n", kLong)}));
  // 2: "abc", 300: packed time, 7: a dropped column, 301: NULL.
  const std::string time = UintBytes(PackTime({1970, 1, 1}));
  std::string uvarint;
  for (uint64_t v = PackTime({1970, 1, 1}); v != 0; v >>= 7)
    uvarint.push_back(static_cast<char>((v & 0x7f) | (v >> 7 ? 0x80 : 0)));
  const std::string row = *FromHex(
                              "0804"
                              "0206616263"
                              "08d804"
                              "09") +
                          uvarint +
                          *FromHex(
                              "080e"
                              "0801"
                              "08da04"
                              "00");
  EXPECT_EQ(decoder.Decode(row), "1|abc|1970-01-01 00:00:00|NULL");
  EXPECT_EQ(decoder.Decode(std::string(1, '\0')), "1|NULL|NULL|NULL");  // no columns at all
  EXPECT_TRUE(decoder.Decode(row.substr(0, 4)).starts_with("[CDC:ErrDecodeRowToDatum]"));
}

TEST(RowCodec, MissingColumnsHaveTheirOriginDefaultNullOrZero) {
  std::vector<ColumnInfo> columns = {
      MakeColumn(1, "id", kLong, kPriKey),     MakeColumn(2, "null", kLong),
      MakeColumn(3, "zero", kLong, kNotNull),  MakeColumn(4, "added", kLong, kNotNull),
      MakeColumn(5, "enum", kEnum, kNotNull),  MakeColumn(6, "date", kDate, kNotNull),
      MakeColumn(7, "bin", kString, kNotNull), MakeColumn(8, "dec", kNewDecimal, kNotNull)};
  columns[3].origin_default = Datum::Int(7);
  columns[4].type.elems = {"first", "second"};
  columns[6].type.charset = "binary";
  columns[6].type.length = 3;
  columns[7].type.length = 5;
  columns[7].type.decimal = 2;
  Decoder decoder(MakeTable(kTable, columns));
  EXPECT_EQ(decoder.Decode(RowV2Bytes({})),
            std::string("1|NULL|0|7|first|0000-00-00|\0\0\0|0.00", 36));
  // NULL in the row is NULL, not the default.
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{4, std::nullopt}})).substr(0, 13), "1|NULL|0|NULL");
}

TEST(RowCodec, ColumnsThatAreNotReplicatedAreSkipped) {
  std::vector<ColumnInfo> columns = {MakeColumn(1, "a", kLong), MakeColumn(2, "adding", kLong),
                                     MakeColumn(3, "virtual", kLong), MakeColumn(5, "b", kLong)};
  columns[1].state = SchemaState::kWriteOnly;
  columns[2].generated_expr = "a + 1";
  Decoder decoder(MakeTable(kTable, columns));
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{1, IntBytes(1)},
                                       {2, IntBytes(2)},
                                       {3, IntBytes(3)},
                                       {4, "dropped"},
                                       {5, IntBytes(5)}})),
            "1|5");
}

TEST(RowCodec, UnsignedHandlesUseAllBits) {
  Decoder decoder(
      MakeTable(kTable, {MakeColumn(1, "id", kLonglong, kPriKey | column_flag::kUnsigned)}));
  EXPECT_EQ(decoder.Decode(RowV2Bytes({}), RecordKeyOf(kTable, -1)), "18446744073709551615");
}

TEST(RowCodec, HandleColumnsComeFromTheKeyUnlessTheRowHasThem) {
  auto columns = std::vector<ColumnInfo>{
      MakeColumn(1, "s", kVarchar, kPriKey), MakeColumn(2, "t", kDatetime, kPriKey),
      MakeColumn(3, "dur", kDuration, kPriKey), MakeColumn(4, "dec", kNewDecimal, kPriKey),
      MakeColumn(5, "v", kLong)};
  Decoder decoder(Clustered(columns));
  std::string time = "\x04";
  AppendBigEndian64(&time, PackTime({2024, 1, 1}));
  const std::string handle = HandleBytes("a long string key") + time +
                             *FromHex("077fffffffc4653600") + "\x06" +
                             *DecimalFromText("2.5", 2, 1);
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{5, IntBytes(1)}}), CommonHandleKey(handle)),
            "a long string key|2024-01-01 00:00:00|-00:00:01|2.5|1");
  // A prefix or a sort key in the key: the row restores the full value.
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{1, "A Long String Key"}, {5, IntBytes(1)}}),
                           CommonHandleKey(handle)),
            "A Long String Key|2024-01-01 00:00:00|-00:00:01|2.5|1");
  EXPECT_TRUE(decoder.Decode(RowV2Bytes({}), CommonHandleKey("\x01garbage!"))
                  .starts_with("[CDC:ErrDecodeRowToDatum]db.t: column s"));
}

TEST(RowCodec, TimestampsAreShownInTheZone) {
  std::vector<ColumnInfo> columns = {MakeColumn(1, "a", kTimestamp), MakeColumn(2, "b", kTimestamp),
                                     MakeColumn(3, "c", kDatetime), MakeColumn(4, "d", kTimestamp)};
  columns[1].origin_default = Datum::Time(PackTime({2020, 6, 1, 0, 0, 0, 0}));
  Decoder decoder(MakeTable(kTable, columns), "America/New_York");
  const std::string utc = UintBytes(PackTime({2024, 1, 1, 3, 4, 5, 0}));
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{1, utc}, {3, utc}, {4, UintBytes(0)}})),
            "2023-12-31 22:04:05|2020-05-31 20:00:00|2024-01-01 03:04:05|0000-00-00 00:00:00");
}

TEST(RowCodec, AnEnumBeyondItsElementsIsTheErrorValue) {
  std::vector<ColumnInfo> columns = {MakeColumn(1, "e", kEnum)};
  columns[0].type.elems = {"x"};
  Decoder decoder(MakeTable(kTable, columns));
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{1, UintBytes(2)}})), "");
}

TEST(RowCodec, BrokenRowsAreErrors) {
  Decoder decoder(MakeTable(kTable, {MakeColumn(1, "a", kLong), MakeColumn(2, "s", kVarchar)}));
  const std::string row = RowV2Bytes({{1, IntBytes(300)}, {2, "text"}});
  ASSERT_EQ(decoder.Decode(row), "300|text");
  for (size_t size = 1; size < row.size(); ++size)
    EXPECT_TRUE(decoder.Decode(row.substr(0, size)).starts_with("[CDC:ErrDecodeRowToDatum]"));
  EXPECT_EQ(decoder.Decode(RowV2Bytes({{1, "abc"}})),
            "[CDC:ErrDecodeRowToDatum]db.t: column a: no value of its type: 616263");
  std::string unordered = row;
  std::swap(unordered[8], unordered[10]);
  EXPECT_EQ(decoder.Decode(unordered).substr(0, 25), "[CDC:ErrDecodeRowToDatum]");
}

TEST(RowCodec, ChecksumsAreFoundBehindTheValues) {
  std::string bytes = RowV2Bytes({{1, "abc"}});
  bytes[1] = 2;
  const std::string checked = bytes + "\x0a";  // version 2, with a second checksum
  const std::string with = checked + *FromHex("0403020108070605");
  RowV2 row;
  ASSERT_TRUE(ParseRowV2(with, &row));
  EXPECT_TRUE(row.has_checksum);
  EXPECT_EQ(row.checksum_version, 2);
  EXPECT_EQ(row.checksum, 0x01020304u);
  EXPECT_EQ(row.extra_checksum, 0x05060708u);
  EXPECT_EQ(row.checked, checked);
  EXPECT_EQ(row.values, "abc");
  EXPECT_FALSE(ParseRowV2(std::string_view(with).substr(0, with.size() - 5), &row));
}

TEST(TimeZone, FollowsItsChanges) {
  const auto convert = [](const std::string& name, CivilTime utc) {
    TimeZone zone = *TimeZone::Load(name);
    std::string text;
    AppendTime(Datum::Time(zone.FromUtc(PackTime(utc))), kDatetime, 6, &text);
    return text;
  };
  EXPECT_EQ(convert("UTC", {2024, 5, 6, 7, 8, 9, 10}), "2024-05-06 07:08:09.000010");
  EXPECT_EQ(convert("Asia/Shanghai", {2024, 12, 31, 16, 0, 0, 0}), "2025-01-01 00:00:00.000000");
  EXPECT_EQ(convert("Asia/Kolkata", {2024, 2, 28, 18, 30, 0, 1}), "2024-02-29 00:00:00.000001");
  EXPECT_EQ(convert("+08:00", {1970, 1, 1, 0, 0, 1, 0}), "1970-01-01 08:00:01.000000");
  EXPECT_EQ(convert("-03:30", {1970, 1, 1, 0, 0, 1, 0}), "1969-12-31 20:30:01.000000");
  EXPECT_EQ(convert("Asia/Tokyo", {2038, 1, 19, 3, 14, 7, 0}), "2038-01-19 12:14:07.000000");
  // Around both changes of a summer: 2024-03-31 and 2024-10-27, 01:00 UTC.
  EXPECT_EQ(convert("Europe/Berlin", {2024, 3, 31, 0, 59, 59, 0}), "2024-03-31 01:59:59.000000");
  EXPECT_EQ(convert("Europe/Berlin", {2024, 3, 31, 1, 0, 0, 0}), "2024-03-31 03:00:00.000000");
  EXPECT_EQ(convert("Europe/Berlin", {2024, 10, 27, 0, 59, 59, 0}), "2024-10-27 02:59:59.000000");
  EXPECT_EQ(convert("Europe/Berlin", {2024, 10, 27, 1, 0, 0, 0}), "2024-10-27 02:00:00.000000");
}

TEST(TimeZone, TheRememberedEraGivesTheSameAnswers) {
  for (const char* name : {"America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}) {
    TimeZone cached = *TimeZone::Load(name);
    for (int minute = 0; minute < 60 * 24 * 366; minute += 7) {
      CivilTime utc = CivilFromDays(19723 + minute / 1440);  // from 2024-01-01 on
      utc.hour = minute / 60 % 24;
      utc.minute = minute % 60;
      TimeZone fresh = *TimeZone::Load(name);
      ASSERT_EQ(cached.FromUtc(PackTime(utc)), fresh.FromUtc(PackTime(utc))) << name << minute;
    }
  }
}

TEST(TimeZone, UnknownNamesAreRefused) {
  for (const char* name : {"Mars/Olympus", "+8", "+99:00"})
    EXPECT_EQ(TimeZone::Load(name).error().code(), Code::kLoadTimezone);
  EXPECT_TRUE(TimeZone::Load(""));
  EXPECT_TRUE(TimeZone::Load("SYSTEM"));
}

}  // namespace
}  // namespace cdc
