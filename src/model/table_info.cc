#include "model/table_info.h"

#include <algorithm>

#include <strings.h>

#include "base/check.h"

namespace cdc {
namespace {

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

void TableInfo::Finish() {
  CDC_CHECK(columns.empty() && unique_keys.empty(), "Finish called twice on table {}", name);
  std::unordered_map<int, int> position_by_offset;
  for (size_t i = 0; i < all_columns.size(); ++i) {
    const ColumnInfo& column = all_columns[i];
    if (column.state != SchemaState::kPublic || column.is_virtual() || column.hidden) continue;
    const int position = static_cast<int>(columns.size());
    columns.push_back(&column);
    position_by_id[column.id] = position;
    position_by_offset[static_cast<int>(i)] = position;
  }

  const auto add_key = [&](const std::vector<IndexColumn>& parts, bool primary) {
    UniqueKey key{.primary = primary};
    for (const IndexColumn& part : parts) {
      const auto found = position_by_offset.find(part.offset);
      if (found == position_by_offset.end()) return;  // over a virtual column: can't be compared
      key.columns.push_back(found->second);
      key.prefix_lengths.push_back(part.length);
      if (!columns[found->second]->type.not_null() && !primary) key.nullable = true;
    }
    unique_keys.push_back(std::move(key));
  };
  if (pk_is_handle) {
    for (size_t i = 0; i < all_columns.size(); ++i)
      if (all_columns[i].type.flags & column_flag::kPriKey)
        add_key({{.name = all_columns[i].name, .offset = static_cast<int>(i)}}, true);
  }
  for (const IndexInfo& index : indexes)
    if (index.state == SchemaState::kPublic && index.primary && !pk_is_handle)
      add_key(index.columns, true);
  for (const IndexInfo& index : indexes)
    if (index.state == SchemaState::kPublic && index.unique && !index.primary &&
        !index.multi_valued)
      add_key(index.columns, false);

  const auto best = std::find_if(unique_keys.begin(), unique_keys.end(),
                                 [](const UniqueKey& key) { return key.primary || !key.nullable; });
  if (best != unique_keys.end()) handle_key = best->columns;
}

std::vector<TableId> TableInfo::PhysicalIds() const {
  if (partitions.empty()) return {id};
  std::vector<TableId> ids;
  ids.reserve(partitions.size());
  for (const PartitionInfo& partition : partitions) ids.push_back(partition.id);
  return ids;
}

int TableInfo::FindColumn(std::string_view column_name) const {
  for (size_t i = 0; i < columns.size(); ++i)
    if (EqualsIgnoreCase(columns[i]->name, column_name)) return static_cast<int>(i);
  return -1;
}

}  // namespace cdc
