// A table whose rows are a function of their number: a benchmark's input that takes no memory.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/kv_event.h"
#include "simulator/cdc_wire.h"

namespace cdc {

// Knows which transactions there were, in 48 bytes each, and writes their rows as the feed sends
// them, from templates made once. Handles are the numbers of rows; no row is written twice. Reads
// and snapshots do not see these tables. Not thread-safe: SimCluster guards it.
class SyntheticTable {
 public:
  struct Txn {
    uint64_t first = 0;  // handle
    uint64_t rows = 0;
    Ts start_ts;
    Ts commit_ts;             // zero until committed
    uint64_t prewritten = 0;  // sequence numbers, as MvccWrite has them
    uint64_t committed = 0;
  };

  // `updates`: every row has an old value, else it is an insert.
  SyntheticTable(TableId table, size_t text_bytes, bool updates);

  TableId id() const { return id_; }
  const KeyRange& range() const { return range_; }
  std::string KeyOf(uint64_t row) const;
  // The handles of `range`, as [first, end).
  std::pair<uint64_t, uint64_t> Handles(const KeyRange& range) const;

  size_t size() const { return txns_.size(); }
  size_t Add(const Txn& txn);
  const Txn& Commit(size_t index, Ts commit_ts, uint64_t sequence);
  // The transactions that are prewritten only.
  void VisitOpen(const std::function<void(const Txn&)>& visit) const;

  size_t RowBytes(wire::RowType type, bool old_value) const;
  // Entries for rows first … first + rows - 1.
  void AppendRows(wire::RowType type, bool old_value, uint64_t first, uint64_t rows, Ts start_ts,
                  Ts commit_ts, std::string* out) const;
  // What an incremental scan sends of a transaction.
  void AppendScan(size_t index, const KeyRange& range, Ts checkpoint, uint64_t registered_at,
                  bool old_value, std::string* out) const;

 private:
  // A row, and where in it the parts are that differ from row to row. 0: it has none.
  struct Template {
    std::string bytes;
    size_t start_ts = 0;
    size_t commit_ts = 0;
    size_t handle = 0;
    size_t number = 0;
    size_t old_number = 0;
  };
  Template MakeTemplate(wire::RowType type, bool old_value) const;
  const Template& TemplateOf(wire::RowType type, bool old_value) const;

  const TableId id_;
  const size_t text_bytes_;
  const bool updates_;
  const KeyRange range_;
  mutable std::map<std::pair<wire::RowType, bool>, Template> templates_;  // made when first used
  std::vector<Txn> txns_;
  std::set<size_t> open_;
};

}  // namespace cdc
