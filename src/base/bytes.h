// Small helpers on byte strings.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

std::string ToHex(std::string_view bytes);
Result<std::string> FromHex(std::string_view hex);

// Standard base64 with padding; reading, the padding may be missing.
std::string ToBase64(std::string_view bytes);
Result<std::string> FromBase64(std::string_view text);

inline uint64_t LoadBigEndian64(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return __builtin_bswap64(value);
}
inline void AppendBigEndian64(std::string* out, uint64_t value) {
  value = __builtin_bswap64(value);
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The smallest key after all keys that start with `prefix`; empty (= end of the key space) if there
// is none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace cdc
