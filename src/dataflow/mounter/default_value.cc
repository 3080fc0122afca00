#include "dataflow/mounter/default_value.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include <strings.h>

#include "dataflow/mounter/json_binary.h"
#include "model/decimal.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

Unexpected BadValue(std::string_view text, const FieldType& type) {
  return Error(Code::kUnmarshal, "default {:?} is no value of type {}", std::string(text),
               static_cast<int>(type.type));
}

// The whole of `text` as a number.
template <typename Number>
bool ParseNumber(std::string_view text, Number* value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc{} && end == text.data() + text.size();
}

// Takes the digits at the start of `text` off; -1 if there are none.
int TakeInt(std::string_view* text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || value < 0) return -1;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return value;
}

bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

// "12:34:56.789" with `*microsecond` from the fraction; the whole text must be used up.
bool ParseClock(std::string_view text, int* hour, int* minute, int* second, int* microsecond) {
  *hour = TakeInt(&text);
  if (!TakeChar(&text, ':')) return false;
  *minute = TakeInt(&text);
  if (!TakeChar(&text, ':')) return false;
  *second = TakeInt(&text);
  if (*hour < 0 || *minute < 0 || *minute > 59 || *second < 0 || *second > 59) return false;
  *microsecond = 0;
  if (!TakeChar(&text, '.')) return text.empty();
  std::string digits(text.substr(0, 6));
  digits.resize(6, '0');
  return ParseNumber(digits, microsecond);
}

bool ParseDateTime(std::string_view text, CivilTime* t) {
  t->year = TakeInt(&text);
  if (!TakeChar(&text, '-')) return false;
  t->month = TakeInt(&text);
  if (!TakeChar(&text, '-')) return false;
  t->day = TakeInt(&text);
  if (t->year < 0 || t->year > 9999 || t->month < 0 || t->month > 12 || t->day < 0 || t->day > 31)
    return false;
  if (text.empty()) return true;
  return TakeChar(&text, ' ') &&
         ParseClock(text, &t->hour, &t->minute, &t->second, &t->microsecond) && t->hour < 24;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// CURRENT_TIMESTAMP, CURRENT_TIMESTAMP(3), CURRENT_DATE …
bool IsNow(std::string_view text) {
  text = text.substr(0, text.find('('));
  return EqualsIgnoreCase(text, "CURRENT_TIMESTAMP") || EqualsIgnoreCase(text, "CURRENT_DATE");
}

CivilTime CivilOf(Ts now) {
  constexpr int64_t kMsPerDay = 86'400'000;
  const auto ms = static_cast<int64_t>(now.unix_ms());
  CivilTime t = CivilFromDays(ms / kMsPerDay);
  const int of_day = static_cast<int>(ms % kMsPerDay);
  t.hour = of_day / 3'600'000;
  t.minute = of_day / 60'000 % 60;
  t.second = of_day / 1000 % 60;
  return t;
}

Result<Datum> ParseTimeDefault(std::string_view text, const FieldType& type, Ts now) {
  CivilTime t;
  if (IsNow(text)) {
    t = CivilOf(now);
  } else if (!ParseDateTime(text, &t)) {
    return BadValue(text, type);
  }
  if (type.type == MysqlType::kDate || type.type == MysqlType::kNewDate)
    t = {.year = t.year, .month = t.month, .day = t.day};
  return Datum::Time(PackTime(t));
}

Result<Datum> ParseDurationDefault(std::string_view text, const FieldType& type) {
  std::string_view rest = text;
  const bool negative = TakeChar(&rest, '-');
  int hour, minute, second, microsecond;
  if (!ParseClock(rest, &hour, &minute, &second, &microsecond)) return BadValue(text, type);
  const int64_t seconds = (int64_t{hour} * 60 + minute) * 60 + second;
  const int64_t ns = (seconds * 1'000'000 + microsecond) * 1000;
  return Datum::DurationNs(negative ? -ns : ns);
}

// The 1-based position of an ENUM's name, exactly or without case; 0 if it is no name.
uint64_t FindElem(std::string_view name, const std::vector<std::string>& elems) {
  for (size_t i = 0; i < elems.size(); ++i)
    if (elems[i] == name) return i + 1;
  for (size_t i = 0; i < elems.size(); ++i)
    if (EqualsIgnoreCase(elems[i], name)) return i + 1;
  return 0;
}

Result<Datum> ParseEnumDefault(std::string_view text, const FieldType& type) {
  uint64_t value = FindElem(text, type.elems);
  if (value == 0 && !text.empty() && !ParseNumber(text, &value)) return BadValue(text, type);
  return Datum::Number(Datum::Kind::kEnum, value);
}

Result<Datum> ParseSetDefault(std::string_view text, const FieldType& type) {
  uint64_t bits = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const uint64_t position = FindElem(rest.substr(0, comma), type.elems);
    if (position == 0 || position > 64) {
      if (ParseNumber(text, &bits)) break;
      return BadValue(text, type);
    }
    bits |= uint64_t{1} << (position - 1);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return Datum::Number(Datum::Kind::kSet, bits);
}

Result<Datum> ParseVectorDefault(std::string_view text, const FieldType& type,
                                 std::string* storage) {
  std::string_view rest = text;
  if (!TakeChar(&rest, '[') || !rest.ends_with(']')) return BadValue(text, type);
  rest.remove_suffix(1);
  std::string elements;
  uint32_t count = 0;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view item = rest.substr(0, comma);
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    float value;
    if (!ParseNumber(item, &value)) return BadValue(text, type);
    elements.append(reinterpret_cast<const char*>(&value), sizeof value);
    ++count;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  storage->assign(reinterpret_cast<const char*>(&count), sizeof count);
  storage->append(elements);
  return Datum::View(Datum::Kind::kVector, *storage);
}

Result<Datum> ParseIntegerDefault(std::string_view text, const FieldType& type) {
  if (type.is_unsigned() && type.type != MysqlType::kYear) {
    uint64_t value;
    if (!ParseNumber(text, &value)) return BadValue(text, type);
    return Datum::Uint(value);
  }
  int64_t value;
  if (!ParseNumber(text, &value)) return BadValue(text, type);
  return Datum::Int(value);
}

Result<Datum> ParseFloatDefault(std::string_view text, const FieldType& type) {
  double value;
  if (!ParseNumber(text, &value)) return BadValue(text, type);
  if (type.type == MysqlType::kFloat)
    return Datum::Double(static_cast<float>(value), Datum::Kind::kFloat);
  return Datum::Double(value);
}

Result<Datum> ParseDecimalDefault(std::string_view text, const FieldType& type,
                                  std::string* storage) {
  ASSIGN_OR_RETURN(*storage, DecimalFromText(text, static_cast<int>(type.length),
                                             static_cast<int>(std::max<int64_t>(type.decimal, 0))));
  return Datum::View(Datum::Kind::kDecimal, *storage);
}

Datum ParseBitDefault(std::string_view bytes) {
  uint64_t value = 0;
  for (unsigned char byte : bytes) value = value << 8 | byte;
  return Datum::Number(Datum::Kind::kBit, value);
}

}  // namespace

