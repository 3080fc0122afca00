#include "base/memory_quota.h"

#include "base/check.h"

namespace cdc {

bool MemoryQuota::TryTake(size_t bytes) {
  size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (used != 0 && used + bytes > bytes_max_) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

bool MemoryQuota::Take(size_t bytes, std::stop_token stop) {
  if (TryTake(bytes)) return true;
  waiters_.fetch_add(1);
  std::unique_lock lock(mutex_);
  const bool taken = freed_.wait(lock, std::move(stop), [&] { return TryTake(bytes); });
  waiters_.fetch_sub(1);
  return taken;
}

void MemoryQuota::Release(size_t bytes) {
  const size_t before = used_.fetch_sub(bytes);
  CDC_CHECK(before >= bytes, "released {} bytes of {}", bytes, before);
  if (waiters_.load() > 0) Notify();
}

bool MemoryQuota::WaitBelow(std::stop_token stop) {
  if (!Exceeded()) return true;
  waiters_.fetch_add(1);
  std::unique_lock lock(mutex_);
  const bool below = freed_.wait(lock, std::move(stop), [&] { return !Exceeded(); });
  waiters_.fetch_sub(1);
  return below;
}

void MemoryQuota::Notify() {
  {
    std::lock_guard lock(mutex_);
  }  // a waiter is either before its check or in the wait
  freed_.notify_all();
}

}  // namespace cdc
