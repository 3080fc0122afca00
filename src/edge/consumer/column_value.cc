#include "edge/consumer/column_value.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/bytes.h"
#include "model/packed_time.h"
#include "model/value_text.h"

namespace cdc {
namespace {

using Kind = ConsumedValue::Kind;

constexpr int64_t kDaySeconds = 86'400;

bool HoldsNumber(const std::string& type) {
  return type == "enum" || type == "set" || type == "bit" || type == "year";
}

Result<int64_t> ToInteger(const std::string& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return Error(Code::kDecode, "'{}' is no whole number", text);
  return number;
}

// simple: text, base64, or a number in quotes.
Result<ConsumedValue> FromSimple(const std::string& text, const DownstreamTable::Column& column) {
  if (column.binary) {
    ASSIGN_OR_RETURN(std::string bytes, FromBase64(text));
    return ConsumedValue::Bytes(std::move(bytes));
  }
  if (HoldsNumber(column.type)) return ConsumedValue::Number(text);
  return ConsumedValue::Text(text);
}

// A moment since 1970 in UTC.
ConsumedValue TimeText(int64_t seconds, int64_t microseconds, MysqlType type) {
  int64_t days = seconds / kDaySeconds;
  int64_t rest = seconds % kDaySeconds;
  if (rest < 0) {
    rest += kDaySeconds;
    --days;
  }
  CivilTime time = CivilFromDays(days);
  time.hour = static_cast<int>(rest / 3600);
  time.minute = static_cast<int>(rest / 60 % 60);
  time.second = static_cast<int>(rest % 60);
  time.microsecond = static_cast<int>(microseconds);
  std::string text;
  AppendTime(Datum::Time(PackTime(time)), type, type == MysqlType::kDate ? 0 : 6, &text);
  return ConsumedValue::Text(std::move(text));
}

Result<ConsumedValue> FromDebeziumNumber(const std::string& text,
                                         const DownstreamTable::Column& column) {
  // Years that a DATE can hold, and more.
  constexpr int64_t kDaysMax = 4'000'000;
  const std::string& type = column.type;
  if (type == "date") {
    ASSIGN_OR_RETURN(const int64_t days, ToInteger(text));
    return TimeText(std::clamp(days, -kDaysMax, kDaysMax) * kDaySeconds, 0, MysqlType::kDate);
  }
  if (type == "datetime") {
    ASSIGN_OR_RETURN(const int64_t number, ToInteger(text));
    const int64_t unit = column.fraction_digits <= 3 ? 1000 : 1'000'000;
    const int64_t limit = kDaysMax * kDaySeconds;
    int64_t seconds = number / unit;
    int64_t fraction = number % unit;
    if (fraction < 0) {
      fraction += unit;
      --seconds;
    }
    return TimeText(std::clamp(seconds, -limit, limit), fraction * (1'000'000 / unit),
                    MysqlType::kDatetime);
  }
  if (type == "time") {
    ASSIGN_OR_RETURN(const int64_t microseconds, ToInteger(text));
    constexpr int64_t kLimit = 839LL * 3600 * 1'000'000;
    std::string out;
    AppendDuration(std::clamp(microseconds, -kLimit, kLimit) * 1000, 6, &out);
    return ConsumedValue::Text(std::move(out));
  }
  if (column.is_unsigned && type == "bigint" && text.starts_with('-')) {
    ASSIGN_OR_RETURN(const int64_t number, ToInteger(text));
    return ConsumedValue::Number(std::to_string(static_cast<uint64_t>(number)));
  }
  return ConsumedValue::Number(text);
}

Result<ConsumedValue> FromDebeziumText(const std::string& text,
                                       const DownstreamTable::Column& column) {
  if (column.binary || column.type == "bit") {
    ASSIGN_OR_RETURN(std::string bytes, FromBase64(text));
    if (column.binary) return ConsumedValue::Bytes(std::move(bytes));
    if (bytes.size() > 8) return Error(Code::kDecode, "a BIT of {} bytes", bytes.size());
    uint64_t number = 0;  // lowest byte first
    for (size_t i = bytes.size(); i-- > 0;)
      number = number << 8 | static_cast<unsigned char>(bytes[i]);
    return ConsumedValue::Number(std::to_string(number));
  }
  if (column.type != "timestamp") return ConsumedValue::Text(text);
  // "2020-01-02T03:04:05Z"; the first moment of 1970 stands for none.
  std::string time = text.substr(0, text.find('Z'));
  std::ranges::replace(time, 'T', ' ');
  if (time == "1970-01-01 00:00:00") time = "0000-00-00 00:00:00";
  return ConsumedValue::Text(std::move(time));
}

// The numbers with the digits of the DOUBLE that TiDB reads them as: the shortest ones of the
// largest FLOAT lie beyond it.
Result<ConsumedValue> VectorValue(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of("[],", at), text.size());
    if (end > at) {
      float number = 0;
      const auto [rest, error] = std::from_chars(text.data() + at, text.data() + end, number);
      if (error != std::errc() || rest != text.data() + end)
        return Error(Code::kDecode, "'{}' is no VECTOR", text);
      fmt::format_to(std::back_inserter(out), "{:.17g}", static_cast<double>(number));
    }
    if (end < text.size()) out += text[end];
    at = end + 1;
  }
  return ConsumedValue::Text(std::move(out));
}

}  // namespace

Result<ConsumedValue> ResolveValue(const ConsumedValue& value,
                                   const DownstreamTable::Column& column) {
  if (column.type == "vector" && value.kind != Kind::kNull) return VectorValue(value.text);
  switch (value.kind) {
    case Kind::kByColumn:
      return FromSimple(value.text, column);
    case Kind::kDebeziumNumber:
      return FromDebeziumNumber(value.text, column);
    case Kind::kDebeziumText:
      return FromDebeziumText(value.text, column);
    default:
      return value;
  }
}

}  // namespace cdc
