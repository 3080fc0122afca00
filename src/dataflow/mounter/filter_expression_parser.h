// Text to the tree of a filter expression. Private to filter_expression.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/mounter/filter_expression_node.h"

namespace cdc {

// Adds the columns that the expression names to `columns`. Errors: kExpressionParse.
Result<NodePtr> ParseExpression(std::string_view text, int depth_max,
                                std::vector<std::string>* columns);

}  // namespace cdc
