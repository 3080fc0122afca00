#include "model/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "model/float_text.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

constexpr int kFspMax = 6;

// Writes `value` with at least two digits.
char* WriteTwo(int value, char* out) {
  *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

char* WriteFour(int value, char* out) { return WriteTwo(value % 100, WriteTwo(value / 100, out)); }

// ".123", `fsp` digits, the rest cut off as MySQL does; nothing for 0.
char* WriteFraction(int microsecond, int fsp, char* out) {
  fsp = std::clamp(fsp, 0, kFspMax);
  if (fsp == 0) return out;
  *out++ = '.';
  for (int i = kFspMax - 1; i >= 0; --i) {
    if (i < fsp) out[i] = static_cast<char>('0' + microsecond % 10);
    microsecond /= 10;
  }
  return out + fsp;
}

template <typename Int>
void AppendInteger(Int value, std::string* out) {
  char text[24];
  out->append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void AppendTime(Datum value, MysqlType type, int fsp, std::string* out) {
  const CivilTime t = UnpackTime(value.as_uint());
  char text[32];
  char* end = WriteFour(t.year, text);
  *end++ = '-';
  end = WriteTwo(t.month, end);
  *end++ = '-';
  end = WriteTwo(t.day, end);
  if (type != MysqlType::kDate && type != MysqlType::kNewDate) {
    *end++ = ' ';
    end = WriteTwo(t.hour, end);
    *end++ = ':';
    end = WriteTwo(t.minute, end);
    *end++ = ':';
    end = WriteTwo(t.second, end);
    end = WriteFraction(t.microsecond, fsp, end);
  }
  out->append(text, end);
}

void AppendDuration(int64_t nanoseconds, int fsp, std::string* out) {
  if (nanoseconds < 0) out->push_back('-');
  // The magnitude as unsigned: INT64_MIN has no positive counterpart.
  const uint64_t magnitude =
      nanoseconds < 0 ? -static_cast<uint64_t>(nanoseconds) : static_cast<uint64_t>(nanoseconds);
  const uint64_t seconds = magnitude / 1'000'000'000;
  const uint64_t hours = seconds / 3600;
  if (hours < 10) out->push_back('0');
  AppendInteger(hours, out);
  char text[16];
  char* end = text;
  *end++ = ':';
  end = WriteTwo(static_cast<int>(seconds / 60 % 60), end);
  *end++ = ':';
  end = WriteTwo(static_cast<int>(seconds % 60), end);
  end = WriteFraction(static_cast<int>(magnitude % 1'000'000'000 / 1000), fsp, end);
  out->append(text, end);
}

void AppendVector(std::string_view stored, std::string* out) {
  uint32_t count = 0;
  if (stored.size() >= sizeof count) std::memcpy(&count, stored.data(), sizeof count);
  const size_t held = stored.size() < sizeof count ? 0 : (stored.size() - sizeof count) / 4;
  out->push_back('[');
  for (size_t i = 0; i < std::min<size_t>(count, held); ++i) {
    float element;
    std::memcpy(&element, stored.data() + sizeof count + 4 * i, sizeof element);
    if (i > 0) out->push_back(',');
    AppendFixed(element, /*is_float32=*/true, out);
  }
  out->push_back(']');
}

void AppendDouble(double value, bool is_float32, std::string* out) {
  if (!std::isfinite(value)) {
    out->push_back('0');  // no SQL value; what TiDB and TiCDC show for it
    return;
  }
  if (NeedsExponent(value)) {
    AppendExponential(value, is_float32, out);
  } else {
    AppendFixed(value, is_float32, out);
  }
}

void AppendEnum(uint64_t value, const FieldType& type, std::string* out) {
  if (value >= 1 && value <= type.elems.size()) out->append(type.elems[value - 1]);
}

void AppendSet(uint64_t value, const FieldType& type, std::string* out) {
  bool first = true;
  for (size_t i = 0; i < std::min<size_t>(type.elems.size(), 64); ++i) {
    if ((value >> i & 1) == 0) continue;
    if (!first) out->push_back(',');
    out->append(type.elems[i]);
    first = false;
  }
}

void AppendText(const Datum& value, const FieldType& type, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      return;
    case Datum::Kind::kInt:
      if (type.type == MysqlType::kYear && value.as_int() == 0) {
        out->append("0000");  // every other year has four digits
        return;
      }
      return AppendInteger(value.as_int(), out);
    case Datum::Kind::kUint:
    case Datum::Kind::kBit:
      return AppendInteger(value.as_uint(), out);
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return AppendDouble(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    case Datum::Kind::kBytes:
      out->append(value.as_view());
      return;
    case Datum::Kind::kDecimal:
      return AppendDecimal(value.as_view(), out);
    case Datum::Kind::kTime:
      return AppendTime(value, type.type, static_cast<int>(type.decimal), out);
    case Datum::Kind::kDuration:
      return AppendDuration(value.as_int(), static_cast<int>(type.decimal), out);
    case Datum::Kind::kEnum:
      return AppendEnum(value.as_uint(), type, out);
    case Datum::Kind::kSet:
      return AppendSet(value.as_uint(), type, out);
    case Datum::Kind::kJson:
      return AppendJson(value.as_view(), out);
    case Datum::Kind::kVector:
      return AppendVector(value.as_view(), out);
  }
}

}  // namespace cdc
