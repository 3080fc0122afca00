// Time and waiting, injected so that tests decide when it passes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>

namespace cdc {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

// Thread-safe. Outlives everything that holds a reference to it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
  // Returns true after `duration`, false as soon as `stop` is requested.
  virtual bool SleepFor(Duration duration, std::stop_token stop) = 0;
  // Waits until `ready()` (checked under `lock` after each notification of `wakeup`), the deadline
  // or the stop, and returns ready() as it then is.
  virtual bool WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable_any& wakeup,
                         SteadyTime deadline, std::stop_token stop,
                         const std::function<bool()>& ready) = 0;
};

// The machine's clocks.
Clock& SystemClock();

}  // namespace cdc
