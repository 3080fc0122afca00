// Rows: what the mounter makes of KvEvents and what dispatcher, encoders and sinks work on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include "model/datum.h"
#include "model/kv_event.h"
#include "model/table_info.h"

namespace cdc {

// What TiDB says of a row's contents (tidb_enable_row_level_checksum), for consumers that compare:
// CRC-32 over the columns' values, in the order of the columns' ids. 0: the row carries none.
struct RowChecksum {
  uint32_t before = 0;
  uint32_t after = 0;
  uint8_t version = 0;     // of what TiDB stored
  bool corrupted = false;  // what it stored did not match the row

  bool exists() const { return before != 0 || after != 0; }
};

// One row's change. `before` and `after` follow `table->columns`; an insert has no before, a delete
// no after.
struct RowChange {
  const TableInfo* table = nullptr;  // kept alive by the batch
  TableId physical_id{};             // the partition's id, or table->id
  Ts start_ts;
  Ts commit_ts;
  std::span<const Datum> before;
  std::span<const Datum> after;
  size_t bytes = 0;      // of the values, for quotas and statistics
  RowChecksum checksum;  // only if the changefeed verifies it

  bool is_insert() const { return before.empty(); }
  bool is_delete() const { return after.empty(); }
  bool is_update() const { return !before.empty() && !after.empty(); }
};

// Rows of one physical table in commit order, with all the memory they point into. Rows of one
// transaction are adjacent and never split between batches, unless the transaction is larger than
// the reader's byte limit (then `txn_open` is set on all batches but its last). Moves; immutable
// and shareable between threads once filled.
struct RowBatch {
  RowBatch() : arena(std::make_unique<std::pmr::monotonic_buffer_resource>()) {}

  std::vector<RowChange> rows;
  bool txn_open = false;
  size_t bytes = 0;  // of all rows

  std::unique_ptr<std::pmr::monotonic_buffer_resource>
      arena;                         // Datums and values made by the mounter
  std::vector<KvEvent> events;       // own the buffers the Datums view
  std::vector<TableInfoPtr> tables;  // the versions that rows point to
};

}  // namespace cdc
