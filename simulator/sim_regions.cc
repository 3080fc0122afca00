// Regions: what PD is asked, and what moves them.
#include <algorithm>

#include "simulator/sim_cluster.h"

namespace cdc {

SimCluster::RegionView SimCluster::View(const SimRegion& region) const {
  return {.region = region.ToProto(),
          .leader = region.Leader(),
          .downstreams = region.downstreams.size(),
          .oldest_lock = region.oldest_lock_tick == tick_ ? region.oldest_lock : Ts(),
          .range = region.range};
}

std::vector<SimCluster::RegionView> SimCluster::Regions(std::string_view start,
                                                        std::string_view end, size_t limit) {
  std::lock_guard lock(mutex_);
  std::vector<RegionView> views;
  for (const SimRegion* region : regions_.From(start, limit)) {
    if (!end.empty() && region->range.start >= end) break;
    views.push_back(View(*region));
  }
  return views;
}

std::optional<SimCluster::RegionView> SimCluster::RegionById(uint64_t id) {
  std::lock_guard lock(mutex_);
  const SimRegion* region = regions_.ById(id);
  if (!region) return std::nullopt;
  return View(*region);
}

std::optional<SimCluster::RegionView> SimCluster::RegionBefore(std::string_view key) {
  std::lock_guard lock(mutex_);
  const SimRegion* region = regions_.Before(regions_.Of(key));
  if (!region) return std::nullopt;
  return View(*region);
}

std::optional<std::string> SimCluster::MiddleKey(uint64_t id, size_t steps) {
  std::lock_guard lock(mutex_);
  const SimRegion* region = regions_.ById(id);
  if (!region) return std::nullopt;
  std::optional<std::string> key;
  auto it = store_.keys().upper_bound(region->range.start);
  for (size_t i = 0; i <= steps; ++i, ++it) {
    if (it == store_.keys().end() || !region->Contains(it->first)) break;
    key = it->first;
  }
  return key;
}

Status SimCluster::Split(std::string_view key) {
  std::lock_guard lock(mutex_);
  SimRegion& right = regions_.Of(key);
  if (!regions_.Split(key)) return Status(Code::kUnexpected, "a region starts there already");
  FailLocked(&right, SimRegionError::kEpochNotMatch);
  return Status::Ok();
}

void SimCluster::SplitMany(const std::vector<std::string>& keys) {
  std::lock_guard lock(mutex_);
  for (const std::string& key : keys) regions_.Split(key);
}

Status SimCluster::Merge(uint64_t id) {
  std::lock_guard lock(mutex_);
  SimRegion* source = regions_.ById(id);
  SimRegion* target = source ? regions_.After(*source) : nullptr;
  if (!target) return Status(Code::kUnexpected, "region {} has nothing to be merged with", id);
  FailLocked(source, SimRegionError::kRegionNotFound);
  regions_.MergeIntoNext(id);
  FailLocked(target, SimRegionError::kEpochNotMatch);
  return Status::Ok();
}

Status SimCluster::TransferLeader(uint64_t id, uint64_t store) {
  std::lock_guard lock(mutex_);
  SimRegion* region = regions_.ById(id);
  if (!region) return Status(Code::kUnexpected, "no region {}", id);
  if (store == 0) {  // to the next one that is up
    for (const SimPeer& peer : region->peers) {
      if (peer.store != region->leader && store_up_[peer.store - 1]) store = peer.store;
    }
  }
  if (!region->PeerAt(store)) {
    return Status(Code::kUnexpected, "region {} has no peer on store {}", id, store);
  }
  region->leader = store;
  FailLocked(region, SimRegionError::kNotLeader);
  return Status::Ok();
}

Status SimCluster::Move(uint64_t id, const std::vector<uint64_t>& stores) {
  std::lock_guard lock(mutex_);
  SimRegion* region = regions_.ById(id);
  if (!region) return Status(Code::kUnexpected, "no region {}", id);
  if (stores.empty()) return Status(Code::kUnexpected, "no stores to move region {} to", id);
  for (const uint64_t store : stores) {
    if (store == 0 || store > options_.stores) {
      return Status(Code::kUnexpected, "no store {}", store);
    }
  }
  const uint64_t before = region->leader;
  regions_.Place(region, stores);
  if (region->leader != before) FailLocked(region, SimRegionError::kNotLeader);
  return Status::Ok();
}

void SimCluster::Scatter() {
  std::lock_guard lock(mutex_);
  regions_.Scatter(options_.stores, options_.replicas);
}

void SimCluster::StoreDown(uint64_t store) {
  std::lock_guard lock(mutex_);
  store_up_[store - 1] = false;
  for (SimRegion* region : regions_.From("", regions_.size())) {
    if (region->leader != store) continue;
    const auto next = std::ranges::find_if(
        region->peers, [&](const SimPeer& peer) { return store_up_[peer.store - 1]; });
    if (next == region->peers.end()) continue;  // no majority: its leader is back with the store
    region->leader = next->store;
    FailLocked(region, SimRegionError::kNotLeader);
  }
}

void SimCluster::StoreUp(uint64_t store) {
  std::lock_guard lock(mutex_);
  store_up_[store - 1] = true;
}

std::vector<bool> SimCluster::StoresUp() {
  std::lock_guard lock(mutex_);
  return store_up_;
}

// ---- Errors ----

cdcpb::Error SimCluster::MakeError(SimRegionError error, const SimRegion* region,
                                   uint64_t region_id) {
  cdcpb::Error out;
  switch (error) {
    case SimRegionError::kNotLeader:
      out.mutable_not_leader()->set_region_id(region_id);
      if (region && region->leader != 0) {
        *out.mutable_not_leader()->mutable_leader() = region->Leader();
      }
      break;
    case SimRegionError::kEpochNotMatch:
      out.mutable_epoch_not_match();
      if (!region) break;
      *out.mutable_epoch_not_match()->add_current_regions() = region->ToProto();
      if (const SimRegion* left = regions_.Before(*region)) {  // as after a split
        *out.mutable_epoch_not_match()->add_current_regions() = left->ToProto();
      }
      break;
    case SimRegionError::kRegionNotFound:
      out.mutable_region_not_found()->set_region_id(region_id);
      break;
    case SimRegionError::kServerIsBusy:
      out.mutable_server_is_busy()->set_reason("simulated");
      break;
    case SimRegionError::kDuplicateRequest:
      out.mutable_duplicate_request()->set_region_id(region_id);
      break;
    case SimRegionError::kCompatibility:
      out.mutable_compatibility()->set_required_version("99.0.0");
      break;
    case SimRegionError::kClusterIdMismatch:
      out.mutable_cluster_id_mismatch()->set_current(options_.cluster_id);
      break;
    case SimRegionError::kCongested:
      out.mutable_congested()->set_region_id(region_id);
      break;
  }
  return out;
}

void SimCluster::FailLocked(SimRegion* region, SimRegionError error) {
  if (region->downstreams.empty()) return;
  const cdcpb::Error told = MakeError(error, region, region->id);
  const auto downstreams = region->downstreams;
  for (const auto& downstream : downstreams) {
    SendError(*downstream, told);
    Drop(downstream);
  }
}

void SimCluster::FailRegion(uint64_t id, SimRegionError error) {
  std::lock_guard lock(mutex_);
  if (id != 0) {
    if (SimRegion* region = regions_.ById(id)) FailLocked(region, error);
    return;
  }
  for (SimRegion* region : regions_.From("", regions_.size())) FailLocked(region, error);
}

void SimCluster::FailNextRequests(int count, SimRegionError error) {
  std::lock_guard lock(mutex_);
  failing_requests_ = {count, error};
}

void SimCluster::FailNextRegistrations(int count, SimRegionError error) {
  std::lock_guard lock(mutex_);
  failing_registrations_ = {count, error};
}

}  // namespace cdc
