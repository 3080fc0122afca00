#include "dataflow/dispatcher/table_flow.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "base/failpoint.h"

namespace cdc {
namespace {

// Large enough that the cost per batch vanishes, small enough that a few per table fit into any
// memory budget.
constexpr size_t kBatchBytes = 512 << 10;

}  // namespace

TableFlow::TableFlow(TableId id, Ts start, Ts target, std::unique_ptr<SpanSorter> sorter,
                     std::unique_ptr<Mounter> mounter, FlowHost& host)
    : id_(id),
      target_(target),
      host_(host),
      sorter_(std::move(sorter)),
      mounter_(std::move(mounter)),
      checkpoint_(start) {
  sorter_->Advance(start);
}

void TableFlow::AddBarrier(Ts ts) {
  std::lock_guard lock(mutex_);
  CDC_CHECK(barriers_.empty() || barriers_.back() <= ts, "barrier {} after {}", ts,
            barriers_.back());
  if (barriers_.empty() || barriers_.back() != ts) barriers_.push_back(ts);
}

void TableFlow::FinishDdls(Ts ts) {
  std::lock_guard lock(mutex_);
  while (!barriers_.empty() && barriers_.front() <= ts) barriers_.pop_front();
}

Ts TableFlow::LimitLocked() const {
  Ts limit = std::min({sorter_->resolved(), host_.SchemaBound(), target_});
  if (!barriers_.empty()) limit = std::min(limit, barriers_.front());
  return limit;
}

bool TableFlow::HasWork() const {
  std::lock_guard lock(mutex_);
  return !stopped_ && sorter_->FirstPending() <= LimitLocked();
}

bool TableFlow::Step() {
  std::lock_guard step(step_mutex_);
  Ts limit;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return false;
    limit = LimitLocked();
  }
  if (sorter_->FirstPending() > limit) return false;
  if (!host_.AdmitBatch(shared_from_this(), id_)) return false;
  {
    std::lock_guard lock(mutex_);
    CheckpointLocked();  // fixes the checkpoint at what it is before the events leave the sorter
    reading_ = true;
  }
  if (Status status = WriteNext(limit); !status.ok()) {
    // reading_ stays set: the checkpoint must not pass what was lost.
    host_.Fail(status.WithContext(fmt::format("table {}", id_)));
    return false;
  }
  return true;
}

Status TableFlow::WriteNext(Ts limit) {
  ASSIGN_OR_RETURN_STATUS(EventBatch events, sorter_->Scan(limit, kBatchBytes));
  const bool txn_open = events.txn_open;
  const Ts low = events.events.empty() ? limit : events.events.front().commit_ts.Prev();
  (void)FailPoint("MounterNodeWaitPrepare");
  host_.metrics().consumed.Add(static_cast<double>(events.events.size()));
  const SteadyTime start = SystemClock().Now();
  ASSIGN_OR_RETURN_STATUS(RowBatch mounted, mounter_->Mount(std::move(events.events)));
  host_.metrics().mount_seconds.Observe(
      std::chrono::duration<double>(SystemClock().Now() - start).count());
  mounted.txn_open = txn_open;

  const auto batch = std::make_shared<const RowBatch>(std::move(mounted));
  uint64_t sequence = 0;
  {
    std::lock_guard lock(mutex_);
    reading_ = false;
    if (batch->rows.empty()) return Status::Ok();
    sequence = next_sequence_++;
    in_flight_.push_back({.sequence = sequence, .low = low});
    ++unanswered_;
  }
  host_.BatchSent(batch->bytes);
  host_.sink().Write(
      batch, [self = shared_from_this(), sequence, bytes = batch->bytes, rows = batch->rows.size()](
                 const Status& status) { self->Acknowledge(sequence, bytes, rows, status); });
  return Status::Ok();
}

void TableFlow::Acknowledge(uint64_t sequence, size_t bytes, size_t rows, const Status& status) {
  bool stopped = false;
  {
    std::lock_guard lock(mutex_);
    stopped = stopped_;
    --unanswered_;
    if (status.ok()) {
      in_flight_[sequence - in_flight_.front().sequence].done = true;
      while (!in_flight_.empty() && in_flight_.front().done) in_flight_.pop_front();
    }
  }
  host_.BatchDone(bytes, status.ok() ? rows : 0);
  if (!status.ok() && !stopped) host_.Fail(status);
}

Ts TableFlow::CheckpointLocked() const {
  if (reading_) return checkpoint_;
  // The limit first: what arrives after it was read is above it.
  Ts checkpoint = LimitLocked();
  if (!in_flight_.empty()) {
    checkpoint = in_flight_.front().low;
  } else if (const Ts pending = sorter_->FirstPending(); pending <= checkpoint) {
    checkpoint = pending.Prev();
  }
  return checkpoint_ = std::max(checkpoint_, checkpoint);
}

Ts TableFlow::Checkpoint() const {
  std::lock_guard lock(mutex_);
  return CheckpointLocked();
}

Ts TableFlow::DdlReached() const {
  std::lock_guard lock(mutex_);
  Ts reached = host_.SchemaBound();
  if (barriers_.empty()) return reached;
  if (CheckpointLocked() < barriers_.front()) return barriers_.front().Prev();
  return barriers_.size() > 1 ? std::min(reached, barriers_[1].Prev()) : reached;
}

void TableFlow::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  std::lock_guard step(step_mutex_);
}

bool TableFlow::InFlight() const {
  std::lock_guard lock(mutex_);
  return unanswered_ > 0;
}

}  // namespace cdc
