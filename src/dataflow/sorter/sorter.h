// Puts each span's events into commit order and holds them until the sink side asks.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/memory_quota.h"
#include "base/status.h"
#include "model/kv_event.h"

namespace cdc {

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
  // Bytes held now.
  virtual size_t bytes() const = 0;
};

// In memory only. What it holds counts against `quota`; the quota is not a limit here:
// back-pressure is the business of those who append.
std::unique_ptr<SpanSorter> MakeMemorySorter(std::shared_ptr<MemoryQuota> quota);

}  // namespace cdc
