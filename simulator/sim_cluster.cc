#include "simulator/sim_cluster.h"

#include <array>

#include "simulator/synthetic_table.h"

namespace cdc {

SimCluster::SimCluster(const ClusterOptions& options, Clock& clock)
    : options_(options),
      clock_(clock),
      oracle_(clock),
      regions_(options.stores, options.replicas),
      store_(static_cast<MvccObserver&>(*this)),
      store_up_(options.stores, true) {
  threads_.emplace_back([this](std::stop_token stop) { TickLoop(std::move(stop)); });
  for (int i = 0; i < options.scan_threads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { ScanLoop(std::move(stop)); });
  }
}

SimCluster::~SimCluster() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void SimCluster::TickLoop(std::stop_token stop) {
  while (clock_.SleepFor(options_.resolved_interval, stop)) TickResolved();
}

ClusterCounts SimCluster::Counts() {
  std::lock_guard lock(mutex_);
  ClusterCounts counts{.regions = regions_.size(),
                       .keys = store_.keys().size(),
                       .streams = streams_.size(),
                       .registrations = registrations_};
  for (const auto& [stream, downstreams] : streams_) {
    counts.queued_bytes += stream->queued_bytes();
    counts.downstreams += downstreams.size();
    for (const auto& [id, downstream] : downstreams) counts.initialized += downstream->initialized;
  }
  return counts;
}

std::optional<SimRegionError> RegionErrorFromName(std::string_view name) {
  static constexpr std::array kNames{
      std::pair{"not_leader", SimRegionError::kNotLeader},
      std::pair{"epoch_not_match", SimRegionError::kEpochNotMatch},
      std::pair{"region_not_found", SimRegionError::kRegionNotFound},
      std::pair{"server_is_busy", SimRegionError::kServerIsBusy},
      std::pair{"duplicate_request", SimRegionError::kDuplicateRequest},
      std::pair{"compatibility", SimRegionError::kCompatibility},
      std::pair{"cluster_id_mismatch", SimRegionError::kClusterIdMismatch},
      std::pair{"congested", SimRegionError::kCongested},
  };
  for (const auto& [known, error] : kNames) {
    if (name == known) return error;
  }
  return std::nullopt;
}

}  // namespace cdc
