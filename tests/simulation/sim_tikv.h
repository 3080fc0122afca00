// A process's clients of the simulated TiDB cluster: PD, snapshot reads and the change feed.
#pragma once

#include <memory>

#include "dataflow/upstream/region_feed.h"
#include "network.h"
#include "sim_upstream.h"

namespace cdc {

// Both outlive the client and what it has sent.
std::unique_ptr<TiKvClient> MakeSimTiKvClient(SimUpstream& upstream, const Links& links,
                                              Chance& chance);

}  // namespace cdc
