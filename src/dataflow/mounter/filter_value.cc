#include "dataflow/mounter/filter_value.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "model/packed_time.h"
#include "model/value_text.h"

namespace cdc {
namespace {

using Kind = SqlValue::Kind;

constexpr int kDigitsMax = ExactNumber::kDigitsMax;
constexpr int64_t kSecond = 1'000'000'000;

std::string_view WithoutTrailingSpaces(std::string_view text) {
  const size_t end = text.find_last_not_of(' ');
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// YYYYMMDDhhmmss.
double TimeAsNumber(uint64_t packed) {
  const CivilTime t = UnpackTime(packed);
  const double date = t.year * 10000.0 + t.month * 100 + t.day;
  return date * 1e6 + t.hour * 10000.0 + t.minute * 100 + t.second + t.microsecond / 1e6;
}

// Takes digits off the front; false if there are none.
bool TakeNumber(std::string_view* rest, int* number) {
  const auto [end, error] = std::from_chars(rest->data(), rest->data() + rest->size(), *number);
  if (error != std::errc() || *number < 0) return false;
  rest->remove_prefix(static_cast<size_t>(end - rest->data()));
  return true;
}

bool TakeSign(std::string_view* rest, std::string_view signs) {
  if (rest->empty() || !signs.contains(rest->front())) return false;
  rest->remove_prefix(1);
  return true;
}

// The digits behind a point as millionths.
bool TakeFraction(std::string_view* rest, int* microseconds) {
  if (!TakeSign(rest, ".")) return true;
  int digits = 0;
  *microseconds = 0;
  for (; !rest->empty() && std::isdigit(static_cast<unsigned char>(rest->front())) != 0; ++digits) {
    if (digits < 6) *microseconds = *microseconds * 10 + (rest->front() - '0');
    rest->remove_prefix(1);
  }
  for (; digits < 6; ++digits) *microseconds *= 10;
  return true;
}

}  // namespace

double ExactNumber::AsDouble() const {
  return static_cast<double>(unscaled) / std::pow(10.0, scale);
}

std::optional<WideInt> ExactNumber::At(int more_scale) const {
  const int digits = more_scale - scale;
  if (digits < 0 || digits > kDigitsMax) return std::nullopt;  // 10^38 is the last that fits
  WideInt power = 1;
  for (int i = 0; i < digits; ++i) power *= 10;
  WideInt scaled = 0;
  if (__builtin_mul_overflow(unscaled, power, &scaled)) return std::nullopt;
  return scaled;
}

SqlValue SqlValue::Int(int64_t value) {
  SqlValue result;
  result.kind = Kind::kInt;
  result.integer = value;
  return result;
}

SqlValue SqlValue::Uint(uint64_t value) {
  SqlValue result;
  result.kind = Kind::kUint;
  result.number = value;
  return result;
}

SqlValue SqlValue::Double(double value) {
  SqlValue result;
  result.kind = Kind::kDouble;
  result.real = value;
  return result;
}

SqlValue SqlValue::Text(std::string text) {
  SqlValue result;
  result.kind = Kind::kText;
  result.text = std::move(text);
  return result;
}

SqlValue SqlValue::Exact(ExactNumber value) {
  SqlValue result;
  result.kind = Kind::kExact;
  result.exact = value;
  return result;
}

SqlValue SqlValue::ExactFromText(std::string_view text) {
  ExactNumber number;
  int digits = 0;
  bool point = false;
  for (const char c : text) {
    if (c == '.') {
      point = true;
      continue;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) continue;
    if (digits == kDigitsMax) return Double(Text(std::string(text)).AsDouble());
    digits += digits > 0 || c != '0' ? 1 : 0;
    number.unscaled = number.unscaled * 10 + (c - '0');
    number.scale += point ? 1 : 0;
    if (number.scale > kDigitsMax) return Double(Text(std::string(text)).AsDouble());
  }
  if (text.starts_with('-')) number.unscaled = -number.unscaled;
  return Exact(number);
}

std::optional<SqlValue> SqlValue::TimeFromText(std::string_view text) {
  CivilTime t;
  std::string_view rest = WithoutTrailingSpaces(text);
  if (!TakeNumber(&rest, &t.year) || !TakeSign(&rest, "-/.") || !TakeNumber(&rest, &t.month) ||
      !TakeSign(&rest, "-/.") || !TakeNumber(&rest, &t.day))
    return std::nullopt;
  if (!rest.empty()) {
    if (!TakeSign(&rest, " T") || !TakeNumber(&rest, &t.hour)) return std::nullopt;
    if (TakeSign(&rest, ":") && !TakeNumber(&rest, &t.minute)) return std::nullopt;
    if (TakeSign(&rest, ":") && !TakeNumber(&rest, &t.second)) return std::nullopt;
    if (!TakeFraction(&rest, &t.microsecond) || !rest.empty()) return std::nullopt;
  }
  if (t.year < 100) t.year += t.year < 70 ? 2000 : 1900;
  if (t.year > 9999 || t.month > 12 || t.day > 31 || t.hour > 23 || t.minute > 59 || t.second > 59)
    return std::nullopt;
  SqlValue result;
  result.kind = Kind::kTime;
  result.number = PackTime(t);
  return result;
}

std::optional<SqlValue> SqlValue::DurationFromText(std::string_view text) {
  std::string_view rest = WithoutTrailingSpaces(text);
  const bool negative = TakeSign(&rest, "-");
  int hour = 0, minute = 0, second = 0, microsecond = 0;
  if (!TakeNumber(&rest, &hour) || !TakeSign(&rest, ":") || !TakeNumber(&rest, &minute))
    return std::nullopt;
  if (TakeSign(&rest, ":") && !TakeNumber(&rest, &second)) return std::nullopt;
  if (!TakeFraction(&rest, &microsecond) || !rest.empty() || hour > 838 || minute > 59 ||
      second > 59)
    return std::nullopt;
  SqlValue result;
  result.kind = Kind::kDuration;
  result.integer = ((hour * 60LL + minute) * 60 + second) * kSecond + microsecond * 1000LL;
  if (negative) result.integer = -result.integer;
  return result;
}

SqlValue SqlValue::FromDatum(const Datum& datum, const FieldType& type) {
  switch (datum.kind()) {
    case Datum::Kind::kNull:
      return Null();
    case Datum::Kind::kInt:
      return Int(datum.as_int());
    case Datum::Kind::kUint:
    case Datum::Kind::kBit:
      return Uint(datum.as_uint());
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return Double(datum.as_double());
    case Datum::Kind::kTime:
    case Datum::Kind::kDuration: {
      SqlValue result;
      result.kind = datum.kind() == Datum::Kind::kTime ? Kind::kTime : Kind::kDuration;
      result.number = datum.as_uint();
      result.integer = datum.as_int();
      AppendText(datum, type, &result.text);
      return result;
    }
    default:
      break;
  }
  std::string text;
  AppendText(datum, type, &text);
  if (datum.kind() == Datum::Kind::kDecimal) return ExactFromText(text);
  SqlValue result = Text(std::move(text));
  result.ignores_case = type.collation.ends_with("_ci");
  result.binary = type.is_binary_charset();
  if (datum.kind() == Datum::Kind::kEnum || datum.kind() == Datum::Kind::kSet) {
    result.has_number = true;
    result.number = datum.as_uint();
  }
  return result;
}

ExactNumber SqlValue::AsExact() const {
  if (kind == Kind::kInt) return {integer, 0};
  if (kind == Kind::kUint) return {static_cast<WideInt>(number), 0};
  return exact;
}

double SqlValue::AsDouble() const {
  switch (kind) {
    case Kind::kNull:
      return 0;
    case Kind::kInt:
      return static_cast<double>(integer);
    case Kind::kUint:
      return static_cast<double>(number);
    case Kind::kExact:
      return exact.AsDouble();
    case Kind::kDouble:
      return real;
    case Kind::kTime:
      return TimeAsNumber(number);
    case Kind::kDuration: {
      const int64_t seconds = std::abs(integer) / kSecond;
      const double digits =
          static_cast<double>(seconds / 3600 * 10000 + seconds / 60 % 60 * 100 + seconds % 60) +
          static_cast<double>(std::abs(integer) % kSecond) / 1e9;
      return integer < 0 ? -digits : digits;
    }
    case Kind::kText:
      break;
  }
  if (has_number) return static_cast<double>(number);
  std::string_view rest = text;
  while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front())) != 0)
    rest.remove_prefix(1);
  if (rest.starts_with('+')) rest.remove_prefix(1);
  const size_t sign = rest.starts_with('-') ? 1 : 0;
  // Not the words that from_chars knows: inf, nan.
  if (rest.size() <= sign ||
      (std::isdigit(static_cast<unsigned char>(rest[sign])) == 0 && rest[sign] != '.'))
    return 0;
  double value = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

