// Whether everything that was ever committed upstream has arrived downstream.
#pragma once

#include <map>
#include <mutex>

#include "edge/api/json_views.h"

namespace cdc {

// Remembers when the rows of changefeeds were last seen to move. What happened before the first
// question counts as having happened at that moment, so an answer is never too good. Thread-safe.
class SyncedWatch {
 public:
  // The time (PD's) since when nothing has been written, as far as is known.
  Ts LastSynced(const ChangefeedId& id, uint64_t rows, Ts now);

 private:
  struct Seen {
    uint64_t rows = 0;
    Ts since;
  };
  std::mutex mutex_;  // guards the one below
  std::map<ChangefeedId, Seen> seen_;
};

// The answer of /api/v2/changefeeds/{id}/synced: synced when nothing has been written for 5 minutes
// and the checkpoint is at most 15 s old.
OrderedJson SyncedView(Ts checkpoint, Ts resolved, Ts last_synced, Ts now);

}  // namespace cdc
