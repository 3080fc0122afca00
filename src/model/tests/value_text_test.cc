#include "model/value_text.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

template <typename Fn, typename... Args>
std::string Text(Fn fn, Args... args) {
  std::string text;
  fn(args..., &text);
  return text;
}

std::string TimeText(CivilTime t, MysqlType type, int fsp) {
  return Text(AppendTime, Datum::Time(PackTime(t)), type, fsp);
}

TEST(ValueText, TimesShowTheFractionTheirTypeHas) {
  const CivilTime t{2024, 2, 29, 23, 59, 59, 123456};
  EXPECT_EQ(TimeText(t, MysqlType::kDatetime, 6), "2024-02-29 23:59:59.123456");
  EXPECT_EQ(TimeText(t, MysqlType::kTimestamp, 2), "2024-02-29 23:59:59.12");
  EXPECT_EQ(TimeText(t, MysqlType::kDatetime, 0), "2024-02-29 23:59:59");
  EXPECT_EQ(TimeText(t, MysqlType::kDatetime, -1), "2024-02-29 23:59:59");
  EXPECT_EQ(TimeText(t, MysqlType::kDate, 0), "2024-02-29");
  EXPECT_EQ(TimeText({}, MysqlType::kDate, 0), "0000-00-00");
  EXPECT_EQ(TimeText({}, MysqlType::kDatetime, 3), "0000-00-00 00:00:00.000");
  EXPECT_EQ(TimeText({9999, 12, 31, 23, 59, 59, 999999}, MysqlType::kDatetime, 6),
            "9999-12-31 23:59:59.999999");
}

TEST(ValueText, DurationsKeepTheSignBelowASecond) {
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(Text(AppendDuration, 0, 0), "00:00:00");
  EXPECT_EQ(Text(AppendDuration, -kSecond / 2, 3), "-00:00:00.500");
  EXPECT_EQ(Text(AppendDuration, (838 * 3600 + 59 * 60 + 59) * kSecond, 0), "838:59:59");
  EXPECT_EQ(Text(AppendDuration, -(838 * 3600 + 59 * 60 + 59) * kSecond, 6), "-838:59:59.000000");
  EXPECT_EQ(Text(AppendDuration, 3723 * kSecond + 999'999'000, 6), "01:02:03.999999");
}

TEST(ValueText, DecimalsRoundTrip) {
  const auto round_trip = [](std::string_view text, int precision, int frac) {
    const auto stored = DecimalFromText(text, precision, frac);
    return stored ? Text(AppendDecimal, std::string_view(*stored)) : stored.error().ToString();
  };
  EXPECT_EQ(round_trip("-12.5", 10, 3), "-12.500");
  EXPECT_EQ(round_trip("0", 1, 0), "0");
  EXPECT_EQ(round_trip("-0.00", 4, 2), "0.00");
  EXPECT_EQ(round_trip("0.000001", 6, 6), "0.000001");
  EXPECT_EQ(round_trip(".5", 2, 1), "0.5");
  EXPECT_EQ(round_trip("9.995", 5, 2), "10.00");
  EXPECT_EQ(round_trip("1.2e3", 6, 1), "1200.0");
  EXPECT_EQ(round_trip("125e-2", 6, 1), "1.3");
  const std::string nines(65, '9');
  EXPECT_EQ(round_trip(nines, 65, 0), nines);
  EXPECT_EQ(round_trip("-" + nines.substr(30) + "." + nines.substr(35), 65, 30),
            "-" + nines.substr(30) + "." + nines.substr(35));
  EXPECT_EQ(DecimalFromText("100", 2, 0).error().code(), Code::kUnmarshal);
  EXPECT_EQ(DecimalFromText("1x", 5, 0).error().code(), Code::kUnmarshal);
  EXPECT_EQ(DecimalFromText("", 5, 0).error().code(), Code::kUnmarshal);
}

TEST(ValueText, DecimalsHaveTheBinaryFormOfMySql) {
  // The example of MySQL's sources: 1234567890.1234 as DECIMAL(14,4).
  EXPECT_EQ(ToHex(*DecimalFromText("1234567890.1234", 14, 4)), "0e04810dfb38d204d2");
  EXPECT_EQ(ToHex(*DecimalFromText("-1234567890.1234", 14, 4)), "0e047ef204c72dfb2d");
  EXPECT_EQ(Text(AppendDecimal, std::string_view("\x0e\x04\x81", 3)), "");  // cut off
  EXPECT_EQ(Text(AppendDecimal, std::string_view()), "");
}

TEST(ValueText, NumbersAreShortestAndInMySqlsNotation) {
  const auto text = [](double value) { return Text(AppendDouble, value, false); };
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(-0.1), "-0.1");
  EXPECT_EQ(text(1e14), "100000000000000");
  EXPECT_EQ(text(999999999999999), "999999999999999");
  EXPECT_EQ(text(1e15), "1e15");
  EXPECT_EQ(text(1e20), "1e20");
  EXPECT_EQ(text(-1.5e-300), "-1.5e-300");
  EXPECT_EQ(text(1e-15), "0.000000000000001");
  EXPECT_EQ(text(123456.789), "123456.789");
  EXPECT_EQ(text(std::numeric_limits<double>::max()), "1.7976931348623157e308");
  EXPECT_EQ(text(std::numeric_limits<double>::denorm_min()), "5e-324");
  const auto float_text = [](float value) { return Text(AppendDouble, value, true); };
  EXPECT_EQ(float_text(0.1F), "0.1");
  EXPECT_EQ(float_text(16777216.F), "16777216");
  EXPECT_EQ(float_text(3.4e14F), "340000000000000");
  EXPECT_EQ(float_text(std::numeric_limits<float>::max()), "3.4028235e38");
}

