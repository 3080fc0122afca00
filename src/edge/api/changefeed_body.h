// The bodies of requests about changefeeds. Private to this folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/replica_config.h"
#include "edge/api/json_views.h"
#include "model/ts.h"

namespace cdc {

// What was given; what was not is nullopt or empty.
struct ChangefeedBody {
  std::string id;
  std::optional<std::string> sink_uri;
  std::optional<ReplicaConfig> config;
  Ts start_ts;
  std::optional<Ts> target_ts;
  std::map<std::string, std::string> opts;
  std::string sort_engine = "unified";
  std::string time_zone;
  std::vector<std::string> pd_addrs;
};

struct ResumeBody {
  Ts overwrite_checkpoint_ts;
  std::vector<std::string> pd_addrs;
};

// Errors (kApiInvalidParam, kInvalidReplicaConfig) name the key. Unknown keys are refused.
Result<ChangefeedBody> ReadBodyV1(const OrderedJson& body);
Result<ChangefeedBody> ReadBodyV2(const OrderedJson& body);
Result<ResumeBody> ReadResumeBody(const OrderedJson& body);

// There is one namespace (keyspace), "default".
Status CheckNamespace(const std::string& name);
// A node captures the cluster that it was started for: `given` may be empty or name its PD.
Status CheckUpstream(const std::vector<std::string>& given,
                     const std::vector<std::string>& endpoints);

}  // namespace cdc
