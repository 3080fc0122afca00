// The regions of the simulated cluster: who leads what, up to which epoch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/kv_event.h"
#include "tikv/metapb.pb.h"

namespace cdc {

struct Downstream;

struct SimPeer {
  uint64_t id = 0;
  uint64_t store = 0;
};

struct SimRegion {
  uint64_t id = 0;
  KeyRange range;  // user keys
  uint64_t version = 1;
  uint64_t conf_version = 1;
  std::vector<SimPeer> peers;
  uint64_t leader = 0;  // a store; 0: none
  std::vector<std::shared_ptr<Downstream>> downstreams;
  // The oldest lock that held resolved ts back when that was last looked at, and when that was.
  Ts oldest_lock;
  uint64_t oldest_lock_tick = 0;

  bool Contains(std::string_view key) const {
    return key >= range.start && (range.end.empty() || key < range.end);
  }
  const SimPeer* PeerAt(uint64_t store) const;
  metapb::Peer Leader() const;
  metapb::Region ToProto() const;  // with memcomparable keys
};

// Covers the key space without gaps. Not thread-safe. Regions do not move in memory.
class RegionMap {
 public:
  // One region over everything, with peers on `replicas` of the stores 1 … `stores`.
  RegionMap(uint64_t stores, uint64_t replicas);

  SimRegion& Of(std::string_view key);
  SimRegion* ById(uint64_t id);
  // In order of keys, from the region of `key` on, at most `limit`.
  std::vector<SimRegion*> From(std::string_view key, size_t limit);
  SimRegion* Before(const SimRegion& region);
  SimRegion* After(const SimRegion& region);
  size_t size() const { return by_start_.size(); }

  // Cuts at `key`: the left part is the new region, as in TiKV. Null if a region starts there.
  SimRegion* Split(std::string_view key);
  // The region goes into the one after it, which is returned; null if there is none.
  SimRegion* MergeIntoNext(uint64_t id);
  // Peers on `stores`; the leader stays if it can, else it is the first of them.
  void Place(SimRegion* region, const std::vector<uint64_t>& stores);
  // Spreads leaders, and with them the peers, evenly over the stores.
  void Scatter(uint64_t stores, uint64_t replicas);
  uint64_t NextId() { return next_id_++; }

 private:
  std::map<std::string, std::unique_ptr<SimRegion>, std::less<>> by_start_;
  std::unordered_map<uint64_t, SimRegion*> by_id_;
  uint64_t next_id_ = 1000;
};

}  // namespace cdc
