// DECIMAL values in MySQL's binary form, as TiDB stores them: [precision][frac][digits].
//
// Digits before and after the point are apart, in groups of nine to four bytes (big endian), the
// odd group at the outer ends shorter. The top bit is flipped, and all bits are for negative
// numbers: bytes compare as numbers do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

inline constexpr int kDecimalDigitsMax = 81;  // nine groups of nine: what TiDB can hold

// Bytes of the digits of a DECIMAL(precision, frac), without the two leading bytes; 0 if there is
// no such type.
constexpr size_t DecimalDigitBytes(int precision, int frac) {
  constexpr uint8_t kBytesOfDigits[] = {0, 1, 1, 2, 2, 3, 3, 4, 4};
  if (precision <= 0 || precision > kDecimalDigitsMax || frac < 0 || frac > precision) return 0;
  const int whole = precision - frac;
  const int bytes =
      whole / 9 * 4 + kBytesOfDigits[whole % 9] + frac / 9 * 4 + kBytesOfDigits[frac % 9];
  return static_cast<size_t>(bytes);
}

// The stored form of "-12.5" as DECIMAL(precision, frac), rounded half away from zero. kUnmarshal
// if the text is no number or does not fit.
Result<std::string> DecimalFromText(std::string_view text, int precision, int frac);

// "-12.340"; appends nothing if `stored` is no valid stored form.
void AppendDecimal(std::string_view stored, std::string* out);

}  // namespace cdc
