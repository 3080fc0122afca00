// Sorting events without moving them more often than needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/kv_event.h"

namespace cdc {

// Events as they arrived, batch by batch.
using EventBatches = std::vector<std::vector<KvEvent>>;

// Where an event is, with what it is sorted by first.
struct CommitOrderItem {
  Ts commit_ts;
  Ts start_ts;
  uint32_t batch;
  uint32_t index;
};

// All events of `batches` in commit order; the same change may be among them several times.
std::vector<CommitOrderItem> InCommitOrder(const EventBatches& batches);

// Moves them into one vector in commit order, each once. Adds what the sorter counted for those
// left out to `bytes_left_out`.
std::vector<KvEvent> TakeInCommitOrder(EventBatches batches, size_t* bytes_left_out);

// What the sorter counts for an event: its bytes, the fields of the received message that nobody
// looks at, and slack of the vectors.
inline size_t SorterBytes(const KvEvent& event) { return event.bytes() + 64; }

inline bool SameChange(const KvEvent& a, const KvEvent& b) {
  return a.commit_ts == b.commit_ts && a.start_ts == b.start_ts && a.key == b.key;
}

}  // namespace cdc
