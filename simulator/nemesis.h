// Random faults, the same for the same seed as far as threads allow.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "simulator/sim_cluster.h"

namespace cdc {

struct NemesisOptions {
  uint64_t seed = 1;
  Duration interval = 200ms;   // between faults
  Duration down_time = 500ms;  // how long a store stays away, a stream is stalled, …
  std::string table_prefix;    // locks are left behind on keys that start with this; none if empty
};

// Stores, as the nemesis sees them.
struct NemesisStores {
  std::function<Status(uint64_t)> stop;
  std::function<Status(uint64_t)> start;
};

// Thread-safe. One thread while it runs; when it is stopped, all that it has broken is whole again.
class Nemesis {
 public:
  Nemesis(SimCluster& cluster, NemesisStores stores)
      : cluster_(cluster), stores_(std::move(stores)) {}
  ~Nemesis() { Stop(); }

  void Start(const NemesisOptions& options);
  void Stop();
  bool running() const { return thread_.joinable(); }
  std::map<std::string, uint64_t> Counts();  // what it did, how often

 private:
  void Run(const NemesisOptions& options, std::stop_token stop);
  // One fault; its name.
  std::string Strike(const NemesisOptions& options, std::stop_token stop);
  uint64_t Pick(uint64_t below) { return random_() % below; }
  std::optional<SimCluster::RegionView> AnyRegion();
  std::string SplitSomewhere();
  std::string LeaveLocks(const NemesisOptions& options);

  SimCluster& cluster_;
  const NemesisStores stores_;
  std::mt19937_64 random_;  // of the thread
  std::mutex mutex_;        // guards counts_
  std::map<std::string, uint64_t> counts_;
  std::jthread thread_;
};

}  // namespace cdc
