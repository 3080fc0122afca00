// When progress is written to etcd.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace cdc {

// Every write wakes every node. So what only moves on, checkpoints and positions, is written for
// all changefeeds at the same moment, which makes it one transaction, and the more changefeeds
// there are the more rarely. Not thread-safe.
class ProgressPace {
 public:
  explicit ProgressPace(Duration interval) : interval_(interval) {}

  // Once a tick: whether this is the moment.
  bool Due(size_t changefeeds, SteadyTime now) {
    constexpr size_t kAtFullPace = 4;
    constexpr size_t kSlowestFactor = 20;
    const auto factor = static_cast<Duration::rep>(
        std::clamp<size_t>(changefeeds / kAtFullPace, 1, kSlowestFactor));
    if (now - last_ < interval_ * factor) return false;
    last_ = now;
    return true;
  }

 private:
  const Duration interval_;
  SteadyTime last_;
};

}  // namespace cdc
