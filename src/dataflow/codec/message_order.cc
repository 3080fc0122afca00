#include "dataflow/codec/message_order.h"

#include <algorithm>

namespace cdc {
namespace {

std::vector<int> KeyColumns(const TableInfo& table) {
  std::vector<int> positions;
  const auto add = [&](int64_t column_id) {
    const auto found = table.position_by_id.find(column_id);
    if (found != table.position_by_id.end()) positions.push_back(found->second);
  };
  for (const ColumnInfo* column : table.columns) {
    const bool handle = table.pk_is_handle && column->type.flags & column_flag::kPriKey;
    if (handle || column->type.flags & column_flag::kUniqueKey) add(column->id);
  }
  for (const IndexInfo& index : table.indexes) {
    if (!index.unique && !index.primary) continue;
    for (const IndexColumn& part : index.columns) add(table.all_columns[part.offset].id);
  }
  std::ranges::sort(positions);
  positions.erase(std::ranges::unique(positions).begin(), positions.end());
  return positions;
}

}  // namespace

bool MessageOrder::ChangesKey(const RowChange& row) {
  return std::ranges::any_of(key_columns_.Get(*row.table, KeyColumns), [&](int position) {
    return !SameValue(row.before[position], row.after[position]);
  });
}

void MessageOrder::ArrangeTxn(std::span<const RowChange> rows, std::vector<RowChange>* out) {
  for (const RowChange& row : rows)
    if (row.is_delete()) out->push_back(row);
  inserts_.clear();
  for (const RowChange& row : rows) {
    if (!row.is_update()) continue;
    RowChange& update = out->emplace_back(row);
    if (!split_key_updates_ || !ChangesKey(row)) continue;
    update.after = {};
    inserts_.push_back(row);
    inserts_.back().before = {};
  }
  for (const RowChange& row : rows)
    if (row.is_insert()) out->push_back(row);
  out->insert(out->end(), inserts_.begin(), inserts_.end());
}

void MessageOrder::Arrange(std::span<const RowChange> rows, std::vector<RowChange>* out) {
  out->reserve(out->size() + rows.size());
  while (!rows.empty()) {
    size_t count = 1;
    while (count < rows.size() && rows[count].commit_ts == rows[0].commit_ts &&
           rows[count].start_ts == rows[0].start_ts)
      ++count;
    ArrangeTxn(rows.first(count), out);
    rows = rows.subspan(count);
  }
}

}  // namespace cdc
