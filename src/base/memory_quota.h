// A shared budget of bytes. Components take from it before they hold data and give back after.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>

namespace cdc {

// May be a part of another quota: what is taken from the part is taken from the whole as well, and
// either limit holds. Whoever waits for a part is woken by what any part of the whole gives back.
//
// Thread-safe.
class MemoryQuota {
 public:
  explicit MemoryQuota(size_t bytes_max, std::shared_ptr<MemoryQuota> parent = nullptr)
      : bytes_max_(bytes_max), parent_(std::move(parent)) {}

  // Takes without waiting, past the limit if need be: for what is already in memory.
  void Force(size_t bytes);
  // Takes if it fits, or if nothing is taken (one item always fits).
  bool TryTake(size_t bytes);
  // Waits until it fits; false if stopped first.
  bool Take(size_t bytes, std::stop_token stop);
  void Release(size_t bytes);

  // This or a whole that it is part of is used up.
  bool Exceeded() const { return Exceeding() != nullptr; }
  // Of this and the wholes it is part of, the first that has no room for `bytes` more.
  const MemoryQuota* Exceeding(size_t bytes = 0) const;
  // Waits until not Exceeded(); false if stopped first.
  bool WaitBelow(std::stop_token stop);
  // Wakes all who wait in WaitBelow or Take, to look again.
  void Notify();

  bool IsPartOf(const MemoryQuota& whole) const;
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t bytes_max() const { return bytes_max_; }

 private:
  MemoryQuota& Root() { return parent_ ? parent_->Root() : *this; }
  bool Wait(std::stop_token stop, bool (*ready)(MemoryQuota&, size_t), size_t bytes);

  const size_t bytes_max_;
  const std::shared_ptr<MemoryQuota> parent_;
  std::atomic<size_t> used_{0};
  // Of the root, for all parts:
  std::atomic<int> waiters_{0};
  std::mutex mutex_;  // only for waiting
  std::condition_variable_any freed_;
};

// Bytes of a quota that are held until the holder goes. Not thread-safe.
class QuotaHold {
 public:
  explicit QuotaHold(std::shared_ptr<MemoryQuota> quota) : quota_(std::move(quota)) {}
  ~QuotaHold() { Set(0); }
  QuotaHold(const QuotaHold&) = delete;
  QuotaHold& operator=(const QuotaHold&) = delete;

  // Holds so much from now on, past the limit if need be.
  void Set(size_t bytes) {
    if (bytes > bytes_) quota_->Force(bytes - bytes_);
    if (bytes < bytes_) quota_->Release(bytes_ - bytes);
    bytes_ = bytes;
  }
  size_t bytes() const { return bytes_; }

 private:
  const std::shared_ptr<MemoryQuota> quota_;
  size_t bytes_ = 0;
};

}  // namespace cdc
