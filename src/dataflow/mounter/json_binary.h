// JSON text to TiDB's binary JSON (its layout: model/json_text.cc).
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// [type][value], as rows hold it; members of objects sorted by key, as TiDB does. Errors:
// kUnmarshal if the text is no JSON.
Result<std::string> EncodeJson(std::string_view text);

}  // namespace cdc
