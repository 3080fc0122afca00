#include "dataflow/codec/json_text.h"

#include <cmath>
#include <cstring>

#include "model/float_text.h"

namespace cdc {
namespace {

constexpr uint64_t Repeat(uint8_t byte) { return 0x0101010101010101ULL * byte; }
// The high bit of each byte that is zero (bytes after the first such may be set by mistake).
constexpr uint64_t ZeroBytes(uint64_t word) { return (word - Repeat(1)) & ~word & Repeat(0x80); }

bool NeedsEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// The length of the prefix of `text` that JSON takes as it is.
size_t PlainPrefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    const uint64_t control = (word - Repeat(0x20)) & ~word & Repeat(0x80);
    if (control | ZeroBytes(word ^ Repeat('"')) | ZeroBytes(word ^ Repeat('\\'))) break;
  }
  while (i < text.size() && !NeedsEscape(text[i])) ++i;
  return i;
}

void AppendEscape(char c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
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
    default: {
      constexpr char kHex[] = "0123456789abcdef";
      out->append("\\u00");
      out->push_back(kHex[c >> 4 & 15]);
      out->push_back(kHex[c & 15]);
    }
  }
}

void AppendScientific(double value, bool is_float32, std::string* out) {
  char text[40];
  const auto written =
      is_float32 ? std::to_chars(text, text + sizeof text, static_cast<float>(value),
                                 std::chars_format::scientific)
                 : std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  out->append(text, written.ptr);
}

}  // namespace

void AppendJsonEscaped(std::string_view text, std::string* out) {
  for (;;) {
    const size_t plain = PlainPrefix(text);
    out->append(text.data(), plain);
    if (plain == text.size()) return;
    AppendEscape(text[plain], out);
    text.remove_prefix(plain + 1);
  }
}

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  AppendJsonEscaped(text, out);
  out->push_back('"');
}

void AppendJsonLatin1(std::string_view bytes, std::string* out) {
  out->push_back('"');
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      out->push_back(static_cast<char>(0xc0 | byte >> 6));
      out->push_back(static_cast<char>(0x80 | (byte & 0x3f)));
    } else if (NeedsEscape(c)) {
      AppendEscape(c, out);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendJsonBase64(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out->push_back('"');
  const size_t start = out->size();
  out->resize(start + (bytes.size() + 2) / 3 * 4);
  char* p = out->data() + start;
  const auto at = [&](size_t i) -> uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    *p++ = kDigits[group >> 18];
    *p++ = kDigits[group >> 12 & 63];
    *p++ = i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    *p++ = i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  out->push_back('"');
}

void AppendJsonDouble(double value, bool is_float32, std::string* out) {
  const double magnitude = std::abs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
  plain ? AppendFixed(value, is_float32, out) : AppendScientific(value, is_float32, out);
}

void AppendGoDouble(double value, bool is_float32, std::string* out) {
  const double magnitude = std::abs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e6);
  plain ? AppendFixed(value, is_float32, out) : AppendScientific(value, is_float32, out);
}

}  // namespace cdc
