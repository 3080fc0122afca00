// What a sequence of row changes of one table comes to: one change a row, and an order that no
// unique key objects to.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "dataflow/sink/mysql/conflict_keys.h"
#include "model/row.h"

namespace cdc {

// The net change of one row, identified by its handle key.
struct NetRow {
  std::span<const Datum> before;  // an image with the row's handle, whenever the row was there
  std::span<const Datum> after;   // empty: the row is gone
  bool existed = false;           // before the first change
  bool merged = false;            // of several changes
  bool split = false;             // an update that must be a DELETE first and an INSERT later
  size_t bytes = 0;
  uint32_t next = 0;  // of the same hash; NetRows' own, 1-based

  bool is_insert() const { return !existed && !after.empty(); }
  bool is_update() const { return existed && !after.empty(); }
  bool is_delete() const { return after.empty(); }
};

// Not thread-safe; reused from one transaction to the next.
//
// The result is applied in three steps: DELETE the deleted rows and the split updates, UPDATE the
// others in place, INSERT the new rows and the split updates. It holds if the rows lead from one
// consistent state of the table to another.
class NetRows {
 public:
  void Clear();
  // In commit order; all of one table version, which has a handle key. An update that changes the
  // handle counts as a delete and an insert.
  void Add(const RowChange& row);
  // Marks the updates that hold a unique key's value which another row takes over.
  void SplitConflicts();

  const TableInfo& table() const { return *table_; }
  std::span<const NetRow> rows() const { return rows_; }

 private:
  NetRow* Find(std::span<const Datum> image);
  NetRow& FindOrAdd(std::span<const Datum> image);
  bool SameHandle(std::span<const Datum> a, std::span<const Datum> b) const;
  uint64_t HandleHash(std::span<const Datum> image) const;
  void Insert(const RowChange& row);
  void Delete(const RowChange& row);
  bool NeedsConflictCheck() const;

  const TableInfo* table_ = nullptr;
  std::vector<NetRow> rows_;
  std::unordered_map<uint64_t, uint32_t> by_handle_;  // hash → 1-based index of the first row

  struct Holder {
    uint64_t hash;
    uint32_t row;
  };
  ConflictKeyMaker key_maker_;
  std::vector<ConflictKey> keys_;
  std::vector<Holder> holders_;
};

}  // namespace cdc
