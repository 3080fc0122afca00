// The rows of a transaction as consumers of messages need them.
#pragma once

#include <span>
#include <vector>

#include "dataflow/codec/table_cache.h"
#include "model/row.h"

namespace cdc {

// Orders each transaction's rows: deletes, updates, inserts, each in the order they came. Unless
// told not to (output-raw-change-event), splits the updates that change a column of a unique key:
// consumers identify rows by their keys. The delete stands in the update's place, the insert at the
// transaction's end, so that rows can swap their keys. Not thread-safe.
class MessageOrder {
 public:
  explicit MessageOrder(bool split_key_updates) : split_key_updates_(split_key_updates) {}

  // Appends the rows of one table, which are in commit order, to `out`. The part of a transaction
  // that comes in another call is ordered by itself.
  void Arrange(std::span<const RowChange> rows, std::vector<RowChange>* out);

 private:
  void ArrangeTxn(std::span<const RowChange> rows, std::vector<RowChange>* out);
  bool ChangesKey(const RowChange& row);

  const bool split_key_updates_;
  TableCache<std::vector<int>> key_columns_;  // positions of all columns that belong to unique keys
  std::vector<RowChange> inserts_;            // of the transaction at hand
};

}  // namespace cdc
