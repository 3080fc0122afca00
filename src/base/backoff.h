// Exponential back-off with jitter, fast at first.
#pragma once

#include <algorithm>
#include <random>

#include "base/clock.h"

namespace cdc {

struct BackoffConfig {
  Duration first = 10ms;
  Duration max = 10s;
  double factor = 2.0;
  double jitter = 0.1;  // each delay is multiplied by a number in [1 - jitter, 1 + jitter]
};

// Not thread-safe.
class Backoff {
 public:
  explicit Backoff(BackoffConfig config, uint64_t seed = std::random_device{}())
      : config_(config), random_(seed), next_(config.first) {}

  // The delay before the next try; grows with each call until Reset.
  Duration Next() {
    ++tries_;
    std::uniform_real_distribution<double> jitter(1 - config_.jitter, 1 + config_.jitter);
    const auto delay = std::chrono::duration_cast<Duration>(next_ * jitter(random_));
    next_ = std::min(config_.max, std::chrono::duration_cast<Duration>(next_ * config_.factor));
    return delay;
  }
  void Reset() {
    next_ = config_.first;
    tries_ = 0;
  }
  int tries() const { return tries_; }

 private:
  BackoffConfig config_;
  std::mt19937_64 random_;
  Duration next_;
  int tries_ = 0;
};

}  // namespace cdc
