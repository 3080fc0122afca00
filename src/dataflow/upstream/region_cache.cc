#include "dataflow/upstream/region_cache.h"

#include <algorithm>

#include "base/bytes.h"

namespace cdc {
namespace {
constexpr int kLoadAtOnce = 256;  // neighbours are loaded along: tables lie side by side
}  // namespace

Result<RegionRef> RegionCache::Locate(std::string_view user_key) {
  ASSIGN_OR_RETURN(auto regions, LocateRange({.start = std::string(user_key), .end = ""}, 1));
  return regions.front();
}

Result<std::vector<RegionRef>> RegionCache::LocateRange(const KeyRange& range, size_t limit) {
  std::vector<RegionRef> found;
  std::string at = range.start;
  bool loaded = false;
  while (found.size() < limit) {
    RegionRef region;
    {
      std::lock_guard lock(mutex_);
      region = FindLocked(at);
    }
    if (!region) {
      if (!found.empty()) break;  // enough to work with; the rest is loaded when asked for
      if (loaded) {
        return Error(Code::kRegionsNotCoverSpan, "PD has no region for key {}", ToHex(at));
      }
      ASSIGN_OR_RETURN(auto fresh, pd_.ScanRegions(at, "", kLoadAtOnce));
      for (Region& loaded_region : fresh) Insert(std::move(loaded_region));
      loaded = true;
      continue;
    }
    found.push_back(region);
    at = region->end_key;
    if (at.empty() || (!range.end.empty() && at >= range.end)) break;
  }
  return found;
}

RegionRef RegionCache::FindLocked(std::string_view user_key) const {
  auto it = by_start_.upper_bound(user_key);
  if (it == by_start_.begin()) return nullptr;
  --it;
  return Contains(*it->second, user_key) ? it->second : nullptr;
}

void RegionCache::Insert(Region region) {
  std::lock_guard lock(mutex_);
  InsertLocked(std::move(region));
}

void RegionCache::InsertLocked(Region region) {
  // The first cached region that may overlap is the one at or before our start.
  auto first = by_start_.upper_bound(region.start_key);
  if (first != by_start_.begin() && Contains(*std::prev(first)->second, region.start_key)) --first;
  auto last = first;
  for (; last != by_start_.end(); ++last) {
    if (!region.end_key.empty() && last->first >= region.end_key) break;
    const RegionEpoch& known = last->second->epoch;
    if (known.version > region.epoch.version) return;
    if (last->second->id == region.id && known == region.epoch) return;
  }
  while (first != last) EraseLocked(first++);
  if (auto old = start_by_id_.find(Raw(region.id)); old != start_by_id_.end()) {
    if (auto it = by_start_.find(old->second); it != by_start_.end()) EraseLocked(it);
  }
  if (region.leader_store == StoreId{} && !region.stores.empty()) {
    region.leader_store = region.stores.front();
    region.leader_peer = region.peers.front();
  }
  start_by_id_[Raw(region.id)] = region.start_key;
  std::string start = region.start_key;
  by_start_[std::move(start)] = std::make_shared<const Region>(std::move(region));
}

void RegionCache::EraseLocked(ByStart::iterator it) {
  start_by_id_.erase(Raw(it->second->id));
  by_start_.erase(it);
}

void RegionCache::Invalidate(RegionId id, const RegionEpoch& seen) {
  std::lock_guard lock(mutex_);
  const auto start = start_by_id_.find(Raw(id));
  if (start == start_by_id_.end()) return;
  const auto it = by_start_.find(start->second);
  if (it != by_start_.end() && it->second->epoch == seen) EraseLocked(it);
}

void RegionCache::ReplaceLocked(RegionId id, const Region& changed) {
  const auto start = start_by_id_.find(Raw(id));
  if (start == start_by_id_.end()) return;
  const auto it = by_start_.find(start->second);
  if (it != by_start_.end() && it->second->epoch == changed.epoch) {
    it->second = std::make_shared<const Region>(changed);
  }
}

void RegionCache::UpdateLeader(RegionId id, StoreId store, uint64_t peer) {
  RegionRef known;
  {
    std::lock_guard lock(mutex_);
    const auto start = start_by_id_.find(Raw(id));
    if (start == start_by_id_.end()) return;
    known = by_start_.find(start->second)->second;
    if (store != StoreId{}) {
      Region changed = *known;
      changed.leader_store = store;
      changed.leader_peer = peer;
      ReplaceLocked(id, changed);
      return;
    }
  }
  LeaderUnreachable(*known);
}

void RegionCache::LeaderUnreachable(const Region& region) {
  const auto tried = std::ranges::find(region.stores, region.leader_store);
  const size_t next = static_cast<size_t>(tried - region.stores.begin()) + 1;
  if (tried == region.stores.end() || next >= region.stores.size()) {
    Invalidate(region.id, region.epoch);
    return;
  }
  Region changed = region;
  changed.leader_store = region.stores[next];
  changed.leader_peer = region.peers[next];
  std::lock_guard lock(mutex_);
  ReplaceLocked(region.id, changed);
}

Result<std::string> RegionCache::StoreAddress(StoreId id) {
  {
    std::lock_guard lock(mutex_);
    if (const auto it = addresses_.find(Raw(id)); it != addresses_.end()) return it->second;
  }
  ASSIGN_OR_RETURN(Store store, pd_.GetStore(id));
  if (store.tombstone || store.address.empty()) {
    return Error(Code::kGetStores, "store {} is gone", id);
  }
  std::lock_guard lock(mutex_);
  addresses_[Raw(id)] = store.address;
  return store.address;
}

void RegionCache::InvalidateStore(StoreId id) {
  std::lock_guard lock(mutex_);
  addresses_.erase(Raw(id));
}

}  // namespace cdc
