#include "config/duration.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace cdc {
namespace {

// Longer units first where one is the prefix of another.
constexpr std::array<std::pair<std::string_view, double>, 8> kUnits = {{
    {"ns", 1},
    {"us", 1e3},
    {"µs", 1e3},
    {"μs", 1e3},
    {"ms", 1e6},
    {"s", 1e9},
    {"m", 60e9},
    {"h", 3600e9},
}};

}  // namespace

Result<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  const auto bad = [text] { return Error(Code::kDecode, "invalid duration \"{}\"", text); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty()) return bad();
  if (rest == "0") return std::chrono::nanoseconds(0);
  double total_ns = 0;
  while (!rest.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    if (error != std::errc() || rest.front() == '-' || !std::isfinite(number)) return bad();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    bool found = false;
    for (const auto& [unit, ns] : kUnits) {
      if (!rest.starts_with(unit)) continue;
      total_ns += number * ns;
      rest.remove_prefix(unit.size());
      found = true;
      break;
    }
    if (!found || total_ns > 9.2e18) return bad();
  }
  return std::chrono::nanoseconds(std::llround(negative ? -total_ns : total_ns));
}

}  // namespace cdc
