#include "edge/consumer/avro_value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "edge/consumer/json_reader.h"
#include "model/value_text.h"

namespace cdc {
namespace {

Unexpected Malformed(const char* what) {
  return Error(Code::kDecode, "malformed avro message: {}", what);
}

// "long" of "long" and of {"type": "long", …}.
std::string NameOf(const nlohmann::json& type) {
  return type.is_string() ? type.get<std::string>() : TextOf(type, "type");
}

std::string TidbType(const nlohmann::json& type) {
  return TextOf(Member(type, "connect.parameters"), "tidb_type");
}

}  // namespace

std::string AvroDecimalText(std::string_view bytes, int scale) {
  constexpr size_t kBytesMax = 64;  // more than any DECIMAL has
  std::vector<uint8_t> number(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                 bytes.size(), kBytesMax)));
  const bool negative = !number.empty() && number[0] & 0x80;
  if (negative) {
    int carry = 1;
    for (size_t i = number.size(); i-- > 0;) {
      const int inverted = (~number[i] & 0xff) + carry;
      number[i] = static_cast<uint8_t>(inverted);
      carry = inverted >> 8;
    }
  }
  std::string digits;  // lowest first
  while (std::ranges::any_of(number, [](uint8_t byte) { return byte != 0; })) {
    int rest = 0;
    for (uint8_t& byte : number) {
      const int value = rest << 8 | byte;
      byte = static_cast<uint8_t>(value / 10);
      rest = value % 10;
    }
    digits += static_cast<char>('0' + rest);
  }
  const auto scale_digits = static_cast<size_t>(std::clamp(scale, 0, 100));
  while (digits.size() <= scale_digits) digits += '0';
  if (scale_digits > 0) digits.insert(scale_digits, 1, '.');
  if (negative) digits += '-';
  std::ranges::reverse(digits);
  return digits;
}

Result<int64_t> AvroReader::Long() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return Malformed("it ends in a number");
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  return Malformed("a number of more than 64 bits");
}

Result<std::string_view> AvroReader::Bytes() {
  ASSIGN_OR_RETURN(const int64_t size, Long());
  if (size < 0 || static_cast<uint64_t>(size) > rest_.size())
    return Malformed("a length above what is there");
  const std::string_view bytes = rest_.substr(0, static_cast<size_t>(size));
  rest_.remove_prefix(bytes.size());
  return bytes;
}

Result<bool> AvroReader::Boolean() {
  if (rest_.empty()) return Malformed("it ends in a boolean");
  const bool value = rest_.front() != 0;
  rest_.remove_prefix(1);
  return value;
}

template <typename Float>
Result<ConsumedValue> AvroReader::FloatValue() {
  Float value = 0;
  if (rest_.size() < sizeof value) return Malformed("it ends in a number");
  std::memcpy(&value, rest_.data(), sizeof value);
  rest_.remove_prefix(sizeof value);
  if (!std::isfinite(value)) return Malformed("a number that is none");
  std::string text;
  AppendDouble(static_cast<double>(value), sizeof value == sizeof(float), &text);
  return ConsumedValue::Text(std::move(text));
}

ConsumedValue AvroReader::BytesValue(std::string_view bytes, const nlohmann::json& type) {
  if (TextOf(type, "logicalType") == "decimal")
    return ConsumedValue::Number(
        AvroDecimalText(bytes, static_cast<int>(std::min<uint64_t>(NumberOf(type, "scale"), 100))));
  if (TidbType(type) != "BIT") return ConsumedValue::Bytes(std::string(bytes));
  uint64_t bits = 0;
  for (const char c : bytes) bits = bits << 8 | static_cast<unsigned char>(c);
  return ConsumedValue::Number(std::to_string(bits));
}

Result<const nlohmann::json*> AvroReader::Branch(const nlohmann::json& type) {
  if (!type.is_array()) return &type;
  ASSIGN_OR_RETURN(const int64_t branch, Long());
  if (branch < 0 || static_cast<uint64_t>(branch) >= type.size())
    return Malformed("an unknown branch of a union");
  return &type[static_cast<size_t>(branch)];
}

Result<ConsumedValue> AvroReader::Value(const nlohmann::json& type) {
  const std::string name = NameOf(type);
  if (name == "null") return ConsumedValue::Null();
  if (name == "int" || name == "long") {
    ASSIGN_OR_RETURN(const int64_t value, Long());
    if (value < 0 && TidbType(type) == "BIGINT UNSIGNED")
      return ConsumedValue::Number(std::to_string(static_cast<uint64_t>(value)));
    return ConsumedValue::Number(std::to_string(value));
  }
  if (name == "float") return FloatValue<float>();
  if (name == "double") return FloatValue<double>();
  if (name == "bytes") {
    ASSIGN_OR_RETURN(const std::string_view bytes, Bytes());
    return BytesValue(bytes, type);
  }
  if (name == "string") {
    ASSIGN_OR_RETURN(const std::string_view bytes, Bytes());
    return ConsumedValue::Text(std::string(bytes));
  }
  return Malformed("a type that no column has");
}

}  // namespace cdc
