#include "dataflow/sorter/span_sorter.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "dataflow/sorter/event_codec.h"

namespace cdc {
namespace {

constexpr size_t kArenaBytes = 128 << 10;

Ts FirstOf(const std::vector<KvEvent>& events) {
  Ts first = Ts::Max();
  for (const KvEvent& event : events) first = std::min(first, event.commit_ts);
  return first;
}

// Moves what is above `bound` out of the batch.
std::vector<KvEvent> TakeAbove(std::vector<KvEvent>& batch, Ts bound) {
  const auto tail = std::partition(batch.begin(), batch.end(),
                                   [&](const KvEvent& event) { return event.commit_ts <= bound; });
  std::vector<KvEvent> above(std::make_move_iterator(tail), std::make_move_iterator(batch.end()));
  batch.erase(tail, batch.end());
  return above;
}

// Sizes on disk are only told approximately; so the same on the way there and back.
size_t DiskBytes(const KvEvent& event) {
  return event.key.size() + event.value.size() + event.old_value.size() + 32;
}

}  // namespace

size_t SorterBytes(const std::vector<KvEvent>& events) {
  return std::accumulate(events.begin(), events.end(), size_t{0},
                         [](size_t sum, const KvEvent& event) { return sum + SorterBytes(event); });
}

SpanSorterImpl::SpanSorterImpl(std::shared_ptr<MemoryQuota> quota, std::shared_ptr<SpillHost> host)
    : quota_(std::move(quota)), host_(std::move(host)) {}

SpanSorterImpl::~SpanSorterImpl() {
  host_->Forget(this);
  quota_->Release(bytes_);
  if (space_) host_->store()->Drop(*space_);
}

Status SpanSorterImpl::Append(std::vector<KvEvent> events) {
  if (events.empty()) return Status::Ok();
  const size_t size = SorterBytes(events);
  const Ts first = FirstOf(events);
  std::lock_guard lock(mutex_);
  if (first <= resolved_)
    return Status(Code::kEventFeedEvent, "a change at {} came after the resolved ts {}", first,
                  resolved_);
  quota_->Force(size);
  bytes_ += size;
  incoming_first_ = std::min(incoming_first_, first);
  incoming_.push_back(std::move(events));
  return Status::Ok();
}

void SpanSorterImpl::Advance(Ts resolved) {
  std::lock_guard lock(mutex_);
  resolved_ = std::max(resolved_, resolved);
}

Ts SpanSorterImpl::resolved() const {
  std::lock_guard lock(mutex_);
  return resolved_;
}

Ts SpanSorterImpl::FirstPending() const {
  std::lock_guard lock(mutex_);
  return FirstPendingLocked();
}

Ts SpanSorterImpl::FirstPendingLocked() const {
  const Ts ready = next_ < ready_.size() ? ready_[next_].commit_ts : Ts::Max();
  return std::min({ready, working_first_, incoming_first_, disk_first_});
}

size_t SpanSorterImpl::spilled_bytes() const {
  std::lock_guard lock(mutex_);
  return disk_bytes_;
}

Result<EventBatch> SpanSorterImpl::Scan(Ts bound, size_t bytes_max) {
  (void)FailPoint("sorterMergeDelay");
  EventBatch batch;
  Status status;
  size_t from_memory = 0;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return !busy_; });
    busy_ = true;
    batch_bytes_ = 0;
    batch_memory_ = 0;
    bound = std::min(bound, resolved_);
    if (disk_first_ == Ts::Max()) {
      ScanMemory(lock, bound, bytes_max, &batch);
    } else {
      status = ScanMerged(lock, bound, bytes_max, &batch);
    }
    from_memory = batch_memory_;
    bytes_ -= from_memory;
    batch.caught_up = FirstPendingLocked() > bound;
    if (next_ == ready_.size()) {
      ready_ = {};  // not only its elements take memory
      next_ = 0;
    }
    busy_ = false;
  }
  idle_.notify_all();
  quota_->Release(from_memory);
  if (!status.ok()) return Unexpected(std::move(status));
  return batch;
}

