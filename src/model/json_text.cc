// TiDB's binary JSON to text.
//
// A document is [type][value]. Objects and arrays are [count: u32][bytes: u32], then for an object
// `count` key entries [offset: u32][length: u16], then `count` value entries [type][u32: the value
// of a literal, or its offset]; offsets count from the value's first byte. Little endian
// throughout.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "model/float_text.h"
#include "model/packed_time.h"
#include "model/value_text.h"

namespace cdc {
namespace {

enum JsonType : uint8_t {
  kObject = 0x01,
  kArray = 0x03,
  kLiteral = 0x04,
  kInt64 = 0x09,
  kUint64 = 0x0a,
  kFloat64 = 0x0b,
  kString = 0x0c,
  kOpaque = 0x0d,
  kDate = 0x0e,
  kDatetime = 0x0f,
  kTimestamp = 0x10,
  kTime = 0x11,
};

constexpr int kDepthMax = 128;  // TiDB allows 100
constexpr size_t kHeaderBytes = 8;
constexpr size_t kKeyEntryBytes = 6;
constexpr size_t kValueEntryBytes = 5;
constexpr int kFsp = 6;  // times inside of JSON show all their digits

template <typename T>
T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// The string at the start of `bytes`: a length of seven bits a byte, then the text. False if it is
// not all there.
bool ReadString(std::string_view bytes, std::string_view* text) {
  uint64_t length = 0;
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 5); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    length |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    bytes.remove_prefix(i + 1);
    if (length > bytes.size()) return false;
    *text = bytes.substr(0, length);
    return true;
  }
  return false;
}

// Bytes of the UTF-8 character at the start of `text` (not ASCII); 0 if it is malformed.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  size_t size = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    if (lead == 0xe0) low = 0xa0;   // overlong
    if (lead == 0xed) high = 0x9f;  // surrogates
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  if (size == 0 || text.size() < size) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return size;
}

void AppendEscape(unsigned char c, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  out->push_back('\\');
  switch (c) {
    case '"':
    case '\\':
      return out->push_back(static_cast<char>(c));
    case '\b':
      return out->push_back('b');
    case '\f':
      return out->push_back('f');
    case '\n':
      return out->push_back('n');
    case '\r':
      return out->push_back('r');
    case '\t':
      return out->push_back('t');
    default:
      out->append("u00");
      out->push_back(kHex[c >> 4]);
      out->push_back(kHex[c & 15]);
  }
}

void AppendQuoted(std::string_view text, std::string* out) {
  constexpr std::string_view kLineSeparator = "\xe2\x80\xa8";       // U+2028
  constexpr std::string_view kParagraphSeparator = "\xe2\x80\xa9";  // U+2029
  out->push_back('"');
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    size_t size = 1;
    if (c >= 0x80) {
      size = CharacterBytes(text);
      const std::string_view character = text.substr(0, size);
      if (size == 0) {
        out->append("\\ufffd");
        size = 1;
      } else if (character == kLineSeparator) {
        out->append("\\u2028");
      } else if (character == kParagraphSeparator) {
        out->append("\\u2029");
      } else {
        out->append(character);
      }
    } else if (c < 0x20 || c == '"' || c == '\\') {
      AppendEscape(c, out);
    } else {
      out->push_back(static_cast<char>(c));
    }
    text.remove_prefix(size);
  }
  out->push_back('"');
}

// Times inside of JSON have TiDB's in-memory layout, not the packed one of rows.
void AppendJsonTime(uint64_t core, JsonType type, std::string* out) {
  const auto bits = [core](int offset, int width) {
    return static_cast<int>(core >> offset & ((uint64_t{1} << width) - 1));
  };
  const CivilTime t{.year = bits(50, 14),
                    .month = bits(46, 4),
                    .day = bits(41, 5),
                    .hour = bits(36, 5),
                    .minute = bits(30, 6),
                    .second = bits(24, 6),
                    .microsecond = bits(4, 20)};
  out->push_back('"');
  // Through the packed form, whose month must be below 13.
  AppendTime(Datum::Time(PackTime(t)), type == kDate ? MysqlType::kDate : MysqlType::kDatetime,
             kFsp, out);
  out->push_back('"');
}

class JsonPrinter {
 public:
  // Overlapping parts of corrupt bytes could be printed again and again: no valid document prints
  // more bytes than it has.
  JsonPrinter(size_t bytes, std::string* out) : budget_(bytes), out_(*out) {}

  void Print(uint8_t type, std::string_view value, int depth) {
    if (!TryPrint(static_cast<JsonType>(type), value, depth)) out_.append("null");
  }

 private:
  bool Spend(size_t bytes) {
    if (bytes > budget_) return false;
    budget_ -= bytes;
    return true;
  }

