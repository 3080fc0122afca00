// Recordings as input: their meta keys at once, their transactions at once or at a pace.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "simulator/sim_cluster.h"
#include "testing/recording.h"

namespace cdc {

// Plays on a thread of its own; the destructor stops it.
//
// At a pace, the cluster's time starts at the recording's and runs `pace` times as fast as ours
// until the end, then at ours. Resolved timestamps stay below what has not been played yet.
class RecordingPlayer {
 public:
  // pace 0: everything is there when this returns, and time is the machine's.
  static Result<std::unique_ptr<RecordingPlayer>> Start(SimCluster& cluster,
                                                        const Recording& recording, double pace);

  bool done() const { return done_; }

 private:
  struct Transaction {
    Ts start_ts;
    Ts commit_ts;
    Ts resolved;  // what is resolved before it: below the start of this and all that follow
    std::vector<SimMutation> mutations;
  };
  explicit RecordingPlayer(SimCluster& cluster) : cluster_(cluster) {}
  void Play(std::stop_token stop);

  SimCluster& cluster_;
  std::vector<Transaction> transactions_;
  std::atomic<bool> done_{false};
  std::jthread thread_;  // last: uses all above
};

// The keys that describe the schema at the recording's start.
Status LoadBase(SimCluster& cluster, Recording& recording);

}  // namespace cdc
