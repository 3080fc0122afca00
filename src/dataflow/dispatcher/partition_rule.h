// Which partition of its topic a row goes to: TiCDC's rules and its hash, so that a changefeed that
// moves over finds each row's messages where they were.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/row.h"

namespace cdc {

// A rule made ready for one version of a table. Immutable.
class TablePartitioner {
 public:
  int32_t PartitionOf(const RowChange& row, int32_t partitions) const;
  // Whether all rows of the table share a partition.
  bool per_table() const { return !by_ts_ && positions_.empty(); }

 private:
  friend class PartitionRule;
  bool by_ts_ = false;
  std::vector<int> positions_;  // of the values to hash
  uint32_t table_hash_ = 0;
};

// Immutable, thread-safe.
class PartitionRule {
 public:
  // `name`: "default" or "table" (also what an unknown name means, with a warning), "ts",
  // "index-value" (also "rowid"), "columns". `index`: whose columns index-value takes; "": the
  // handle key. `columns`: those of the rule "columns".
  static PartitionRule Make(std::string_view name, std::string index,
                            std::vector<std::string> columns);

  // Errors: kDispatcher where the table lacks the index or a column.
  Result<TablePartitioner> For(const TableInfo& table) const;
  // The same, and that rows keep their partition: an index must be unique, since only updates of
  // unique keys are split into delete and insert.
  Status Check(const TableInfo& table) const;
  // Those of the rule "columns".
  const std::vector<std::string>& columns() const { return columns_; }

 private:
  enum class Kind : uint8_t { kTable, kTs, kIndexValue, kColumns };

  Kind kind_ = Kind::kTable;
  std::string index_;
  std::vector<std::string> columns_;
};

}  // namespace cdc
