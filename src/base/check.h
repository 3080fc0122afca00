// Checks of our own invariants. A failed check is a bug: it prints the place and the values and
// aborts, in release builds too. Never for input, network or disk: those return a Status.
#pragma once

#include <string>

#include <fmt/core.h>

namespace cdc::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& detail);
}  // namespace cdc::internal

#define CDC_CHECK(condition, ...)                                              \
  do {                                                                         \
    if (!(condition)) [[unlikely]]                                             \
      ::cdc::internal::CheckFailed(__FILE__, __LINE__, #condition,             \
                                   ::cdc::internal::CheckDetail(__VA_ARGS__)); \
  } while (false)

namespace cdc::internal {
inline std::string CheckDetail() { return {}; }
template <typename... Args>
std::string CheckDetail(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace cdc::internal
