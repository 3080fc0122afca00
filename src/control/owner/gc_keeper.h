// Keeps the data that changefeeds still need from TiDB's garbage collection.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "dataflow/upstream/pd_client.h"
#include "model/ids.h"

namespace cdc {

// PD's service safe point "ticdc" at the least checkpoint of all changefeeds.
//
// Threads: thread-safe; talks to PD on a thread of its own, never in a caller's.
class GcKeeper {
 public:
  // `pd` and `clock` outlive the keeper. `ttl`: how long PD keeps data when no node renews this.
  GcKeeper(PdClient& pd, std::chrono::seconds ttl, Clock& clock);
  ~GcKeeper();  // leaves the safe point where it is: PD lets it lapse after the ttl

  // What to protect from now on. A changefeed that is new here, or none at all, is told to PD at
  // once, moved checkpoints now and then.
  void SetCheckpoints(std::map<ChangefeedId, Ts> checkpoints);

  // Ok: PD keeps everything after `checkpoint`. kUpdateSafepoint: not known yet, ask again.
  // kSnapshotLost, kGcTtlExceeded: the changefeed has to fail.
  Status Check(const ChangefeedId& id, Ts checkpoint) const;

 private:
  void Run(std::stop_token stop);

  PdClient& pd_;
  const std::chrono::seconds ttl_;
  Clock& clock_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any wakeup_;
  std::map<ChangefeedId, Ts> wanted_;
  bool urgent_ = false;
  std::map<ChangefeedId, Ts> held_;  // what the last successful update covered
  Ts kept_from_;                     // PD's answer to it: data at or after this is there
  Ts pd_now_;                        // about then
  std::jthread thread_;              // last: it uses all above
};

}  // namespace cdc
