// Rows against the checksums that TiDB wrote with them (`integrity`).
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "config/replica_config.h"
#include "dataflow/mounter/checksum.h"
#include "model/kv_event.h"
#include "model/row.h"

namespace cdc {

// What to do with a row that does not match.
enum class RowIntegrity : uint8_t { kUnchecked, kWarn, kFail };
// By integrity-check-level and corruption-handle-level, which are valid.
RowIntegrity RowIntegrityOf(const IntegrityConfig& config);

// Verifies the rows of one version of one table. Not thread-safe.
// Errors: kCorruptedData for a row that does not match, if that is to fail; else it is logged, and
// `checksum` says so.
class RowVerifier {
 public:
  RowVerifier(const TableInfo& table, RowIntegrity integrity);  // `table` outlives this

  // Before the rows are decoded: as far as their bytes tell.
  Status CheckBytes(const KvEvent& event, const RecordKey& key, RowChecksum* checksum) const;
  // After it: works out what consumers can compare their values with, from the rows (empty: none).
  Status CheckValues(const KvEvent& event, const RecordKey& key, std::span<const Datum> before,
                     std::span<const Datum> after, std::pmr::memory_resource* arena,
                     RowChecksum* checksum);

 private:
  struct Side {
    std::string_view value;  // as it is stored
    std::span<const Datum> values;
    bool old;
  };
  Status CheckSide(const Side& side, const KvEvent& event, const RecordKey& key,
                   std::pmr::memory_resource* arena, RowChecksum* checksum);
  Status Corrupted(const KvEvent& event, RowChecksum* checksum) const;

  const TableInfo& table_;
  const RowIntegrity integrity_;
  ColumnsChecksum columns_;
  std::optional<RowDecoder> utc_;  // only where decoded values may be in another zone
};

}  // namespace cdc
