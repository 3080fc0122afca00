#include "model/decimal.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace cdc {
namespace {

constexpr int kGroupDigits = 9;
constexpr std::array<int, 10> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

// Reads one group of `digits` digits from `*p`, undoing the inversion of negative numbers.
uint32_t ReadGroup(const unsigned char** p, int digits, unsigned char mask) {
  uint32_t value = 0;
  for (int i = 0; i < kBytesOfDigits[digits]; ++i)
    value = value << 8 | static_cast<uint32_t>(*(*p)++ ^ mask);
  return value;
}

// Writes `value` with exactly `digits` digits. What a corrupt group holds beyond them is dropped.
void WriteDigits(uint32_t value, int digits, char* out) {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

void AppendGroup(std::string_view digits, std::string* out) {
  uint32_t value = 0;
  for (char c : digits) value = value * 10 + static_cast<uint32_t>(c - '0');
  for (int i = kBytesOfDigits[digits.size()] - 1; i >= 0; --i)
    out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

struct Digits {
  std::string whole;
  std::string frac;
  bool negative = false;
};

// Splits "-12.5e3" at the point, the exponent applied.
Result<Digits> SplitText(std::string_view text) {
  const auto bad = [&] { return Error(Code::kUnmarshal, "not a decimal: {}", text); };
  Digits result;
  std::string_view rest = text;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    result.negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  int exponent = 0;
  if (const size_t e = rest.find_first_of("eE"); e != std::string_view::npos) {
    const std::string number(rest.substr(e + 1));
    char* end = nullptr;
    const long value = std::strtol(number.c_str(), &end, 10);
    if (number.empty() || *end != '\0' || value > 100 || value < -100) return bad();
    exponent = static_cast<int>(value);
    rest = rest.substr(0, e);
  }
  const size_t point = std::min(rest.find('.'), rest.size());
  result.whole = rest.substr(0, point);
  if (point < rest.size()) result.frac = rest.substr(point + 1);
  const std::string all = result.whole + result.frac;
  if (all.empty() || all.find_first_not_of("0123456789") != std::string::npos) return bad();
  const int split = static_cast<int>(result.whole.size()) + exponent;
  const int size = static_cast<int>(all.size());
  result.whole =
      all.substr(0, std::clamp(split, 0, size)) + std::string(std::max(split - size, 0), '0');
  result.frac = std::string(std::max(-split, 0), '0') + all.substr(std::clamp(split, 0, size));
  result.whole.erase(0, result.whole.find_first_not_of('0'));
  return result;
}

// Cuts or pads the fraction to `frac` digits; rounding may carry into the whole part.
void Round(Digits* digits, int frac) {
  const bool up = digits->frac.size() > static_cast<size_t>(frac) && digits->frac[frac] >= '5';
  digits->frac.resize(frac, '0');
  if (!up) return;
  std::string all = digits->whole + digits->frac;
  auto it = all.rbegin();
  while (it != all.rend() && *it == '9') *it++ = '0';
  if (it != all.rend()) {
    ++*it;
  } else {
    all.insert(all.begin(), '1');
  }
  digits->whole = all.substr(0, all.size() - frac);
  digits->frac = all.substr(all.size() - frac);
}

}  // namespace

Result<std::string> DecimalFromText(std::string_view text, int precision, int frac) {
  if (DecimalDigitBytes(precision, frac) == 0)
    return Error(Code::kUnmarshal, "no such type: DECIMAL({},{})", precision, frac);
  ASSIGN_OR_RETURN(Digits digits, SplitText(text));
  Round(&digits, frac);
  const size_t whole_digits = static_cast<size_t>(precision - frac);
  if (digits.whole.size() > whole_digits)
    return Error(Code::kUnmarshal, "{} does not fit DECIMAL({},{})", text, precision, frac);
  digits.whole.insert(0, whole_digits - digits.whole.size(), '0');
  const bool zero = (digits.whole + digits.frac).find_first_not_of('0') == std::string::npos;

  std::string stored = {static_cast<char>(precision), static_cast<char>(frac)};
  std::string_view whole = digits.whole;
  std::string_view fraction = digits.frac;
  AppendGroup(whole.substr(0, whole_digits % kGroupDigits), &stored);
  for (whole.remove_prefix(whole_digits % kGroupDigits); !whole.empty();
       whole.remove_prefix(kGroupDigits))
    AppendGroup(whole.substr(0, kGroupDigits), &stored);
  while (!fraction.empty()) {
    const std::string_view group = fraction.substr(0, kGroupDigits);
    AppendGroup(group, &stored);
    fraction.remove_prefix(group.size());
  }
  if (digits.negative && !zero)
    for (size_t i = 2; i < stored.size(); ++i) stored[i] = static_cast<char>(~stored[i]);
  stored[2] = static_cast<char>(stored[2] ^ 0x80);
  return stored;
}

void AppendDecimal(std::string_view stored, std::string* out) {
  if (stored.size() < 3) return;
  const int precision = static_cast<unsigned char>(stored[0]);
  const int frac = static_cast<unsigned char>(stored[1]);
  const size_t size = DecimalDigitBytes(precision, frac);
  if (size == 0 || stored.size() < 2 + size) return;

  unsigned char bytes[64];  // 81 digits need at most 40
  std::memcpy(bytes, stored.data() + 2, size);
  bytes[0] ^= 0x80;
  const bool negative = bytes[0] & 0x80;
  const unsigned char mask = negative ? 0xff : 0;

  char text[kDecimalDigitsMax + 2];
  const unsigned char* p = bytes;
  char* end = text;
  const auto part = [&](int digits) {
    WriteDigits(ReadGroup(&p, digits, mask), digits, end);
    end += digits;
  };
  const int whole = precision - frac;
  part(whole % kGroupDigits);
  for (int i = 0; i < whole / kGroupDigits; ++i) part(kGroupDigits);
  char* const point = end;
  for (int i = 0; i < frac / kGroupDigits; ++i) part(kGroupDigits);
  part(frac % kGroupDigits);

  char* begin = text;
  while (begin < point && *begin == '0') ++begin;
  if (negative) out->push_back('-');
  if (begin == point) out->push_back('0');
  out->append(begin, point);
  if (frac == 0) return;
  out->push_back('.');
  out->append(point, end);
}

}  // namespace cdc
