// Values of filter expressions, with MySQL's rules for comparing and converting them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/datum.h"
#include "model/table_info.h"

namespace cdc {

__extension__ using WideInt = __int128;
__extension__ using WideUint = unsigned __int128;

// A number with digits behind the point, exact as far as 38 digits go.
struct ExactNumber {
  WideInt unscaled = 0;
  int scale = 0;  // digits behind the point
  static constexpr int kDigitsMax = 38;

  double AsDouble() const;
  // Counted in units of 10^-more_scale, which is not coarser; nullopt past 128 bits.
  std::optional<WideInt> At(int more_scale) const;
};

struct SqlValue {
  enum class Kind : uint8_t { kNull, kInt, kUint, kExact, kDouble, kText, kTime, kDuration };

  Kind kind = Kind::kNull;
  int64_t integer = 0;  // kInt; nanoseconds of kDuration
  uint64_t number = 0;  // kUint; TiDB's packed form of kTime; an ENUM's index, a SET's mask
  double real = 0;
  ExactNumber exact;
  std::string text;
  bool has_number = false;    // an ENUM or SET: a text that is a number to numbers
  bool ignores_case = false;  // collations *_ci
  bool binary = false;        // trailing spaces count

  static SqlValue Null() { return {}; }
  static SqlValue Int(int64_t value);
  static SqlValue Uint(uint64_t value);
  static SqlValue Double(double value);
  static SqlValue Text(std::string text);
  static SqlValue Bool(bool value) { return Int(value ? 1 : 0); }
  // kDouble where the digits are too many.
  static SqlValue Exact(ExactNumber value);
  static SqlValue ExactFromText(std::string_view text);
  // nullopt where the text is none.
  static std::optional<SqlValue> TimeFromText(std::string_view text);
  static std::optional<SqlValue> DurationFromText(std::string_view text);
  static SqlValue FromDatum(const Datum& datum, const FieldType& type);

  bool is_null() const { return kind == Kind::kNull; }
  bool is_integer() const { return kind == Kind::kInt || kind == Kind::kUint; }
  bool is_exact() const { return is_integer() || kind == Kind::kExact; }
  ExactNumber AsExact() const;  // is_exact()
  double AsDouble() const;      // of a text, the number it begins with; else 0
  uint64_t AsBits() const;      // for &, |, ^, ~, <<, >>
  std::string AsText() const;
  // nullopt: NULL.
  std::optional<bool> Truth() const;
};

// -1, 0 or 1; nullopt where one is NULL or they cannot be compared (a text that is no time).
std::optional<int> CompareSql(const SqlValue& a, const SqlValue& b);
bool LikeSql(const SqlValue& value, const SqlValue& pattern, char escape);

// NULL where the result is: x / 0. Integers that leave 64 bits become doubles.
enum class Arithmetic : uint8_t { kAdd, kSubtract, kMultiply, kDivide, kIntegerDivide, kModulo };
SqlValue Calculate(Arithmetic operation, const SqlValue& a, const SqlValue& b);

}  // namespace cdc
