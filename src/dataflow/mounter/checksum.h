// The checksum that TiDB appends to rows (tidb_enable_row_level_checksum).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/row_codec.h"
#include "model/datum.h"
#include "model/table_info.h"

namespace cdc {

enum class ChecksumVerdict : uint8_t {
  kNone,      // the row carries no checksum
  kUnproven,  // one that is not computed over the row's bytes (TiDB before 8.3), or of a later kind
  kMatches,
  kMismatch,  // the bytes are not those that TiDB wrote
};

// Checks a row of format v2 against its checksum. `full_key` is the one that `key` was parsed from;
// `row` gets the row's parts, unless the verdict is kNone.
ChecksumVerdict VerifyRowChecksum(std::string_view value, std::string_view full_key,
                                  const RecordKey& key, RowV2* row);

// The checksum over a row's values that TiDB's TIDB_ROW_CHECKSUM() and TiCDC's messages show: the
// only one that a consumer can compute. Of one version of a table. Not thread-safe.
class ColumnsChecksum {
 public:
  explicit ColumnsChecksum(const TableInfo& table);  // outlives this

  // Of values as `table.columns` has them, TIMESTAMPs in UTC.
  uint32_t Of(std::span<const Datum> values);

 private:
  void Append(const FieldType& type, const Datum& value);

  const TableInfo& table_;
  std::vector<int> positions_;  // by column id
  std::string buffer_;
};

}  // namespace cdc
