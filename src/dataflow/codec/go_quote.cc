#include "dataflow/codec/go_quote.h"

#include <cstdint>

#include <fmt/format.h>
#include <re2/re2.h>

namespace cdc {
namespace {

// Takes one code point off the front; 0 bytes if the bytes are no UTF-8.
struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;
};

CodePoint TakeUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xf5   ? 0
                        : first >= 0xf0 ? 4
                        : first >= 0xe0 ? 3
                        : first >= 0xc2 ? 2
                                        : 0;
  if (length == 0 || text.size() < length) return {};
  uint32_t value = first & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < kSmallest[length] || surrogate || value > 0x10ffff) return {};
  return {value, length};
}

// Letters, marks, numbers, punctuation, symbols and the plain space.
bool IsPrintable(uint32_t code_point, std::string_view utf8) {
  if (code_point < 0x7f) return code_point >= 0x20;
  static const RE2 printable("[\\pL\\pM\\pN\\pP\\pS]");
  return RE2::FullMatch(re2::StringPiece(utf8.data(), utf8.size()), printable);
}

void AppendQuotedCodePoint(uint32_t value, std::string* out) {
  switch (value) {
    case '\a':
      out->append("\\a");
      return;
    case '\b':
      out->append("\\b");
      return;
    case '\f':
      out->append("\\f");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\v':
      out->append("\\v");
      return;
    default:
      break;
  }
  if (value < 0x80) {
    fmt::format_to(std::back_inserter(*out), "\\x{:02x}", value);
  } else if (value < 0x10000) {
    fmt::format_to(std::back_inserter(*out), "\\u{:04x}", value);
  } else {
    fmt::format_to(std::back_inserter(*out), "\\U{:08x}", value);
  }
}

}  // namespace

void AppendGoQuoted(std::string_view bytes, std::string* out) {
  while (!bytes.empty()) {
    const CodePoint next = TakeUtf8(bytes);
    if (next.bytes == 0) {
      fmt::format_to(std::back_inserter(*out), "\\x{:02x}", static_cast<unsigned char>(bytes[0]));
      bytes.remove_prefix(1);
      continue;
    }
    const std::string_view utf8 = bytes.substr(0, next.bytes);
    if (next.value == '"' || next.value == '\\') out->push_back('\\');
    if (IsPrintable(next.value, utf8)) {
      out->append(utf8);
    } else {
      AppendQuotedCodePoint(next.value, out);
    }
    bytes.remove_prefix(next.bytes);
  }
}

}  // namespace cdc
