#include "simulator/feed_stream.h"

#include <atomic>
#include <utility>

namespace cdc {
namespace {
// TiKV sends up to 6 MiB; large enough for the cost of a message not to matter.
constexpr size_t kMessageBytes = 1 << 20;
}  // namespace

uint64_t FeedStream::NextNumber() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void FeedStream::SealLocked() {
  if (open_.empty()) return;
  sealed_.push_back(std::exchange(open_, {}));
}

void FeedStream::Append(std::string_view events) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  open_.append(events);
  queued_bytes_ += events.size();
  if (open_.size() >= kMessageBytes) SealLocked();
  filled_.notify_one();
}

void FeedStream::Append(std::string&& events) {
  if (events.size() < kMessageBytes / 4) return Append(std::string_view(events));
  std::lock_guard lock(mutex_);
  if (closed_) return;
  SealLocked();
  queued_bytes_ += events.size();
  sealed_.push_back(std::move(events));
  filled_.notify_one();
}

void FeedStream::AppendResolved(std::string_view resolved) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  open_.append(resolved);
  queued_bytes_ += resolved.size();
  SealLocked();
  filled_.notify_one();
}

std::optional<std::string> FeedStream::Next() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock,
               [this] { return closed_ || (!stalled_ && (!sealed_.empty() || !open_.empty())); });
  if (closed_) return std::nullopt;
  if (sealed_.empty()) SealLocked();
  std::string message = std::move(sealed_.front());
  sealed_.pop_front();
  queued_bytes_ -= message.size();
  drained_.notify_all();
  return message;
}

void FeedStream::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  open_.clear();
  sealed_.clear();
  queued_bytes_ = 0;
  filled_.notify_all();
  drained_.notify_all();
}

void FeedStream::Stall(bool on) {
  std::lock_guard lock(mutex_);
  stalled_ = on;
  filled_.notify_all();
}

size_t FeedStream::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return queued_bytes_;
}

bool FeedStream::WaitForRoom(size_t bytes, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, std::move(stop), [&] { return closed_ || queued_bytes_ < bytes; });
  return !closed_ && queued_bytes_ < bytes;
}

}  // namespace cdc
