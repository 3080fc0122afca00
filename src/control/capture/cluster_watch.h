// What a node checks about PD besides its data: versions at the start, health all the time.
#pragma once

#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "dataflow/upstream/pd_client.h"

namespace cdc {

// kVersionIncompatible if PD is too old to work with. A TiKV that is too old, and a version that
// cannot be found out, is a warning.
Status CheckClusterVersions(PdClient& pd);

// Asks every PD for its health again and again; warns when the answer changes and keeps the time it
// took in ticdc_server_etcd_health_check_duration.
class PdHealthPoll {
 public:
  PdHealthPoll(PdClient& pd, Clock& clock);  // both outlive this

 private:
  void Run(std::stop_token stop);

  PdClient& pd_;
  Clock& clock_;
  std::jthread thread_;
};

}  // namespace cdc
