// Finishing transactions by hand, where a lock holds a region back.
#pragma once

#include "base/status.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

// A TiKvClient may be one of these, too. Thread-safe.
class LockCleaner {
 public:
  virtual ~LockCleaner() = default;
  // Commits or rolls back what is left of transactions that started at or before `max` in the
  // region, as their primary locks say. Those that are still alive are left alone. Blocks for 30 s
  // at most.
  virtual Status ResolveLocks(RegionId region, Ts max) = 0;
};

}  // namespace cdc
