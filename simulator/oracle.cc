#include "simulator/oracle.h"

#include <algorithm>

namespace cdc {

Oracle::Oracle(Clock& clock) : clock_(clock), since_(clock.Now()) {
  const auto wall = clock.WallNow().time_since_epoch();
  from_ms_ =
      static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
}

Ts Oracle::ClockTs() const {
  const std::chrono::duration<double, std::milli> passed = clock_.Now() - since_;
  return Ts::FromUnixMs(static_cast<uint64_t>(from_ms_ + passed.count() * pace_));
}

Ts Oracle::Next(uint32_t count) {
  std::lock_guard lock(mutex_);
  last_ = Ts(std::max(ClockTs().raw(), last_.raw() + 1) + count - 1);
  return last_;
}

void Oracle::SetPace(Ts from, double pace) {
  std::lock_guard lock(mutex_);
  since_ = clock_.Now();
  from_ms_ = static_cast<double>(from.unix_ms());
  pace_ = pace;
}

void Oracle::Raise(Ts ts) {
  std::lock_guard lock(mutex_);
  last_ = std::max(last_, ts);
}

Ts Oracle::Now() const {
  std::lock_guard lock(mutex_);
  return std::max(ClockTs(), last_.Next());
}

}  // namespace cdc