// Sorts what is at or below the resolved ts, outside the lock: the feed may go on appending
// meanwhile.
void SpanSorterImpl::MakeReady(std::unique_lock<std::mutex>& lock) {
  const Ts bound = resolved_;
  EventBatches taken = std::exchange(incoming_, {});
  working_first_ = std::exchange(incoming_first_, Ts::Max());
  lock.unlock();
  EventBatches above;
  Ts above_first = Ts::Max();
  for (auto& batch : taken) {
    std::vector<KvEvent> rest = TakeAbove(batch, bound);
    if (rest.empty()) continue;
    above_first = std::min(above_first, FirstOf(rest));
    above.push_back(std::move(rest));
  }
  size_t doubled = 0;
  std::vector<KvEvent> sorted = TakeInCommitOrder(std::move(taken), &doubled);
  quota_->Release(doubled);
  lock.lock();
  bytes_ -= doubled;
  working_first_ = Ts::Max();
  ready_ = std::move(sorted);
  next_ = 0;
  incoming_first_ = std::min(incoming_first_, above_first);
  std::ranges::move(above, std::back_inserter(incoming_));
}

// Moves the event into the batch; false if that is full.
bool SpanSorterImpl::Take(KvEvent& event, size_t bytes_max, EventBatch* batch) {
  if (batch_bytes_ >= bytes_max && !batch->events.empty()) {
    const KvEvent& last = batch->events.back();
    const bool same_txn = last.commit_ts == event.commit_ts && last.start_ts == event.start_ts;
    if (!same_txn) return false;
    if (batch_bytes_ >= 2 * bytes_max) {
      batch->txn_open = true;
      return false;
    }
  }
  batch_bytes_ += event.bytes();
  batch->events.push_back(std::move(event));
  return true;
}

void SpanSorterImpl::ScanMemory(std::unique_lock<std::mutex>& lock, Ts bound, size_t bytes_max,
                                EventBatch* batch) {
  while (FirstPendingLocked() <= bound) {
    if (next_ == ready_.size()) MakeReady(lock);
    while (next_ < ready_.size() && ready_[next_].commit_ts <= bound) {
      const size_t size = SorterBytes(ready_[next_]);
      if (!Take(ready_[next_], bytes_max, batch)) return;
      batch_memory_ += size;
      ++next_;
    }
    if (next_ < ready_.size()) break;
  }
}

// ---- With the disk ----

// About as much as a batch takes, and the first event that it does not take, which tells whether a
// transaction goes on; the rest is read again.
Status SpanSorterImpl::ReadDisk(Ts bound, size_t bytes_max, DiskPart* part) {
  ASSIGN_OR_RETURN_STATUS(const auto cursor, host_->store()->Read(*space_, read_up_to_));
  Arena arena(kArenaBytes);
  for (size_t size = 0; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN_STATUS(const Ts commit_ts, DecodeCommitTs(cursor->key()));
    if (commit_ts > bound) {
      part->next = commit_ts;
      return Status::Ok();
    }
    ASSIGN_OR_RETURN_STATUS(KvEvent event, DecodeEvent(cursor->key(), cursor->value(), &arena));
    const bool same_txn = !part->events.empty() &&
                          part->events.back().commit_ts == event.commit_ts &&
                          part->events.back().start_ts == event.start_ts;
    const bool enough = size >= 2 * bytes_max || (size >= bytes_max && !same_txn);
    size += event.bytes();
    part->events.push_back(std::move(event));
    if (enough) {
      part->next = commit_ts;  // or later
      return Status::Ok();
    }
  }
  return cursor->status();
}

