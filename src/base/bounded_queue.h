// A queue bounded in bytes between threads. One item always fits into an empty queue, so a huge one
// cannot jam the flow.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace cdc {

// Thread-safe; any number of producers and consumers. T needs `size_t bytes() const`.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Blocks while full. False: stopped or closed, the item is dropped.
  [[nodiscard]] bool Push(T item, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    const size_t size = item.bytes();
    space_.wait(lock, stop,
                [&] { return closed_ || items_.empty() || bytes_ + size <= bytes_max_; });
    if (closed_ || stop.stop_requested()) return false;
    bytes_ += size;
    items_.push_back(std::move(item));
    lock.unlock();
    filled_.notify_one();
    return true;
  }

  // nullopt: stopped, or closed and empty.
  std::optional<T> Pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, stop, [&] { return closed_ || !items_.empty(); });
    if (items_.empty() || stop.stop_requested()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item.bytes();
    lock.unlock();
    space_.notify_all();
    return item;
  }

  // Producers are done; consumers drain what is left.
  void Close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
    space_.notify_all();
  }

  size_t bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  const size_t bytes_max_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any filled_;
  std::condition_variable_any space_;
  std::deque<T> items_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace cdc
