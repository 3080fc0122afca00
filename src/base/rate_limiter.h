// Token bucket: `rate` tokens a second, at most `burst` saved up.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace cdc {

// Not thread-safe.
class RateLimiter {
 public:
  RateLimiter(double rate, double burst, SteadyTime now)
      : rate_(rate), burst_(burst), tokens_(burst), last_(now) {}

  // How long to wait before the next event may happen, zero if it may happen now. Taking the token
  // is part of the call: the caller waits, then acts.
  Duration Reserve(SteadyTime now) {
    const double elapsed = std::chrono::duration<double>(now - last_).count();
    tokens_ = std::min(burst_, tokens_ + std::max(0.0, elapsed) * rate_);
    last_ = std::max(last_, now);
    tokens_ -= 1;
    if (tokens_ >= 0) return Duration::zero();
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(-tokens_ / rate_));
  }

 private:
  const double rate_;
  const double burst_;
  double tokens_;
  SteadyTime last_;
};

}  // namespace cdc
