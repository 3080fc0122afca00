// What an encoder works out once per version of a table.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>

#include "model/table_info.h"

namespace cdc {

// Keeps one `Layout` (made from a const TableInfo&, of which it keeps no reference) per table: that
// of the version seen last. Not thread-safe.
template <typename Layout>
class TableCache {
 public:
  // `make(table)` makes what is missing. The reference is good until the next call.
  template <typename Make>
  const Layout& Get(const TableInfo& table, const Make& make) {
    Entry& entry = last_ != nullptr && last_id_ == table.id ? *last_ : entries_[table.id];
    last_ = &entry;
    last_id_ = table.id;
    if (!entry.filled || entry.version != table.version || entry.table != &table) {
      entry = {.filled = true, .version = table.version, .table = &table, .layout = make(table)};
    }
    return entry.layout;
  }

 private:
  struct Entry {
    bool filled = false;
    Ts version;
    // Only compared: the same address with the same version is the same table.
    const TableInfo* table = nullptr;
    Layout layout;
  };
  std::unordered_map<TableId, Entry> entries_;
  Entry* last_ = nullptr;
  TableId last_id_{};
};

}  // namespace cdc
