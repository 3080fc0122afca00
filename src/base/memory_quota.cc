#include "base/memory_quota.h"

#include "base/check.h"

namespace cdc {

void MemoryQuota::Force(size_t bytes) {
  for (MemoryQuota* quota = this; quota; quota = quota->parent_.get())
    quota->used_.fetch_add(bytes, std::memory_order_relaxed);
}

bool MemoryQuota::TryTake(size_t bytes) {
  size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (used != 0 && used + bytes > bytes_max_) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  if (!parent_ || parent_->TryTake(bytes)) return true;
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

bool MemoryQuota::Take(size_t bytes, std::stop_token stop) {
  if (TryTake(bytes)) return true;
  return Wait(
      std::move(stop), [](MemoryQuota& quota, size_t size) { return quota.TryTake(size); }, bytes);
}

void MemoryQuota::Release(size_t bytes) {
  MemoryQuota* root = this;
  for (MemoryQuota* quota = this; quota; quota = quota->parent_.get()) {
    const size_t before = quota->used_.fetch_sub(bytes);
    CDC_CHECK(before >= bytes, "released {} bytes of {}", bytes, before);
    root = quota;
  }
  if (root->waiters_.load() > 0) root->Notify();
}

const MemoryQuota* MemoryQuota::Exceeding(size_t bytes) const {
  for (const MemoryQuota* quota = this; quota; quota = quota->parent_.get()) {
    const size_t used = quota->used();
    if (bytes == 0 ? used >= quota->bytes_max_ : used + bytes > quota->bytes_max_) return quota;
  }
  return nullptr;
}

bool MemoryQuota::WaitBelow(std::stop_token stop) {
  if (!Exceeded()) return true;
  return Wait(std::move(stop), [](MemoryQuota& quota, size_t) { return !quota.Exceeded(); }, 0);
}

bool MemoryQuota::Wait(std::stop_token stop, bool (*ready)(MemoryQuota&, size_t), size_t bytes) {
  MemoryQuota& root = Root();
  root.waiters_.fetch_add(1);
  std::unique_lock lock(root.mutex_);
  const bool done = root.freed_.wait(lock, std::move(stop), [&] { return ready(*this, bytes); });
  root.waiters_.fetch_sub(1);
  return done;
}

void MemoryQuota::Notify() {
  MemoryQuota& root = Root();
  {
    std::lock_guard lock(root.mutex_);
  }  // a waiter is either before its check or in the wait
  root.freed_.notify_all();
}

bool MemoryQuota::IsPartOf(const MemoryQuota& whole) const {
  for (const MemoryQuota* quota = this; quota; quota = quota->parent_.get())
    if (quota == &whole) return true;
  return false;
}

}  // namespace cdc
