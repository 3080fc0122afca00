#include "model/float_text.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace cdc {
namespace {

// A finite number taken apart: value = 0.digits × 10^point.
struct Shortest {
  bool negative = false;
  char digits[24];
  int count = 0;
  int point = 0;
};

Shortest Split(double value, bool is_float32) {
  char text[40];
  const auto written =
      is_float32 ? std::to_chars(text, text + sizeof text, static_cast<float>(value),
                                 std::chars_format::scientific)
                 : std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  Shortest result;
  const char* p = text;
  if (*p == '-') {
    result.negative = true;
    ++p;
  }
  for (; p != written.ptr && *p != 'e'; ++p)
    if (*p != '.') result.digits[result.count++] = *p;
  int exponent = 0;
  if (p != written.ptr) {
    ++p;
    if (*p == '+') ++p;  // from_chars reads no plus sign
    std::from_chars(p, written.ptr, exponent);
  }
  result.point = exponent + 1;
  return result;
}

}  // namespace

void AppendFixed(double value, bool is_float32, std::string* out) {
  const Shortest number = Split(value, is_float32);
  const std::string_view digits(number.digits, number.count);
  if (number.negative) out->push_back('-');
  if (number.point <= 0) {
    out->append("0.");
    out->append(-number.point, '0');
    out->append(digits);
    return;
  }
  const size_t whole = static_cast<size_t>(number.point);
  out->append(digits.substr(0, whole));
  if (whole >= digits.size()) {
    out->append(whole - digits.size(), '0');
    return;
  }
  out->push_back('.');
  out->append(digits.substr(whole));
}

void AppendExponential(double value, bool is_float32, std::string* out) {
  const Shortest number = Split(value, is_float32);
  if (number.negative) out->push_back('-');
  out->push_back(number.digits[0]);
  if (number.count > 1) {
    out->push_back('.');
    out->append(number.digits + 1, number.count - 1);
  }
  out->push_back('e');
  char exponent[8];
  out->append(exponent, std::to_chars(exponent, exponent + sizeof exponent, number.point - 1).ptr);
}

}  // namespace cdc
