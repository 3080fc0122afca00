// A line as a shell splits it into words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc {

// Spaces part words; '…' and "…" hold them together, a backslash takes the next sign as it is (not
// within '…'). Nothing is expanded. kInvalidServerOption when a quote is not closed.
Result<std::vector<std::string>> SplitShellWords(std::string_view line);

}  // namespace cdc
