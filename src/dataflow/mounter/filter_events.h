// `filter.event-filters`: rows and schema changes that are left out although their table is
// replicated.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/replica_config.h"
#include "model/ddl_event.h"
#include "model/row.h"

namespace cdc {

// The rules for the rows of one version of a table. Immutable.
class RowFilter {
 public:
  virtual ~RowFilter() = default;
  virtual bool Ignores(const RowChange& row) const = 0;
};

// Immutable, thread-safe.
class EventFilters {
 public:
  // Errors: kFilterRule for a matcher or a regular expression, kIgnoreEventType, kExpressionParse.
  static Result<std::unique_ptr<EventFilters>> Create(const std::vector<EventFilterRule>& rules,
                                                      bool case_sensitive);
  ~EventFilters();

  // A renamed table is known by its old name. A schema change is ignored for all that it touches.
  bool IgnoresDdl(const DdlEvent& ddl) const;
  // Null if no rule is about rows of this table. Errors: kExpressionColumn.
  Result<std::unique_ptr<const RowFilter>> ForTable(const TableInfo& table) const;

 private:
  struct Rule;
  explicit EventFilters(std::vector<Rule> rules);
  std::vector<Rule> rules_;
};

}  // namespace cdc
