#include <algorithm>
#include <mutex>
#include <numeric>

#include "dataflow/sorter/sorter.h"

namespace cdc {
namespace {

size_t Bytes(const std::vector<KvEvent>& events) {
  return std::accumulate(events.begin(), events.end(), size_t{0},
                         [](size_t sum, const KvEvent& event) { return sum + event.bytes(); });
}

// Moving KvEvents is what sorting them costs most, so small keys are sorted and the events moved
// once; the usual input of a quiet table is in order already.
void SortByCommit(std::vector<KvEvent>& events) {
  if (std::is_sorted(events.begin(), events.end(), CommitOrder)) return;
  struct Item {
    Ts commit_ts;
    Ts start_ts;
    uint32_t index;
  };
  std::vector<Item> items(events.size());
  for (uint32_t i = 0; i < items.size(); ++i)
    items[i] = {events[i].commit_ts, events[i].start_ts, i};
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    if (a.commit_ts != b.commit_ts) return a.commit_ts < b.commit_ts;
    if (a.start_ts != b.start_ts) return a.start_ts < b.start_ts;
    return events[a.index].key < events[b.index].key;
  });
  std::vector<KvEvent> sorted;
  sorted.reserve(events.size());
  for (const Item& item : items) sorted.push_back(std::move(events[item.index]));
  events = std::move(sorted);
}

// Drops all but the first of equal neighbours: after a region was subscribed to anew, the feed
// delivers again what is above the resolved ts. Returns the bytes they held.
size_t DropDoubles(std::vector<KvEvent>& events) {
  const auto same = [](const KvEvent& a, const KvEvent& b) {
    return a.commit_ts == b.commit_ts && a.start_ts == b.start_ts && a.key == b.key;
  };
  if (std::adjacent_find(events.begin(), events.end(), same) == events.end()) return 0;
  const size_t before = Bytes(events);
  events.erase(std::unique(events.begin(), events.end(), same), events.end());
  return before - Bytes(events);
}

// Two generations: `incoming_` as it arrives, and `ready_`, sorted, all of it at or below the
// resolved ts of the moment it was made. Later arrivals are above that ts, so the generations never
// need a merge.
class MemorySorter : public SpanSorter {
 public:
  explicit MemorySorter(std::shared_ptr<MemoryQuota> quota) : quota_(std::move(quota)) {}

  ~MemorySorter() override { quota_->Release(bytes_); }

  Status Append(std::vector<KvEvent> events) override {
    const size_t size = Bytes(events);
    std::lock_guard lock(mutex_);
    for (const KvEvent& event : events)
      if (event.commit_ts <= resolved_)
        return Status(Code::kEventFeedEvent, "a change at {} came after the resolved ts {}",
                      event.commit_ts, resolved_);
    quota_->Force(size);
    bytes_ += size;
    for (KvEvent& event : events) {
      incoming_first_ = std::min(incoming_first_, event.commit_ts);
      incoming_.push_back(std::move(event));
    }
    return Status::Ok();
  }

  void Advance(Ts resolved) override {
    std::lock_guard lock(mutex_);
    resolved_ = std::max(resolved_, resolved);
  }

  Ts resolved() const override {
    std::lock_guard lock(mutex_);
    return resolved_;
  }

  Ts FirstPending() const override {
    std::lock_guard lock(mutex_);
    return FirstPendingLocked();
  }

  size_t bytes() const override {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

  Result<EventBatch> Scan(Ts bound, size_t bytes_max) override {
    EventBatch batch;
    size_t size = 0;
    {
      std::unique_lock lock(mutex_);
      bound = std::min(bound, resolved_);
      while (FirstPendingLocked() <= bound) {
        if (next_ == ready_.size()) MakeReady(lock);
        if (TakeReady(bound, bytes_max, &size, &batch)) break;
      }
      bytes_ -= size;
      batch.caught_up = FirstPendingLocked() > bound;
    }
    quota_->Release(size);
    return batch;
  }

 private:
  Ts FirstPendingLocked() const {
    if (next_ < ready_.size()) return ready_[next_].commit_ts;
    return std::min(sorting_first_, incoming_first_);
  }

  // Sorts what is at or below the resolved ts, outside the lock: the feed may go on appending
  // meanwhile.
  void MakeReady(std::unique_lock<std::mutex>& lock) {
    std::vector<KvEvent> resolved = std::move(incoming_);
    incoming_.clear();
    const auto tail = std::partition(resolved.begin(), resolved.end(), [&](const KvEvent& event) {
      return event.commit_ts <= resolved_;
    });
    incoming_first_ = Ts::Max();
    for (auto it = tail; it != resolved.end(); ++it) {
      incoming_first_ = std::min(incoming_first_, it->commit_ts);
      incoming_.push_back(std::move(*it));
    }
    resolved.erase(tail, resolved.end());
    for (const KvEvent& event : resolved)
      sorting_first_ = std::min(sorting_first_, event.commit_ts);
    lock.unlock();
    SortByCommit(resolved);
    const size_t doubled = DropDoubles(resolved);
    quota_->Release(doubled);
    lock.lock();
    bytes_ -= doubled;
    sorting_first_ = Ts::Max();
    ready_ = std::move(resolved);
    next_ = 0;
  }

  // Moves events up to `bound` into the batch; true when it is full.
  bool TakeReady(Ts bound, size_t bytes_max, size_t* size, EventBatch* batch) {
    while (next_ < ready_.size() && ready_[next_].commit_ts <= bound) {
      const KvEvent& event = ready_[next_];
      const bool same_txn = !batch->events.empty() &&
                            batch->events.back().commit_ts == event.commit_ts &&
                            batch->events.back().start_ts == event.start_ts;
      if (*size >= bytes_max && !same_txn) return true;
      if (*size >= 2 * bytes_max) {
        batch->txn_open = true;
        return true;
      }
      *size += event.bytes();
      batch->events.push_back(std::move(ready_[next_++]));
    }
    return next_ < ready_.size();
  }

  const std::shared_ptr<MemoryQuota> quota_;
  mutable std::mutex mutex_;  // guards all below; released while sorting
  std::vector<KvEvent> incoming_;
  Ts incoming_first_ = Ts::Max();
  std::vector<KvEvent> ready_;
  Ts sorting_first_ = Ts::Max();  // of the events that are being sorted, in neither vector
  size_t next_ = 0;               // into ready_; what is before it has been given out
  Ts resolved_;
  size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<SpanSorter> MakeMemorySorter(std::shared_ptr<MemoryQuota> quota) {
  return std::make_unique<MemorySorter>(std::move(quota));
}

}  // namespace cdc
