// The simulated cluster: captures that come and go, and all that they talk to.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/capture/capture.h"
#include "promises.h"
#include "sim_etcd.h"
#include "sim_sink.h"
#include "sim_upstream.h"

namespace cdc {

struct ClusterOptions {
  uint64_t seed = 1;
  int captures = 3;
  int tables = 4;
  std::chrono::seconds session_ttl{6};
};

// A node's one process, from start to end or crash. Kept until the simulation is over: what it has
// sent may still arrive.
struct SimProcess {
  ProcessId id{};
  Links links;
  Capture* capture = nullptr;  // null when it has ended
  const SimEtcdClient* etcd = nullptr;
  int users = 0;  // fibers that hold `capture`
};

// Not thread-safe. All calls from fibers of the world unless it says otherwise.
class SimCluster {
 public:
  explicit SimCluster(const ClusterOptions& options);

  SimUpstream& upstream() { return upstream_; }
  SimEtcd& etcd() { return etcd_; }
  SimDownstream& downstream() { return downstream_; }
  Promises& promises() { return promises_; }
  const Promises& promises() const { return promises_; }
  int nodes() const { return static_cast<int>(nodes_.size()); }

  void Start(int node);
  // Kills the process: nothing that it does from here on is seen by anyone.
  void Crash(int node);
  void Close(int node);  // asks it to end
  // etcd revokes the lease. Nobody can tell a node in advance: for as long as it may not know, its
  // writes don't get through. Only while the node runs.
  void ForgetLease(int node);
  bool runs(int node) const { return nodes_[static_cast<size_t>(node)]->capture != nullptr; }
  bool ended(int node) const;
  bool crashed(int node) const { return nodes_[static_cast<size_t>(node)]->links.dead; }
  SimProcess& process(int node) { return *nodes_[static_cast<size_t>(node)]; }
  // No process of any life runs any more.
  bool all_ended() const;
  // Everything works again.
  void Heal();

  // A new changefeed from now on, over the tables of these names (none: all).
  void CreateFeed(const ChangefeedId& id, std::set<std::string> tables);
  const std::set<ChangefeedId>& feeds() const { return feeds_; }
  void ForgetFeed(const ChangefeedId& id) { feeds_.erase(id); }
  // Calls `operate` in a fiber of the node that is the owner now, if there is one, like a request
  // would.
  void AskOwner(std::function<void(Owner&)> operate);

 private:
  void Run(SimProcess* process, const std::string& address);
  SimWriter Writer();

  const ClusterOptions options_;
  SimEtcd etcd_;
  SimUpstream upstream_;
  Chance chance_;
  Promises promises_;
  SimDownstream downstream_;
  std::vector<std::unique_ptr<SimProcess>> processes_;
  std::vector<SimProcess*> nodes_;  // the newest process of each
  std::set<ChangefeedId> feeds_;
};

}  // namespace cdc
