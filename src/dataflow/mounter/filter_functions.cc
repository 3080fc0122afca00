#include "dataflow/mounter/filter_functions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "model/packed_time.h"

namespace cdc {
namespace {

using Args = std::span<const SqlValue>;
using Kind = SqlValue::Kind;

constexpr size_t kAnyCount = 1000;
// What a text made here may grow to.
constexpr size_t kTextMax = size_t{64} << 20;

bool AnyNull(Args args) { return std::ranges::any_of(args, &SqlValue::is_null); }

// A text with the collation of the one it comes from.
SqlValue LikeText(const SqlValue& from, std::string text) {
  SqlValue result = SqlValue::Text(std::move(text));
  result.ignores_case = from.ignores_case;
  result.binary = from.binary;
  return result;
}

SqlValue Rounded(const SqlValue& value, double (*round)(double)) {
  if (value.is_null() || value.kind == Kind::kInt || value.kind == Kind::kUint) return value;
  const double rounded = round(value.AsDouble());
  if (value.kind == Kind::kExact && std::abs(rounded) < 9e15)
    return SqlValue::Int(static_cast<int64_t>(rounded));
  return SqlValue::Double(rounded);
}

SqlValue Abs(Args args) {
  const SqlValue& value = args[0];
  if (value.is_null() || value.kind == Kind::kUint) return value;
  const bool exact = value.kind == Kind::kInt || value.kind == Kind::kExact;
  if (!exact) return SqlValue::Double(std::abs(value.AsDouble()));
  if (CompareSql(value, SqlValue::Int(0)).value_or(0) >= 0) return value;
  return Calculate(Arithmetic::kSubtract, SqlValue::Int(0), value);
}

SqlValue CharLength(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  const std::string text = args[0].AsText();
  if (args[0].binary) return SqlValue::Int(static_cast<int64_t>(text.size()));
  return SqlValue::Int(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

template <int (*Fold)(int)>
SqlValue Case(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  std::string text = args[0].AsText();
  if (!args[0].binary)
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return Fold(c); });
  return LikeText(args[0], std::move(text));
}

SqlValue Concat(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  std::string text;
  SqlValue like;
  for (const SqlValue& arg : args) {
    text += arg.AsText();
    like.ignores_case |= arg.ignores_case;
    like.binary |= arg.binary;
    if (text.size() > kTextMax) return SqlValue::Null();
  }
  return LikeText(like, std::move(text));
}

// Characters [from, from + count) of a text, counted from 0.
SqlValue Part(const SqlValue& value, size_t from, size_t count) {
  const std::string text = value.AsText();
  if (value.binary)
    return LikeText(value, from < text.size() ? text.substr(from, count) : std::string());
  std::string part;
  size_t at = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++at;
    if (at > from && at - from <= count) part += c;
  }
  return LikeText(value, std::move(part));
}

int64_t AsCount(const SqlValue& value) {
  return static_cast<int64_t>(std::clamp(std::round(value.AsDouble()), -1e9, 1e9));
}

SqlValue Left(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  return Part(args[0], 0, static_cast<size_t>(std::max<int64_t>(AsCount(args[1]), 0)));
}

SqlValue Right(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  const int64_t length = CharLength(args.first(1)).integer;
  const int64_t count = std::clamp<int64_t>(AsCount(args[1]), 0, length);
  return Part(args[0], static_cast<size_t>(length - count), static_cast<size_t>(count));
}

SqlValue Substring(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  const int64_t length = CharLength(args.first(1)).integer;
  int64_t from = AsCount(args[1]);
  if (from < 0) from += length + 1;
  const int64_t count = args.size() > 2 ? AsCount(args[2]) : length;
  if (from <= 0 || count <= 0) return LikeText(args[0], "");
  return Part(args[0], static_cast<size_t>(from - 1), static_cast<size_t>(count));
}

SqlValue Trim(Args args) {
  if (AnyNull(args)) return SqlValue::Null();
  const std::string text = args[0].AsText();
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return LikeText(args[0], "");
  return LikeText(args[0], text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

SqlValue Coalesce(Args args) {
  const auto found = std::ranges::find_if_not(args, &SqlValue::is_null);
  return found == args.end() ? SqlValue::Null() : *found;
}

std::optional<CivilTime> AsTime(const SqlValue& value) {
  if (value.kind == Kind::kTime) return UnpackTime(value.number);
  if (value.kind != Kind::kText) return std::nullopt;
  const auto read = SqlValue::TimeFromText(value.text);
  return read ? std::optional(UnpackTime(read->number)) : std::nullopt;
}

template <int CivilTime::* Field>
SqlValue TimePart(Args args) {
  const auto time = AsTime(args[0]);
  return time ? SqlValue::Int((*time).*Field) : SqlValue::Null();
}

// Hours may be more than a day has where the argument is a TIME.
template <int CivilTime::* Field>
SqlValue ClockPart(Args args) {
  std::optional<SqlValue> duration;
  if (args[0].kind == Kind::kDuration) duration = args[0];
  if (args[0].kind == Kind::kText) duration = SqlValue::DurationFromText(args[0].text);
  if (!duration) return TimePart<Field>(args);
  const int64_t seconds = std::abs(duration->integer) / 1'000'000'000;
  CivilTime time;
  time.hour = static_cast<int>(seconds / 3600);
  time.minute = static_cast<int>(seconds / 60 % 60);
  time.second = static_cast<int>(seconds % 60);
  return SqlValue::Int(time.*Field);
}

SqlValue Date(Args args) {
  auto time = AsTime(args[0]);
  if (!time) return SqlValue::Null();
  SqlValue result;
  result.kind = Kind::kTime;
  result.number = PackTime({.year = time->year, .month = time->month, .day = time->day});
  return result;
}

constexpr auto kFunctions = std::to_array<SqlFunction>({
    {"ABS", 1, 1, Abs},
    {"CEIL", 1, 1, [](Args args) { return Rounded(args[0], std::ceil); }},
    {"CEILING", 1, 1, [](Args args) { return Rounded(args[0], std::ceil); }},
    {"FLOOR", 1, 1, [](Args args) { return Rounded(args[0], std::floor); }},
    {"MOD", 2, 2, [](Args args) { return Calculate(Arithmetic::kModulo, args[0], args[1]); }},
    {"LENGTH", 1, 1,
     [](Args args) {
       return AnyNull(args) ? SqlValue::Null()
                            : SqlValue::Int(static_cast<int64_t>(args[0].AsText().size()));
     }},
    {"CHAR_LENGTH", 1, 1, CharLength},
    {"LOWER", 1, 1, Case<std::tolower>},
    {"LCASE", 1, 1, Case<std::tolower>},
    {"UPPER", 1, 1, Case<std::toupper>},
    {"UCASE", 1, 1, Case<std::toupper>},
    {"CONCAT", 1, kAnyCount, Concat},
    {"LEFT", 2, 2, Left},
    {"RIGHT", 2, 2, Right},
    {"SUBSTR", 2, 3, Substring},
    {"SUBSTRING", 2, 3, Substring},
    {"TRIM", 1, 1, Trim},
    {"IF", 3, 3, [](Args args) { return args[0].Truth().value_or(false) ? args[1] : args[2]; }},
    {"IFNULL", 2, 2, Coalesce},
    {"COALESCE", 1, kAnyCount, Coalesce},
    {"NULLIF", 2, 2,
     [](Args args) { return CompareSql(args[0], args[1]) == 0 ? SqlValue::Null() : args[0]; }},
    {"ISNULL", 1, 1, [](Args args) { return SqlValue::Bool(args[0].is_null()); }},
    {"DATE", 1, 1, Date},
    {"YEAR", 1, 1, TimePart<&CivilTime::year>},
    {"MONTH", 1, 1, TimePart<&CivilTime::month>},
    {"DAY", 1, 1, TimePart<&CivilTime::day>},
    {"DAYOFMONTH", 1, 1, TimePart<&CivilTime::day>},
    {"HOUR", 1, 1, ClockPart<&CivilTime::hour>},
    {"MINUTE", 1, 1, ClockPart<&CivilTime::minute>},
    {"SECOND", 1, 1, ClockPart<&CivilTime::second>},
});

}  // namespace

const SqlFunction* FindSqlFunction(std::string_view name) {
  const auto found = std::ranges::find(kFunctions, name, &SqlFunction::name);
  return found == kFunctions.end() ? nullptr : &*found;
}

}  // namespace cdc
