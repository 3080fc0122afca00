// Conditions on a row's values, as `filter.event-filters` has them: a total evaluator of the part
// of SQL that needs nothing but the row.
//
// There are: literals (numbers, strings, 0x.., x'..', b'..', TRUE, FALSE, NULL, DATE/TIME/TIMESTAMP
// '..'), columns, = <=> <> != < <= > >=, AND && OR || XOR NOT !, IS [NOT] NULL/TRUE/FALSE/UNKNOWN,
// [NOT] IN, BETWEEN, LIKE, + - * / % DIV MOD, | & ^ ~ << >>, CASE, and the functions of
// filter_functions.h. Comparisons convert as MySQL's do; texts compare bytewise, or with ASCII
// letters folded where a column's collation ignores case.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/mounter/filter_value.h"
#include "model/row.h"

namespace cdc {

struct ExpressionNode;

// Immutable, thread-safe.
class FilterExpression {
 public:
  // Errors: kExpressionParse, with the position (from 1) and what was found there.
  static Result<std::shared_ptr<const FilterExpression>> Parse(std::string_view text);
  ~FilterExpression();

  // Where in `table.columns` each column of the expression is. Errors: kExpressionColumn for one
  // that is not there, is virtual (rows do not hold it), or is a JSON or VECTOR.
  Result<std::vector<int>> Bind(const TableInfo& table) const;
  // Whether the condition holds; NULL does not. `positions`: as Bind gave them for this table.
  bool Holds(const TableInfo& table, std::span<const int> positions,
             std::span<const Datum> values) const;

  static constexpr size_t kBytesMax = 64 << 10;
  static constexpr int kDepthMax = 100;

 private:
  FilterExpression();

  std::string text_;
  std::vector<std::string> columns_;  // their names; nodes refer to them by number
  std::unique_ptr<const ExpressionNode> root_;
};

}  // namespace cdc
