// `sink.column-selectors`: which columns of a table's rows are sent.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/replica_config.h"
#include "config/table_filter.h"
#include "model/table_info.h"

namespace cdc {

// Immutable, thread-safe.
class ColumnSelectors {
 public:
  // Null if there are none. Errors: kFilterRule.
  static Result<std::shared_ptr<const ColumnSelectors>> Create(
      const std::vector<ColumnSelector>& selectors, bool case_sensitive);

  // The first selector whose matcher takes the table decides; without one, all columns are sent.
  bool Selects(const TableInfo& table, std::string_view column) const;
  // Whether rows can still be told apart: the primary key or one unique key is sent as a whole.
  // Errors: kColumnSelector.
  Status Check(const TableInfo& table) const;

 private:
  struct Selector {
    std::unique_ptr<TableFilter> matcher;
    std::unique_ptr<TableFilter> columns;  // as tables of a schema
  };
  const Selector* Find(const TableInfo& table) const;

  std::vector<Selector> selectors_;
};

}  // namespace cdc
