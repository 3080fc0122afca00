// Values of sink URI parameters: text to typed values, with errors that name the parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// All that Go's strconv.ParseBool takes: 1, t, T, true, TRUE, True and their opposites.
Result<bool> ParseBool(Code code, std::string_view name, std::string_view value);
// A decimal number from `min` to `max`.
Result<int64_t> ParseInteger(Code code, std::string_view name, std::string_view value, int64_t min,
                             int64_t max);
// A duration above zero in Go's notation; rounded up to milliseconds.
Result<std::chrono::milliseconds> ParseTimeout(Code code, std::string_view name,
                                               std::string_view value);

}  // namespace cdc
