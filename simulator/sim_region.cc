#include "simulator/sim_region.h"

#include <algorithm>

#include "dataflow/upstream/region_key.h"

namespace cdc {

const SimPeer* SimRegion::PeerAt(uint64_t store) const {
  const auto it = std::ranges::find(peers, store, &SimPeer::store);
  return it == peers.end() ? nullptr : &*it;
}

metapb::Peer SimRegion::Leader() const {
  metapb::Peer peer;
  if (const SimPeer* at = PeerAt(leader)) {
    peer.set_id(at->id);
    peer.set_store_id(at->store);
  }
  return peer;
}

metapb::Region SimRegion::ToProto() const {
  metapb::Region out;
  out.set_id(id);
  out.set_start_key(EncodeRegionKey(range.start));
  out.set_end_key(EncodeRegionKey(range.end));
  out.mutable_region_epoch()->set_version(version);
  out.mutable_region_epoch()->set_conf_ver(conf_version);
  for (const SimPeer& peer : peers) {
    metapb::Peer* added = out.add_peers();
    added->set_id(peer.id);
    added->set_store_id(peer.store);
  }
  return out;
}

RegionMap::RegionMap(uint64_t stores, uint64_t replicas) {
  auto all = std::make_unique<SimRegion>();
  all->id = NextId();
  by_id_[all->id] = all.get();
  std::vector<uint64_t> places;
  for (uint64_t store = 1; store <= std::min(stores, replicas); ++store) places.push_back(store);
  Place(all.get(), places);
  all->conf_version = 1;
  by_start_.emplace("", std::move(all));
}

SimRegion& RegionMap::Of(std::string_view key) {
  return *std::prev(by_start_.upper_bound(key))->second;
}

SimRegion* RegionMap::ById(uint64_t id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

std::vector<SimRegion*> RegionMap::From(std::string_view key, size_t limit) {
  std::vector<SimRegion*> found;
  for (auto it = std::prev(by_start_.upper_bound(key)); it != by_start_.end(); ++it) {
    if (found.size() >= limit) break;
    found.push_back(it->second.get());
  }
  return found;
}

SimRegion* RegionMap::Before(const SimRegion& region) {
  const auto it = by_start_.find(region.range.start);
  return it == by_start_.begin() ? nullptr : std::prev(it)->second.get();
}

SimRegion* RegionMap::After(const SimRegion& region) {
  const auto it = by_start_.upper_bound(region.range.start);
  return it == by_start_.end() ? nullptr : it->second.get();
}

SimRegion* RegionMap::Split(std::string_view key) {
  SimRegion& right = Of(key);
  if (right.range.start == key) return nullptr;
  auto node = by_start_.extract(right.range.start);
  auto left = std::make_unique<SimRegion>();
  left->id = NextId();
  left->range = {.start = right.range.start, .end = std::string(key)};
  left->version = ++right.version;
  left->conf_version = right.conf_version;
  left->leader = right.leader;
  for (const SimPeer& peer : right.peers) {
    left->peers.push_back({.id = NextId(), .store = peer.store});
  }
  right.range.start = std::string(key);
  node.key() = std::string(key);
  by_start_.insert(std::move(node));
  SimRegion* added = left.get();
  by_id_[added->id] = added;
  by_start_.emplace(added->range.start, std::move(left));
  return added;
}

SimRegion* RegionMap::MergeIntoNext(uint64_t id) {
  SimRegion* source = ById(id);
  SimRegion* target = source ? After(*source) : nullptr;
  if (!target) return nullptr;
  target->version = std::max(source->version, target->version) + 1;
  auto node = by_start_.extract(target->range.start);
  target->range.start = source->range.start;
  by_id_.erase(id);
  by_start_.erase(source->range.start);
  node.key() = target->range.start;
  by_start_.insert(std::move(node));
  return target;
}

void RegionMap::Place(SimRegion* region, const std::vector<uint64_t>& stores) {
  std::vector<SimPeer> peers;
  for (const uint64_t store : stores) {
    const SimPeer* there = region->PeerAt(store);
    peers.push_back(there ? *there : SimPeer{.id = NextId(), .store = store});
  }
  region->peers = std::move(peers);
  ++region->conf_version;
  if (!region->PeerAt(region->leader)) {
    region->leader = region->peers.empty() ? 0 : region->peers.front().store;
  }
}

void RegionMap::Scatter(uint64_t stores, uint64_t replicas) {
  uint64_t next = 0;
  for (const auto& [start, region] : by_start_) {
    std::vector<uint64_t> places;
    for (uint64_t i = 0; i < std::min(stores, replicas); ++i) {
      places.push_back((next + i) % stores + 1);
    }
    Place(region.get(), places);
    region->leader = places.front();
    ++next;
  }
}

}  // namespace cdc