uint64_t SqlValue::AsBits() const {
  if (kind == Kind::kInt) return static_cast<uint64_t>(integer);
  if (kind == Kind::kUint || has_number) return number;
  const double value = std::round(AsDouble());
  if (value >= 18446744073709551615.0) return UINT64_MAX;
  if (value >= 0) return static_cast<uint64_t>(value);
  return value <= -9223372036854775808.0 ? uint64_t{1} << 63
                                         : static_cast<uint64_t>(static_cast<int64_t>(value));
}

std::string SqlValue::AsText() const {
  switch (kind) {
    case Kind::kNull:
      return "";
    case Kind::kInt:
      return std::to_string(integer);
    case Kind::kUint:
      return std::to_string(number);
    case Kind::kExact: {
      const bool negative = exact.unscaled < 0;
      auto rest = static_cast<WideUint>(negative ? -exact.unscaled : exact.unscaled);
      std::string digits;
      for (; rest > 0 || digits.size() <= static_cast<size_t>(exact.scale); rest /= 10) {
        digits += static_cast<char>('0' + static_cast<int>(rest % 10));
        if (digits.size() == static_cast<size_t>(exact.scale)) digits += '.';
      }
      if (negative) digits += '-';
      std::ranges::reverse(digits);
      return digits;
    }
    case Kind::kDouble: {
      std::string out;
      AppendDouble(real, false, &out);
      return out;
    }
    case Kind::kTime:
    case Kind::kDuration:
      if (text.empty() && kind == Kind::kTime) {
        std::string out;
        AppendTime(Datum::Time(number), MysqlType::kDatetime, 0, &out);
        return out;
      }
      if (text.empty()) {
        std::string out;
        AppendDuration(integer, 0, &out);
        return out;
      }
      return text;
    case Kind::kText:
      return text;
  }
  return "";
}

std::optional<bool> SqlValue::Truth() const {
  if (is_null()) return std::nullopt;
  return AsDouble() != 0;
}

}  // namespace cdc
