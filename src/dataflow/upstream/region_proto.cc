#include "dataflow/upstream/region_proto.h"

#include "dataflow/upstream/region_key.h"

namespace cdc {

Result<Region> RegionFromProto(const metapb::Region& region, const metapb::Peer& leader) {
  Region out{.id = RegionId(region.id()),
             .epoch = {.conf_version = region.region_epoch().conf_ver(),
                       .version = region.region_epoch().version()},
             .leader_store = StoreId(leader.store_id()),
             .leader_peer = leader.id()};
  ASSIGN_OR_RETURN(out.start_key, DecodeRegionKey(region.start_key()));
  ASSIGN_OR_RETURN(out.end_key, DecodeRegionKey(region.end_key()));
  for (const metapb::Peer& peer : region.peers()) {
    if (peer.role() == metapb::Learner || peer.is_witness()) continue;
    out.stores.push_back(StoreId(peer.store_id()));
    out.peers.push_back(peer.id());
  }
  return out;
}

}  // namespace cdc
