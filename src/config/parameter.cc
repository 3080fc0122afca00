#include "config/parameter.h"

#include <charconv>

#include "config/duration.h"

namespace cdc {
namespace {

Unexpected BadValue(Code code, std::string_view name, std::string_view value,
                    std::string_view expected) {
  return Error(code, "invalid {} '{}': expected {}", name, value, expected);
}

}  // namespace

Result<bool> ParseBool(Code code, std::string_view name, std::string_view value) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (value == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (value == no) return false;
  return BadValue(code, name, value, "true or false");
}

Result<int64_t> ParseInteger(Code code, std::string_view name, std::string_view value, int64_t min,
                             int64_t max) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < min || number > max)
    return BadValue(code, name, value, fmt::format("a number from {} to {}", min, max));
  return number;
}

Result<std::chrono::milliseconds> ParseTimeout(Code code, std::string_view name,
                                               std::string_view value) {
  const auto duration = ParseDuration(value);
  if (!duration || *duration <= std::chrono::nanoseconds::zero())
    return BadValue(code, name, value, "a duration above zero, like 10s or 500ms");
  return std::chrono::ceil<std::chrono::milliseconds>(*duration);
}

}  // namespace cdc
