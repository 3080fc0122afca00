// Fields in protobuf's wire format, appended to a string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cdc {

inline void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

inline void AppendVarintField(int field, uint64_t value, std::string* out) {
  AppendVarint(static_cast<uint64_t>(field) << 3, out);
  AppendVarint(value, out);
}

// Strings, bytes and messages.
inline void AppendBytesField(int field, std::string_view bytes, std::string* out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

// Left out when it is empty, as proto3 wants it.
inline void AppendTextField(int field, std::string_view text, std::string* out) {
  if (!text.empty()) AppendBytesField(field, text, out);
}

}  // namespace cdc
