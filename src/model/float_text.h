// Floating-point numbers as shortest text, in the notations that MySQL's kinds of text need.
#pragma once

#include <cmath>
#include <string>

namespace cdc {

// MySQL and TiDB write an exponent outside of [1e-15, 1e15).
inline bool NeedsExponent(double value) {
  const double magnitude = std::abs(value);
  return magnitude != 0 && (magnitude < 1e-15 || magnitude >= 1e15);
}

// The shortest digits that read back as the same double (or float, for a widened FLOAT):
// "-120000", "0.00012".
void AppendFixed(double value, bool is_float32, std::string* out);
// The same digits as "1.2e20", "1e-16".
void AppendExponential(double value, bool is_float32, std::string* out);

}  // namespace cdc