TEST(ValueText, EnumsAndSetsShowTheirNames) {
  FieldType type{.type = MysqlType::kEnum, .elems = {"a", "b b", "c"}};
  EXPECT_EQ(Text(AppendEnum, uint64_t{2}, type), "b b");
  EXPECT_EQ(Text(AppendEnum, uint64_t{0}, type), "");
  EXPECT_EQ(Text(AppendEnum, uint64_t{4}, type), "");
  EXPECT_EQ(Text(AppendSet, uint64_t{5}, type), "a,c");
  EXPECT_EQ(Text(AppendSet, uint64_t{0}, type), "");
}

TEST(ValueText, VectorsAreLists) {
  const std::string two("\x02\0\0\0\0\0\x80\x3f\0\0\x20\xc0", 12);
  EXPECT_EQ(Text(AppendVector, std::string_view(two)), "[1,-2.5]");
  EXPECT_EQ(Text(AppendVector, std::string_view(two).substr(0, 9)), "[1]");
  EXPECT_EQ(Text(AppendVector, std::string_view("\0\0\0\0", 4)), "[]");
}

std::string JsonText(std::string_view hex) {
  return Text(AppendJson, std::string_view(*FromHex(hex)));
}

TEST(ValueText, JsonScalars) {
  EXPECT_EQ(JsonText("0400"), "null");
  EXPECT_EQ(JsonText("0401"), "true");
  EXPECT_EQ(JsonText("0402"), "false");
  EXPECT_EQ(JsonText("09ffffffffffffffff"), "-1");
  EXPECT_EQ(JsonText("0affffffffffffffff"), "18446744073709551615");
  EXPECT_EQ(JsonText("0b000000000000f03f"), "1.0");
  EXPECT_EQ(JsonText("0b9a9999999999b93f"), "0.1");
  EXPECT_EQ(JsonText("0c00"), "\"\"");
  EXPECT_EQ(JsonText("0c0461220a01"), R"("a\"\n\u0001")");
  EXPECT_EQ(JsonText("0c06e4b8ade280a8"), "\"中\\u2028\"");
  EXPECT_EQ(JsonText("0c02ff7f"), "\"\\ufffd\x7f\"");
  EXPECT_EQ(JsonText("0dfe02abcd"), "\"base64:type254:q80=\"");
}

TEST(ValueText, JsonContainersKeepTheirOrder) {
  // {"a": [1, "x"], "b": true}
  EXPECT_EQ(JsonText("01"
                     "02000000"
                     "42000000"  // count, bytes
                     "1e000000"
                     "0100"
                     "1f000000"
                     "0100"  // keys
                     "03"
                     "20000000"
                     "04"
                     "01000000"  // values
                     "61"
                     "62"
                     "02000000"
                     "1c000000"
                     "09"
                     "12000000"
                     "0c"
                     "1a000000"
                     "0100000000000000"
                     "0178"),
            R"({"a": [1, "x"], "b": true})");
}

TEST(ValueText, CorruptJsonEndsInNull) {
  EXPECT_EQ(JsonText(""), "null");
  EXPECT_EQ(JsonText("0c05aa"), "null");
  EXPECT_EQ(JsonText("0102000000"), "null");
  // An array of itself, twice, must not be followed for ever.
  EXPECT_EQ(JsonText("03020000001200000003000000000300000000"), "[null, null]");
}

TEST(ValueText, PackedTimesRoundTripAndCountDays) {
  for (const CivilTime& t : {CivilTime{}, CivilTime{1970, 1, 1}, CivilTime{2024, 2, 29, 1, 2, 3, 4},
                             CivilTime{9999, 12, 31, 23, 59, 59, 999999}})
    EXPECT_EQ(UnpackTime(PackTime(t)), t);
  EXPECT_EQ(DaysFromCivil(1970, 1, 1), 0);
  EXPECT_EQ(DaysFromCivil(2000, 3, 1), 11017);
  for (int64_t days = -800000; days < 3000000; days += 997) {
    const CivilTime t = CivilFromDays(days);
    EXPECT_EQ(DaysFromCivil(t.year, t.month, t.day), days);
  }
}

TEST(ValueText, AnyValueAsText) {
  EXPECT_EQ(Text(AppendText, Datum::Null(), FieldType{}), "");
  EXPECT_EQ(Text(AppendText, Datum::Int(INT64_MIN), FieldType{}), "-9223372036854775808");
  EXPECT_EQ(Text(AppendText, Datum::Int(0), FieldType{.type = MysqlType::kYear}), "0000");
  EXPECT_EQ(Text(AppendText, Datum::Number(Datum::Kind::kBit, UINT64_MAX), FieldType{}),
            "18446744073709551615");
  EXPECT_EQ(Text(AppendText, Datum::View(Datum::Kind::kBytes, "raw"), FieldType{}), "raw");
}

}  // namespace
}  // namespace cdc
