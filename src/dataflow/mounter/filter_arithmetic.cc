// Arithmetic of filter_value.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dataflow/mounter/filter_value.h"

namespace cdc {
namespace {

using Kind = SqlValue::Kind;

constexpr int kDigitsMax = ExactNumber::kDigitsMax;

SqlValue FromWide(WideInt value) {
  if (value >= std::numeric_limits<int64_t>::min() && value <= std::numeric_limits<int64_t>::max())
    return SqlValue::Int(static_cast<int64_t>(value));
  if (value > 0 && value <= static_cast<WideInt>(UINT64_MAX))
    return SqlValue::Uint(static_cast<uint64_t>(value));
  return SqlValue::Double(static_cast<double>(value));
}

SqlValue CalculateDouble(Arithmetic operation, double a, double b) {
  switch (operation) {
    case Arithmetic::kAdd:
      return SqlValue::Double(a + b);
    case Arithmetic::kSubtract:
      return SqlValue::Double(a - b);
    case Arithmetic::kMultiply:
      return SqlValue::Double(a * b);
    case Arithmetic::kDivide:
      return b == 0 ? SqlValue::Null() : SqlValue::Double(a / b);
    case Arithmetic::kModulo:
      return b == 0 ? SqlValue::Null() : SqlValue::Double(std::fmod(a, b));
    case Arithmetic::kIntegerDivide: {
      if (b == 0) return SqlValue::Null();
      const double quotient = std::trunc(a / b);
      if (std::abs(quotient) < 9e18) return SqlValue::Int(static_cast<int64_t>(quotient));
      return SqlValue::Double(quotient);
    }
  }
  return SqlValue::Null();
}

bool IsShort(WideInt value) {
  const WideInt limit = *ExactNumber{1, 0}.At(kDigitsMax);
  return -limit < value && value < limit;
}

// nullopt where the digits are too many.
std::optional<SqlValue> CalculateExact(Arithmetic operation, ExactNumber a, ExactNumber b) {
  constexpr int kDivisionDigits = 4;  // that a quotient has beyond the dividend's
  if (operation == Arithmetic::kMultiply) {
    WideInt product = 0;
    if (__builtin_mul_overflow(a.unscaled, b.unscaled, &product) || !IsShort(product))
      return std::nullopt;
    if (a.scale + b.scale > kDigitsMax) return std::nullopt;
    return SqlValue::Exact({product, a.scale + b.scale});
  }
  if (operation == Arithmetic::kDivide) {
    if (b.unscaled == 0) return SqlValue::Null();
    const auto dividend = a.At(a.scale + b.scale + kDivisionDigits);
    if (!dividend || !IsShort(*dividend) || a.scale + kDivisionDigits > kDigitsMax)
      return std::nullopt;
    const WideInt quotient = *dividend / b.unscaled;
    const WideInt rest = *dividend % b.unscaled;
    const auto magnitude = [](WideInt v) { return v < 0 ? -v : v; };
    const bool up = magnitude(rest) >= magnitude(b.unscaled) - magnitude(rest);
    const bool negative = (*dividend < 0) != (b.unscaled < 0);
    return SqlValue::Exact({quotient + (up ? (negative ? -1 : 1) : 0), a.scale + kDivisionDigits});
  }
  const int scale = std::max(a.scale, b.scale);
  const auto x = a.At(scale);
  const auto y = b.At(scale);
  if (!x || !y) return std::nullopt;
  WideInt result = 0;
  switch (operation) {
    case Arithmetic::kAdd:
      if (__builtin_add_overflow(*x, *y, &result)) return std::nullopt;
      break;
    case Arithmetic::kSubtract:
      if (__builtin_sub_overflow(*x, *y, &result)) return std::nullopt;
      break;
    default:
      if (*y == 0) return SqlValue::Null();
      if (operation == Arithmetic::kIntegerDivide) return FromWide(*x / *y);
      result = *x % *y;
  }
  if (!IsShort(result)) return std::nullopt;
  return SqlValue::Exact({result, scale});
}

}  // namespace

SqlValue Calculate(Arithmetic operation, const SqlValue& a, const SqlValue& b) {
  if (a.is_null() || b.is_null()) return SqlValue::Null();
  if (!a.is_exact() || !b.is_exact()) return CalculateDouble(operation, a.AsDouble(), b.AsDouble());
  const auto result = CalculateExact(operation, a.AsExact(), b.AsExact());
  if (!result) return CalculateDouble(operation, a.AsDouble(), b.AsDouble());
  const bool integers = a.is_integer() && b.is_integer() && operation != Arithmetic::kDivide;
  return integers && result->kind == Kind::kExact ? FromWide(result->exact.unscaled) : *result;
}

}  // namespace cdc
