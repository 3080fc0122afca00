#include "dataflow/upstream/region_error.h"

#include <algorithm>

#include "dataflow/upstream/region_proto.h"

namespace cdc {
namespace {
constexpr Duration kBusyDelay = 100ms;
}  // namespace

RegionErrorVerdict JudgeRegionError(const cdcpb::Error& error, const Region& region, StoreId store,
                                    RegionCache& cache) {
  if (error.has_not_leader()) {
    const metapb::Peer& leader = error.not_leader().leader();
    cache.UpdateLeader(region.id, StoreId(leader.store_id()), leader.id());
    return {.kind = "NotLeader"};
  }
  if (error.has_epoch_not_match()) {
    cache.Invalidate(region.id, region.epoch);
    for (const metapb::Region& current : error.epoch_not_match().current_regions()) {
      metapb::Peer leader;  // most likely still where the region was
      for (const metapb::Peer& peer : current.peers()) {
        if (StoreId(peer.store_id()) == store) leader = peer;
      }
      if (auto fresh = RegionFromProto(current, leader)) cache.Insert(std::move(*fresh));
    }
    return {.kind = "EpochNotMatch"};
  }
  if (error.has_server_is_busy()) {
    const std::chrono::milliseconds asked(error.server_is_busy().backoff_ms());
    return {.kind = "ServerIsBusy", .delay = std::max<Duration>(kBusyDelay, asked)};
  }
  if (error.has_congested()) return {.kind = "Congested", .delay = kBusyDelay};
  if (error.has_duplicate_request()) {
    return {.kind = "DuplicateRequest", .registered_already = true};
  }
  if (error.has_cluster_id_mismatch()) {
    return {.kind = "ClusterIdMismatch", .fatal = Code::kClusterIdMismatch};
  }
  if (error.has_compatibility()) {
    return {.kind = "Compatibility", .fatal = Code::kVersionIncompatible};
  }
  cache.Invalidate(region.id, region.epoch);
  return {.kind = error.has_region_not_found() ? "RegionNotFound" : "Unknown"};
}

}  // namespace cdc
