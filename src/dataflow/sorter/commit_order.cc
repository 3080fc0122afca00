#include "dataflow/sorter/commit_order.h"

#include <algorithm>

namespace cdc {
namespace {

// Strictly: no change is in there twice.
bool InOrder(const EventBatches& batches) {
  const KvEvent* last = nullptr;
  for (const auto& batch : batches)
    for (const KvEvent& event : batch) {
      if (last && !CommitOrder(*last, event)) return false;
      last = &event;
    }
  return true;
}

}  // namespace

std::vector<CommitOrderItem> InCommitOrder(const EventBatches& batches) {
  size_t count = 0;
  for (const auto& batch : batches) count += batch.size();
  std::vector<CommitOrderItem> items;
  items.reserve(count);
  for (uint32_t b = 0; b < batches.size(); ++b)
    for (uint32_t i = 0; i < batches[b].size(); ++i)
      items.push_back({batches[b][i].commit_ts, batches[b][i].start_ts, b, i});
  std::sort(items.begin(), items.end(), [&](const CommitOrderItem& x, const CommitOrderItem& y) {
    if (x.commit_ts != y.commit_ts) return x.commit_ts < y.commit_ts;
    if (x.start_ts != y.start_ts) return x.start_ts < y.start_ts;
    return batches[x.batch][x.index].key < batches[y.batch][y.index].key;
  });
  return items;
}

// Moving events is what this costs most. A single batch in order, as a quiet table's, is not moved
// at all, everything else once.
std::vector<KvEvent> TakeInCommitOrder(EventBatches batches, size_t* bytes_left_out) {
  std::vector<KvEvent> sorted;
  if (InOrder(batches)) {
    if (batches.size() == 1) return std::move(batches.front());
    size_t count = 0;
    for (const auto& batch : batches) count += batch.size();
    sorted.reserve(count);
    for (auto& batch : batches)
      for (KvEvent& event : batch) sorted.push_back(std::move(event));
    return sorted;
  }
  const std::vector<CommitOrderItem> items = InCommitOrder(batches);
  sorted.reserve(items.size());
  for (const CommitOrderItem& item : items) {
    KvEvent& event = batches[item.batch][item.index];
    // After a region was subscribed to anew, the feed delivers again what is not resolved yet.
    if (!sorted.empty() && SameChange(sorted.back(), event)) {
      *bytes_left_out += SorterBytes(event);
    } else {
      sorted.push_back(std::move(event));
    }
  }
  return sorted;
}

}  // namespace cdc
