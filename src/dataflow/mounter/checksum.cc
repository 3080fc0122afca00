#include "dataflow/mounter/checksum.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <zlib.h>

#include "model/value_text.h"

namespace cdc {
namespace {

constexpr uint8_t kOfBytesAndKey = 1;
constexpr uint8_t kOfBytesAndHandle = 2;

uint32_t Crc32(uint32_t so_far, std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(so_far, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

ChecksumVerdict VerifyRowChecksum(std::string_view value, std::string_view full_key,
                                  const RecordKey& key, RowV2* row) {
  if (!ParseRowV2(value, row) || !row->has_checksum) return ChecksumVerdict::kNone;
  std::string_view owner;  // what ties the bytes to their row
  if (row->checksum_version == kOfBytesAndKey) {
    owner = full_key;
  } else if (row->checksum_version == kOfBytesAndHandle) {
    owner = key.handle;
  } else {
    return ChecksumVerdict::kUnproven;
  }
  const bool matches = Crc32(Crc32(0, row->checked), owner) == row->checksum;
  return matches ? ChecksumVerdict::kMatches : ChecksumVerdict::kMismatch;
}

ColumnsChecksum::ColumnsChecksum(const TableInfo& table)
    : table_(table), positions_(table.columns.size()) {
  std::iota(positions_.begin(), positions_.end(), 0);
  std::ranges::sort(positions_, {}, [&](int position) { return table.columns[position]->id; });
}

uint32_t ColumnsChecksum::Of(std::span<const Datum> values) {
  buffer_.clear();
  for (const int position : positions_) Append(table_.columns[position]->type, values[position]);
  return Crc32(0, buffer_);
}

// Numbers as eight bytes, texts with their length before them; nothing for NULL.
void ColumnsChecksum::Append(const FieldType& type, const Datum& value) {
  const auto append_number = [&](uint64_t number) {
    buffer_.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  switch (value.kind()) {
    case Datum::Kind::kNull:
      return;
    case Datum::Kind::kInt:
    case Datum::Kind::kUint:
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
    case Datum::Kind::kBit:
      return append_number(value.as_uint());
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return append_number(std::isfinite(value.as_double()) ? value.as_uint() : 0);
    case Datum::Kind::kVector:
      buffer_.append(value.as_view());
      return;
    default:
      break;
  }
  const size_t start = buffer_.size();
  buffer_.append(sizeof(uint32_t), '\0');
  AppendText(value, type, &buffer_);
  const auto length = static_cast<uint32_t>(buffer_.size() - start - sizeof(uint32_t));
  std::memcpy(buffer_.data() + start, &length, sizeof length);
}

}  // namespace cdc
