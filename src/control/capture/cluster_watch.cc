#include "control/capture/cluster_watch.h"

#include <map>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "dataflow/upstream/cluster_version.h"

namespace cdc {
namespace {

constexpr Duration kInterval = 3s;

}  // namespace

Status CheckClusterVersions(PdClient& pd) {
  const auto version = pd.Version();
  Status status = version ? CheckPdVersion(*version) : version.error();
  if (status.code() == Code::kVersionIncompatible) return status;
  if (!status.ok()) LogWarn("PD's version is not known: {}", status.ToString());
  const auto stores = pd.GetAllStores();
  status = stores ? CheckTiKvVersions(*stores) : stores.error();
  if (!status.ok()) LogWarn("check of TiKV's version failed: {}", status.ToString());
  return Status::Ok();
}

PdHealthPoll::PdHealthPoll(PdClient& pd, Clock& clock)
    : pd_(pd), clock_(clock), thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

void PdHealthPoll::Run(std::stop_token stop) {
  std::map<std::string, bool> well;
  while (clock_.SleepFor(kInterval, stop)) {
    for (const std::string& url : pd_.endpoints()) {
      const SteadyTime start = clock_.Now();
      const Status status = pd_.CheckHealth(url);
      Metrics()
          .Histogram("ticdc_server_etcd_health_check_duration",
                     "Seconds that a health check of PD took.", ExponentialBuckets(0.0001, 2, 18),
                     {{"pd", url}})
          .Observe(std::chrono::duration<double>(clock_.Now() - start).count());
      bool& before = well.try_emplace(url, true).first->second;
      if (before && !status.ok()) LogWarn("PD is not healthy: {}", status.ToString());
      if (!before && status.ok()) LogInfo("PD {} is healthy again", url);
      before = status.ok();
    }
  }
}

}  // namespace cdc
