#include "dataflow/mounter/datum_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "model/decimal.h"

namespace cdc {
namespace {

// Flags of tidb/pkg/util/codec.
enum Flag : uint8_t {
  kNil = 0,
  kBytes = 1,
  kCompactBytes = 2,
  kInt = 3,
  kUint = 4,
  kFloat = 5,
  kDecimal = 6,
  kDuration = 7,
  kVarint = 8,
  kUvarint = 9,
  kJson = 10,
  kVector = 20,
};

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr size_t kGroup = 8;
constexpr unsigned char kFullGroup = 0xff;  // a group's ninth byte: kFullGroup minus its padding

bool TakeFixed(std::string_view* bytes, uint64_t* value) {
  if (bytes->size() < 8) return false;
  *value = LoadBigEndian64(bytes->data());
  bytes->remove_prefix(8);
  return true;
}

// Go's uvarint: seven bits a byte, the low ones first.
bool TakeUvarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < std::min<size_t>(bytes->size(), 10); ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    bytes->remove_prefix(i + 1);
    return true;
  }
  return false;
}

uint64_t UnZigZag(uint64_t value) { return value >> 1 ^ -(value & 1); }

bool TakeView(std::string_view* bytes, uint64_t size, std::string_view* view) {
  if (size > bytes->size()) return false;
  *view = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return true;
}

// Length of the groups at the start of `bytes` and of what they hold; false if they don't end.
bool MeasureGroups(std::string_view bytes, size_t* encoded, size_t* decoded) {
  for (size_t end = kGroup; end < bytes.size(); end += kGroup + 1) {
    const auto marker = static_cast<unsigned char>(bytes[end]);
    if (marker == kFullGroup) continue;
    const size_t padding = kFullGroup - marker;
    if (padding > kGroup) return false;
    *encoded = end + 1;
    *decoded = end / (kGroup + 1) * kGroup + kGroup - padding;
    return true;
  }
  return false;
}

bool TakeGroups(std::string_view* bytes, std::pmr::memory_resource* arena, std::string_view* view) {
  size_t encoded, decoded;
  if (!MeasureGroups(*bytes, &encoded, &decoded)) return false;
  if (decoded <= kGroup) {
    *view = bytes->substr(0, decoded);  // one group: contiguous already
  } else if (arena != nullptr) {
    char* const copy = static_cast<char*>(arena->allocate(decoded, 1));
    for (size_t i = 0; i * kGroup < decoded; ++i)
      std::memcpy(copy + i * kGroup, bytes->data() + i * (kGroup + 1),
                  std::min(kGroup, decoded - i * kGroup));
    *view = {copy, decoded};
  }
  bytes->remove_prefix(encoded);
  return true;
}

bool TakeDecimal(std::string_view* bytes, std::string_view* view) {
  if (bytes->size() < 2) return false;
  const size_t digits = DecimalDigitBytes(static_cast<unsigned char>((*bytes)[0]),
                                          static_cast<unsigned char>((*bytes)[1]));
  return digits != 0 && TakeView(bytes, 2 + digits, view);
}

// The size of a JSON value follows from its type.
bool TakeJson(std::string_view* bytes, std::string_view* view) {
  if (bytes->empty()) return false;
  std::string_view rest = bytes->substr(1);
  uint64_t size;
  switch (static_cast<unsigned char>((*bytes)[0])) {
    case 0x01:  // object, array: [count][bytes]
    case 0x03: {
      uint32_t total;
      if (rest.size() < 8) return false;
      std::memcpy(&total, rest.data() + 4, sizeof total);
      size = total;
      break;
    }
    case 0x04:  // literal
      size = 1;
      break;
    case 0x0c:  // string, opaque
    case 0x0d: {
      if ((*bytes)[0] == 0x0d && !rest.empty()) rest.remove_prefix(1);
      uint64_t length;
      if (!TakeUvarint(&rest, &length) || length > rest.size()) return false;
      size = static_cast<uint64_t>(rest.data() - bytes->data()) - 1 + length;
      break;
    }
    case 0x11:  // time
      size = 12;
      break;
    default:
      size = 8;
  }
  return size < bytes->size() && TakeView(bytes, 1 + size, view);
}

bool TakeVector(std::string_view* bytes, std::string_view* view) {
  uint32_t count;
  if (bytes->size() < sizeof count) return false;
  std::memcpy(&count, bytes->data(), sizeof count);
  return TakeView(bytes, sizeof count + uint64_t{count} * 4, view);
}

}  // namespace

double DoubleFromOrdered(uint64_t ordered) {
  return std::bit_cast<double>(ordered & kSignBit ? ordered & ~kSignBit : ~ordered);
}

uint64_t OrderedFromDouble(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  return value >= 0 ? bits | kSignBit : ~bits;
}

bool TakeFlagged(std::string_view* bytes, std::pmr::memory_resource* arena, FlaggedValue* value) {
  using Kind = FlaggedValue::Kind;
  if (bytes->empty()) return false;
  const auto flag = static_cast<unsigned char>(bytes->front());
  bytes->remove_prefix(1);
  switch (flag) {
    case kNil:
      value->kind = Kind::kNull;
      return true;
    case kInt:
    case kDuration:
      value->kind = Kind::kInt;
      if (!TakeFixed(bytes, &value->number)) return false;
      value->number ^= kSignBit;
      return true;
    case kUint:
      value->kind = Kind::kUint;
      return TakeFixed(bytes, &value->number);
    case kVarint:
      value->kind = Kind::kInt;
      if (!TakeUvarint(bytes, &value->number)) return false;
      value->number = UnZigZag(value->number);
      return true;
    case kUvarint:
      value->kind = Kind::kUint;
      return TakeUvarint(bytes, &value->number);
    case kFloat:
      value->kind = Kind::kDouble;
      if (!TakeFixed(bytes, &value->number)) return false;
      value->number = std::bit_cast<uint64_t>(DoubleFromOrdered(value->number));
      return true;
    case kBytes:
      value->kind = Kind::kBytes;
      return TakeGroups(bytes, arena, &value->view);
    case kCompactBytes: {
      value->kind = Kind::kBytes;
      uint64_t length;  // a zigzag varint, never negative
      return TakeUvarint(bytes, &length) && TakeView(bytes, UnZigZag(length), &value->view);
    }
    case kDecimal:
      value->kind = Kind::kDecimal;
      return TakeDecimal(bytes, &value->view);
    case kJson:
      value->kind = Kind::kJson;
      return TakeJson(bytes, &value->view);
    case kVector:
      value->kind = Kind::kVector;
      return TakeVector(bytes, &value->view);
    default:
      return false;
  }
}

bool SkipFlagged(std::string_view* bytes) {
  FlaggedValue skipped;
  return TakeFlagged(bytes, nullptr, &skipped);
}

void AppendComparableBytes(std::string_view bytes, std::string* out) {
  for (;;) {
    const std::string_view group = bytes.substr(0, kGroup);
    out->append(group).append(kGroup - group.size(), '\0');
    out->push_back(static_cast<char>(kFullGroup - (kGroup - group.size())));
    bytes.remove_prefix(group.size());
    if (group.size() < kGroup) return;  // also ends a multiple of eight, with an empty group
  }
}

}  // namespace cdc
