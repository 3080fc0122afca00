// Between the wire's regions and ours. Private to the folder: it includes generated headers.
#pragma once

#include "base/status.h"
#include "dataflow/upstream/pd_client.h"
#include "tikv/metapb.pb.h"

namespace cdc {

// `leader` may be empty (id 0): unknown. Fails if a boundary is not a region key.
Result<Region> RegionFromProto(const metapb::Region& region, const metapb::Peer& leader);

}  // namespace cdc
