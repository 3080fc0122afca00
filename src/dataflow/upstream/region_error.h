// What an error of the event feed means for the region. Private to the folder: it includes
// generated headers.
#pragma once

#include "base/clock.h"
#include "dataflow/upstream/region_cache.h"
#include "tikv/cdcpb.pb.h"

namespace cdc {

struct RegionErrorVerdict {
  const char* kind;                   // for metrics
  Duration delay = Duration::zero();  // before the region is tried again
  Code fatal = Code::kOk;             // not kOk: trying again is no use
  bool registered_already = false;    // under this request id
};

// Also takes what the store told about regions and leaders into `cache`.
RegionErrorVerdict JudgeRegionError(const cdcpb::Error& error, const Region& region, StoreId store,
                                    RegionCache& cache);

}  // namespace cdc
