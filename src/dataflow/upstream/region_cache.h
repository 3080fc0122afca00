// What we believe about regions and stores: PD's view, corrected by what the stores answer.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "dataflow/upstream/pd_client.h"
#include "model/kv_event.h"

namespace cdc {

using RegionRef = std::shared_ptr<const Region>;

inline bool Contains(const Region& region, std::string_view user_key) {
  return user_key >= region.start_key && (region.end_key.empty() || user_key < region.end_key);
}

// Entries may be stale: whoever uses one finds out from the store's answer, and says so here.
// Thread-safe; asks PD when it does not know, so lookups may take as long as a call of PdClient.
class RegionCache {
 public:
  explicit RegionCache(PdClient& pd) : pd_(pd) {}

  Result<RegionRef> Locate(std::string_view user_key);
  // The regions that cover the beginning of `range`, in key order and without a gap; at least one,
  // at most `limit`.
  Result<std::vector<RegionRef>> LocateRange(const KeyRange& range, size_t limit);

  // Takes a region that a store or PD told us, unless we know a newer one of the same keys.
  void Insert(Region region);
  // Forgets the region, unless it has changed since `seen`.
  void Invalidate(RegionId id, const RegionEpoch& seen);
  // `store` 0 (unknown): another voter than the present choice is tried next.
  void UpdateLeader(RegionId id, StoreId store, uint64_t peer);
  // The leader's store did not answer: try the next voter, or, after all have been tried, ask PD.
  void LeaderUnreachable(const Region& region);

  Result<std::string> StoreAddress(StoreId id);
  void InvalidateStore(StoreId id);  // ask PD for its address next time

 private:
  using ByStart = std::map<std::string, RegionRef, std::less<>>;

  RegionRef FindLocked(std::string_view user_key) const;
  void InsertLocked(Region region);
  void EraseLocked(ByStart::iterator it);
  void ReplaceLocked(RegionId id, const Region& changed);

  PdClient& pd_;
  mutable std::mutex mutex_;  // guards all below; never held across a call
  ByStart by_start_;          // ranges never overlap
  std::unordered_map<uint64_t, std::string> start_by_id_;
  std::unordered_map<uint64_t, std::string> addresses_;
};

}  // namespace cdc
