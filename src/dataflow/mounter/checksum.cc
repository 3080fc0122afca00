#include "dataflow/mounter/checksum.h"

#include <zlib.h>

#include "dataflow/mounter/row_codec.h"

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
                                  const RecordKey& key) {
  RowV2 row;
  if (!ParseRowV2(value, &row) || !row.has_checksum) return ChecksumVerdict::kNone;
  std::string_view owner;  // what ties the bytes to their row
  if (row.checksum_version == kOfBytesAndKey) {
    owner = full_key;
  } else if (row.checksum_version == kOfBytesAndHandle) {
    owner = key.handle;
  } else {
    return ChecksumVerdict::kUnproven;
  }
  const bool matches = Crc32(Crc32(0, row.checked), owner) == row.checksum;
  return matches ? ChecksumVerdict::kMatches : ChecksumVerdict::kMismatch;
}

}  // namespace cdc
