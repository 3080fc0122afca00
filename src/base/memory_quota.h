// A shared budget of bytes. Components take from it before they hold data and give back after.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>

namespace cdc {

// Thread-safe.
class MemoryQuota {
 public:
  explicit MemoryQuota(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes without waiting, past the limit if need be: for what is already in memory.
  void Force(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  // Takes if it fits, or if nothing is taken (one item always fits).
  bool TryTake(size_t bytes);
  // Waits until it fits; false if stopped first.
  bool Take(size_t bytes, std::stop_token stop);
  void Release(size_t bytes);

  bool Exceeded() const { return used() >= bytes_max_; }
  // Waits until used() < bytes_max; false if stopped first.
  bool WaitBelow(std::stop_token stop);
  // Wakes all who wait in WaitBelow or Take, to look again.
  void Notify();

  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t bytes_max() const { return bytes_max_; }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> used_{0};
  std::atomic<int> waiters_{0};
  std::mutex mutex_;  // only for waiting
  std::condition_variable_any freed_;
};

}  // namespace cdc
