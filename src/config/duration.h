// Durations as users of TiCDC write them: Go's notation, "1h30m", "500ms", "2m".
#pragma once

#include <chrono>
#include <string_view>

#include "base/status.h"

namespace cdc {

// A sign, then numbers (fractions allowed) each with a unit of ns, us, µs, ms, s, m, h; or plain
// "0". Errors (kDecode) quote the text.
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace cdc