  bool TryPrint(JsonType type, std::string_view value, int depth) {
    switch (type) {
      case kObject:
      case kArray:
        return depth < kDepthMax && PrintContainer(type, value, depth);
      case kLiteral:
        return PrintLiteral(value);
      case kString: {
        std::string_view text;
        if (!ReadString(value, &text) || !Spend(text.size() + 1)) return false;
        AppendQuoted(text, &out_);
        return true;
      }
      case kOpaque:
        return PrintOpaque(value);
      default:
        return PrintFixed(type, value);
    }
  }

  bool PrintLiteral(std::string_view value) {
    if (value.empty()) return false;
    switch (value[0]) {
      case 1:
        out_.append("true");
        return true;
      case 2:
        out_.append("false");
        return true;
      default:
        return false;  // null, as anything that can't be read
    }
  }

  bool PrintOpaque(std::string_view value) {
    std::string_view bytes;
    if (value.empty() || !ReadString(value.substr(1), &bytes) || !Spend(bytes.size() + 1))
      return false;
    out_.append("\"base64:type");
    AppendNumber(static_cast<unsigned>(static_cast<unsigned char>(value[0])));
    out_.push_back(':');
    out_.append(ToBase64(bytes));
    out_.push_back('"');
    return true;
  }

  // Types of eight bytes, and TIME with its four bytes of fsp after them.
  bool PrintFixed(JsonType type, std::string_view value) {
    if (value.size() < 8) return false;
    const auto bits = Load<uint64_t>(value.data());
    switch (type) {
      case kInt64:
        AppendNumber(static_cast<int64_t>(bits));
        return true;
      case kUint64:
        AppendNumber(bits);
        return true;
      case kFloat64:
        return PrintDouble(std::bit_cast<double>(bits));
      case kDate:
      case kDatetime:
      case kTimestamp:
        AppendJsonTime(bits, type, &out_);
        return true;
      case kTime:
        out_.push_back('"');
        AppendDuration(static_cast<int64_t>(bits), kFsp, &out_);
        out_.push_back('"');
        return true;
      default:
        return false;
    }
  }

  bool PrintDouble(double value) {
    if (!std::isfinite(value)) return false;
    if (NeedsExponent(value)) {
      AppendExponential(value, /*is_float32=*/false, &out_);
      return true;
    }
    const size_t start = out_.size();
    AppendFixed(value, /*is_float32=*/false, &out_);
    if (out_.find('.', start) == std::string::npos) out_.append(".0");  // stays a double
    return true;
  }

  bool PrintContainer(JsonType type, std::string_view value, int depth) {
    if (value.size() < kHeaderBytes) return false;
    const bool object = type == kObject;
    const size_t count = Load<uint32_t>(value.data());
    const size_t entry_bytes = kValueEntryBytes + (object ? kKeyEntryBytes : 0);
    if (count > (value.size() - kHeaderBytes) / entry_bytes) return false;
    if (!Spend(count * entry_bytes)) return false;
    const char* keys = value.data() + kHeaderBytes;
    const char* entries = keys + (object ? count * kKeyEntryBytes : 0);
    out_.push_back(object ? '{' : '[');
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out_.append(", ");
      if (object) {
        PrintKey(value, keys + i * kKeyEntryBytes);
        out_.append(": ");
      }
      const char* entry = entries + i * kValueEntryBytes;
      const auto child = static_cast<uint8_t>(entry[0]);
      const size_t offset = Load<uint32_t>(entry + 1);
      if (child == kLiteral) {
        Print(child, {entry + 1, 1}, depth + 1);
      } else {
        // An offset into the entries would be this container again.
        const bool valid = offset >= kHeaderBytes && offset <= value.size();
        Print(child, valid ? value.substr(offset) : std::string_view{}, depth + 1);
      }
    }
    out_.push_back(object ? '}' : ']');
    return true;
  }

  void PrintKey(std::string_view value, const char* entry) {
    const size_t offset = Load<uint32_t>(entry);
    const size_t length = Load<uint16_t>(entry + 4);
    if (offset > value.size() || length > value.size() - offset || !Spend(length)) {
      out_.append("\"\"");
      return;
    }
    AppendQuoted(value.substr(offset, length), &out_);
  }

  template <typename Int>
  void AppendNumber(Int value) {
    char text[24];
    out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }

  size_t budget_;
  std::string& out_;
};

}  // namespace

void AppendJson(std::string_view stored, std::string* out) {
  if (stored.empty()) return out->append("null"), void();
  JsonPrinter(stored.size(), out)
      .Print(static_cast<uint8_t>(stored[0]), stored.substr(1), /*depth=*/0);
}

}  // namespace cdc
