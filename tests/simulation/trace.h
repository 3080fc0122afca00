// The story of a simulation, for people: one line per event with its virtual time and process.
#pragma once

#include <string_view>

#include <fmt/core.h>

namespace cdc {

// From here on the product's log and Trace go to standard output, otherwise nowhere.
void StartTrace();
// Where traces go until the next call, with what is written to standard error: nowhere unless
// tracing.
bool Tracing();
void TraceLine(std::string_view line);

template <typename... Args>
void Trace(fmt::format_string<Args...> format, Args&&... args) {
  if (Tracing()) TraceLine(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace cdc
