// PD's timestamps, from a clock that may run from another time on and at another pace.
#pragma once

#include <mutex>

#include "base/clock.h"
#include "model/ts.h"

namespace cdc {

// Thread-safe. Strictly monotonic, also across SetPace.
class Oracle {
 public:
  explicit Oracle(Clock& clock);

  // The last of `count` consecutive timestamps.
  Ts Next(uint32_t count = 1);
  // From now on time is what it is at `from`, and runs `pace` times as fast as the machine's. Time
  // never goes back: an earlier `from` has an effect only before the first timestamp is given out.
  void SetPace(Ts from, double pace);
  // All timestamps from now on are above `ts`.
  void Raise(Ts ts);
  Ts Now() const;  // what Next would start from; not given out

 private:
  Ts ClockTs() const;

  Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  SteadyTime since_;
  double from_ms_ = 0;
  double pace_ = 1;
  Ts last_;
};

}  // namespace cdc
