// The topic of a table: a fixed name, or one made from the table's.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// "[prefix]{schema}[middle]{table}[suffix]", each part optional. Immutable.
class TopicExpression {
 public:
  // Errors (kSinkConfig) quote the text.
  static Result<TopicExpression> Parse(std::string_view text);

  // Characters that no topic may have become '_'; a name that is too long is cut.
  std::string NameFor(std::string_view schema, std::string_view table) const;

 private:
  explicit TopicExpression(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace cdc
