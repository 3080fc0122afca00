#include "dataflow/codec/avro_binary.h"

#include <algorithm>
#include <array>

namespace cdc {
namespace {

// Enough for 81 digits, the most that a DECIMAL can have here.
using Limbs = std::array<uint32_t, 10>;

void MultiplyAdd(Limbs* number, uint32_t factor, uint32_t addend) {
  uint64_t carry = addend;
  for (uint32_t& limb : *number) {
    carry += uint64_t{limb} * factor;
    limb = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
}

}  // namespace

void AppendAvroDecimal(std::string_view text, int scale, std::string* out) {
  const bool negative = text.starts_with('-');
  Limbs number{};
  int digits_after_point = -1;
  for (const char c : text) {
    if (c == '.') {
      digits_after_point = 0;
    } else if (c >= '0' && c <= '9' && digits_after_point < scale) {
      MultiplyAdd(&number, 10, static_cast<uint32_t>(c - '0'));
      if (digits_after_point >= 0) ++digits_after_point;
    }
  }
  for (int i = std::max(digits_after_point, 0); i < scale; ++i) MultiplyAdd(&number, 10, 0);
  if (negative) {
    for (uint32_t& limb : number) limb = ~limb;
    MultiplyAdd(&number, 1, 1);
  }
  std::array<char, sizeof(Limbs)> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[bytes.size() - 1 - i] = static_cast<char>(number[i / 4] >> 8 * (i % 4));
  // Bytes that only repeat the sign are left out.
  const char sign = bytes[0];
  size_t first = 0;
  while (first + 1 < bytes.size() && bytes[first] == sign &&
         ((bytes[first + 1] ^ sign) & 0x80) == 0)
    ++first;
  AppendAvroBytes({bytes.data() + first, bytes.size() - first}, out);
}

}  // namespace cdc
