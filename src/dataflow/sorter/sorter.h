// Puts each span's events into commit order and holds them until the sink side asks.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/memory_quota.h"
#include "base/status.h"
#include "model/kv_event.h"

namespace cdc {

class SpillStore;

struct EventBatch {
  std::vector<KvEvent> events;  // by CommitOrder
  bool txn_open = false;        // the last transaction goes on in the next batch
  bool caught_up = false;       // nothing more up to the bound
};

// One span's events. Append and Advance come from the feed; Scan and Release from the span's
// worker.
//
// Threads: Append and Advance from one thread, Scan and Release from another; the two sides may run
// at the same time. Order: Scan never returns an event above the resolved ts, nor one event twice;
// by commit ts, start ts, key.
// Errors: Scan reads from disk what was spilled, and fails with what the disk reports; the changes
// are then lost here and have to be had again from upstream.
class SpanSorter {
 public:
  virtual ~SpanSorter() = default;
  // kEventFeedEvent: an event at or below the resolved ts; nothing was taken.
  virtual Status Append(std::vector<KvEvent> events) = 0;
  // Every later event has a greater commit ts. Monotonic; does not block.
  virtual void Advance(Ts resolved) = 0;
  virtual Ts resolved() const = 0;
  // The next events with commit_ts <= min(resolved, bound), at most about `bytes_max` of them,
  // whole transactions as long as they fit. Events given out leave the sorter.
  virtual Result<EventBatch> Scan(Ts bound, size_t bytes_max) = 0;
  // The lowest commit ts held, Ts::Max() when empty. Everything below it and up to the resolved ts
  // has been given out.
  virtual Ts FirstPending() const = 0;
  // Bytes held in memory now.
  virtual size_t bytes() const = 0;
  // Bytes on disk, not yet given out.
  virtual size_t spilled_bytes() const = 0;
};

// Makes the sorters of a node, and frees memory for them by having the largest spill to disk.
//
// Thread-safe.
class SorterPool {
 public:
  virtual ~SorterPool() = default;  // sorters may live on; they do not spill any more

  // What the sorter holds in memory counts against `quota`, which is no limit by itself: those who
  // append ask for room first.
  virtual std::unique_ptr<SpanSorter> Make(std::shared_ptr<MemoryQuota> quota) = 0;

  enum class Room {
    kYes,
    kNo,  // only reading can make room: there is no disk, or it is full
  };
  // Makes room for `bytes` more in `quota` and what it is part of. May write to disk for as long as
  // that takes; others who need room wait for it.
  virtual Result<Room> MakeRoom(const MemoryQuota& quota, size_t bytes) = 0;
  virtual bool can_spill() const = 0;
};

// `store` outlives the pool and its sorters; without one nothing is spilled.
std::unique_ptr<SorterPool> MakeSorterPool(SpillStore* store);

// What a sorter counts for `events`.
size_t SorterBytes(const std::vector<KvEvent>& events);

}  // namespace cdc