Result<Datum> ParseDefault(std::string_view text, const FieldType& type, Ts now,
                           std::string* storage) {
  switch (type.type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kLong:
    case MysqlType::kLonglong:
    case MysqlType::kInt24:
    case MysqlType::kYear:
      return ParseIntegerDefault(text, type);
    case MysqlType::kFloat:
    case MysqlType::kDouble:
      return ParseFloatDefault(text, type);
    case MysqlType::kNewDecimal:
      return ParseDecimalDefault(text, type, storage);
    case MysqlType::kDate:
    case MysqlType::kNewDate:
    case MysqlType::kDatetime:
    case MysqlType::kTimestamp:
      return ParseTimeDefault(text, type, now);
    case MysqlType::kDuration:
      return ParseDurationDefault(text, type);
    case MysqlType::kBit:
      return ParseBitDefault(text);
    case MysqlType::kEnum:
      return ParseEnumDefault(text, type);
    case MysqlType::kSet:
      return ParseSetDefault(text, type);
    case MysqlType::kVector:
      return ParseVectorDefault(text, type, storage);
    case MysqlType::kJson: {
      ASSIGN_OR_RETURN(*storage, EncodeJson(text));
      return Datum::View(Datum::Kind::kJson, *storage);
    }
    case MysqlType::kVarchar:
    case MysqlType::kVarString:
    case MysqlType::kString:
    case MysqlType::kTinyBlob:
    case MysqlType::kMediumBlob:
    case MysqlType::kLongBlob:
    case MysqlType::kBlob:
      storage->assign(text);
      return Datum::View(Datum::Kind::kBytes, *storage);
    default:
      return BadValue(text, type);
  }
}

Datum ZeroValue(const FieldType& type, std::string* storage) {
  switch (type.type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kLong:
    case MysqlType::kLonglong:
    case MysqlType::kInt24:
      return type.is_unsigned() ? Datum::Uint(0) : Datum::Int(0);
    case MysqlType::kYear:
      return Datum::Int(0);
    case MysqlType::kFloat:
    case MysqlType::kDouble:
      return Datum::Double(
          0, type.type == MysqlType::kFloat ? Datum::Kind::kFloat : Datum::Kind::kDouble);
    case MysqlType::kNewDecimal: {
      const Result<Datum> zero = ParseDecimalDefault("0", type, storage);
      return zero ? *zero : Datum::Null();
    }
    case MysqlType::kDate:
    case MysqlType::kNewDate:
    case MysqlType::kDatetime:
    case MysqlType::kTimestamp:
      return Datum::Time(0);
    case MysqlType::kDuration:
      return Datum::DurationNs(0);
    case MysqlType::kBit:
      return Datum::Number(Datum::Kind::kBit, 0);
    case MysqlType::kEnum:
      return Datum::Number(Datum::Kind::kEnum, 1);
    case MysqlType::kSet:
      return Datum::Number(Datum::Kind::kSet, 0);
    case MysqlType::kVector:
      storage->assign(4, '\0');
      return Datum::View(Datum::Kind::kVector, *storage);
    case MysqlType::kJson:
      storage->assign("\x04\x00", 2);  // null
      return Datum::View(Datum::Kind::kJson, *storage);
    case MysqlType::kString:
      // BINARY(n) is padded to its length.
      storage->assign(type.is_binary_charset() && type.length > 0 ? type.length : 0, '\0');
      return Datum::View(Datum::Kind::kBytes, *storage);
    default:
      storage->clear();
      return Datum::View(Datum::Kind::kBytes, *storage);
  }
}

}  // namespace cdc
