#include "base/clock.h"

namespace cdc {
namespace {

class RealClock : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  WallTime WallNow() const override { return std::chrono::system_clock::now(); }

  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wakeup;
    std::unique_lock lock(mutex);
    wakeup.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }

  bool WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable_any& wakeup,
                 SteadyTime deadline, std::stop_token stop,
                 const std::function<bool()>& ready) override {
    return wakeup.wait_until(lock, std::move(stop), deadline, ready);
  }
};

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

}  // namespace cdc
