// The checksum that TiDB appends to rows (tidb_enable_row_level_checksum).
#pragma once

#include <cstdint>
#include <string_view>

#include "dataflow/mounter/key_codec.h"

namespace cdc {

enum class ChecksumVerdict : uint8_t {
  kNone,      // the row carries no checksum
  kUnproven,  // one of a version that is not computed over the row's bytes (before TiDB 8.3), or of
              // a later one
  kMatches,
  kMismatch,  // the bytes are not those that TiDB wrote
};

// Checks a row of format v2 against its checksum. `full_key` is the one that `key` was parsed from.
ChecksumVerdict VerifyRowChecksum(std::string_view value, std::string_view full_key,
                                  const RecordKey& key);

}  // namespace cdc