Status SpanSorterImpl::ScanMerged(std::unique_lock<std::mutex>& lock, Ts bound, size_t bytes_max,
                                  EventBatch* batch) {
  DiskPart disk;
  if (disk_first_ <= bound) {
    lock.unlock();
    Status status = ReadDisk(bound, bytes_max, &disk);
    lock.lock();
    RETURN_IF_ERROR(std::move(status));
  } else {
    disk.next = disk_first_;
  }
  size_t at = 0;
  size_t disk_bytes = 0;
  for (;;) {
    if (next_ == ready_.size() && incoming_first_ <= bound) MakeReady(lock);
    const bool in_memory = next_ < ready_.size() && ready_[next_].commit_ts <= bound;
    const bool on_disk = at < disk.events.size();
    if (!on_disk && disk.next <= bound) break;  // what follows may be on disk
    if (!in_memory && !on_disk) break;
    if (in_memory && on_disk && SameChange(ready_[next_], disk.events[at])) {
      disk_bytes += DiskBytes(disk.events[at++]);
      continue;
    }
    const bool take_disk = on_disk && (!in_memory || CommitOrder(disk.events[at], ready_[next_]));
    KvEvent& event = take_disk ? disk.events[at] : ready_[next_];
    const size_t size = take_disk ? DiskBytes(event) : SorterBytes(event);
    if (!Take(event, bytes_max, batch)) break;
    if (take_disk) {
      ++at;
      disk_bytes += size;
    } else {
      ++next_;
      batch_memory_ += size;
    }
  }
  disk_first_ = at < disk.events.size() ? disk.events[at].commit_ts : disk.next;
  ForgetRead(*batch, disk_bytes);
  return Status::Ok();
}

// What was given out is not asked for again.
void SpanSorterImpl::ForgetRead(const EventBatch& batch, size_t disk_bytes) {
  if (disk_first_ == Ts::Max()) {
    host_->store()->Drop(*std::exchange(space_, std::nullopt));
    read_up_to_.clear();
    disk_bytes_ = 0;
    return;
  }
  if (batch.events.empty()) return;
  EncodeEventKey(batch.events.back(), &read_up_to_);
  read_up_to_.push_back('\0');
  host_->store()->DropBelow(*space_, read_up_to_, disk_bytes);
  disk_bytes_ -= std::min(disk_bytes_, disk_bytes);
}

bool SpanSorterImpl::BeginSpill(IfBusy if_busy) {
  std::unique_lock lock(mutex_);
  if (busy_ && if_busy == IfBusy::kSkip) return false;
  idle_.wait(lock, [&] { return !busy_; });
  if (incoming_.empty() && next_ == ready_.size()) return false;
  busy_ = true;
  working_first_ = incoming_first_;
  if (next_ < ready_.size()) working_first_ = std::min(working_first_, ready_[next_].commit_ts);
  spilling_ = std::exchange(incoming_, {});
  incoming_first_ = Ts::Max();
  spilling_.emplace_back(std::make_move_iterator(ready_.begin() + static_cast<ptrdiff_t>(next_)),
                         std::make_move_iterator(ready_.end()));
  ready_ = {};
  next_ = 0;
  spilling_disk_bytes_ = 0;
  if (!space_) space_ = host_->store()->NewSpace();
  return true;
}

Status SpanSorterImpl::WriteTo(SpillStore::Run* run) {
  std::string key;
  std::string value;
  const KvEvent* last = nullptr;
  for (const CommitOrderItem& item : InCommitOrder(spilling_)) {
    const KvEvent& event = spilling_[item.batch][item.index];
    if (last && SameChange(*last, event)) continue;
    last = &event;
    EncodeEventKey(event, &key);
    EncodeEventValue(event, &value);
    RETURN_IF_ERROR(run->Add(*space_, key, value));
    spilling_disk_bytes_ += DiskBytes(event);
  }
  return Status::Ok();
}

size_t SpanSorterImpl::EndSpill(bool written) {
  EventBatches done;
  size_t freed = 0;
  {
    std::lock_guard lock(mutex_);
    CDC_CHECK(busy_, "a spill ends that did not begin");
    if (written) {
      done = std::exchange(spilling_, {});
      for (const auto& batch : done) freed += SorterBytes(batch);
      bytes_ -= freed;
      disk_first_ = std::min(disk_first_, working_first_);
      disk_bytes_ += spilling_disk_bytes_;
    } else {
      incoming_first_ = std::min(incoming_first_, working_first_);
      std::ranges::move(spilling_, std::back_inserter(incoming_));
      spilling_.clear();
    }
    working_first_ = Ts::Max();
    busy_ = false;
  }
  idle_.notify_all();
  done = {};  // before others hear that there is room
  quota_->Release(freed);
  return freed;
}

}  // namespace cdc
