// Table-filter rules as in TiDB's tools: "db.tbl", "db*.[abc]?", "!db.tmp*", "/^shard_\d+$/.*",
// "`a.b`.\"c\"". A later rule beats an earlier one; what no rule matches is left out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc {

// Immutable, thread-safe.
class TableFilter {
 public:
  // Empty rules and those that start with '#' are skipped. Importing rules from a file ("@file") is
  // refused: the file would have to be there on every node. Errors (kFilterRule) quote the rule.
  static Result<std::unique_ptr<TableFilter>> Parse(const std::vector<std::string>& rules,
                                                    bool case_sensitive);
  ~TableFilter();

  bool MatchesTable(std::string_view schema, std::string_view table) const;
  // Whether some table of the schema may match.
  bool MatchesSchema(std::string_view schema) const;

 private:
  struct Rule;
  explicit TableFilter(std::vector<Rule> rules);
  std::vector<Rule> rules_;  // the last one given comes first
};

}  // namespace cdc
