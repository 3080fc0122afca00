// The vocabulary of time: TiDB timestamps.
#pragma once

#include <compare>
#include <cstdint>

#include <fmt/format.h>

namespace cdc {

// A TiDB timestamp: 46 bits of Unix milliseconds, 18 bits of counter. Not a wall-clock reading.
class Ts {
 public:
  constexpr Ts() = default;  // zero: before everything
  constexpr explicit Ts(uint64_t raw) : raw_(raw) {}
  static constexpr Ts FromUnixMs(uint64_t unix_ms) { return Ts(unix_ms << 18); }
  static constexpr Ts Max() { return Ts(UINT64_MAX); }

  constexpr uint64_t raw() const { return raw_; }
  constexpr uint64_t unix_ms() const { return raw_ >> 18; }
  constexpr Ts Prev() const { return Ts(raw_ - 1); }
  constexpr Ts Next() const { return Ts(raw_ + 1); }
  friend constexpr auto operator<=>(Ts, Ts) = default;

 private:
  uint64_t raw_ = 0;
};

}  // namespace cdc

template <>
struct fmt::formatter<cdc::Ts> : fmt::formatter<uint64_t> {
  auto format(cdc::Ts ts, fmt::format_context& context) const {
    return fmt::formatter<uint64_t>::format(ts.raw(), context);
  }
};
