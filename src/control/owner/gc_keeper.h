// Keeps the data that changefeeds still need from TiDB's garbage collection.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "dataflow/upstream/pd_client.h"
#include "model/ids.h"

namespace cdc {

// Service safe points at PD: `service` at the least checkpoint of all changefeeds, as TiCDC has it,
// and one more for each changefeed, `service`-changefeed-<id>, at its own. PD's answer to the
// latter tells whether that changefeed's data is still there.
//
// Threads: thread-safe; talks to PD on a thread of its own, never in a caller's.
class GcKeeper {
 public:
  // `pd` and `clock` outlive the keeper. `ttl`: how long PD keeps data when no node renews this.
  GcKeeper(PdClient& pd, std::string service, std::chrono::seconds ttl, Clock& clock);
  ~GcKeeper();  // leaves the safe points where they are: PD lets them lapse after the ttl

  // What to protect from now on. A changefeed that is new here, or gone, is told to PD at once,
  // moved checkpoints now and then.
  void SetCheckpoints(std::map<ChangefeedId, Ts> checkpoints);

  // Ok: PD keeps everything after `checkpoint`. kUpdateSafepoint: not known yet, ask again.
  // kSnapshotLost, kGcTtlExceeded: the changefeed has to fail.
  Status Check(const ChangefeedId& id, Ts checkpoint) const;

  // The safe point that PD holds for this changefeed.
  struct Hold {
    std::string service;
    Ts safe_point;
    std::chrono::seconds ttl;
  };
  std::optional<Hold> Find(const ChangefeedId& id) const;

 private:
  struct Held {
    Ts asked;
    Ts kept_from;  // PD's answer: data at or after this is there
    SteadyTime at;
  };

  void Run(std::stop_token stop);
  Status Update(const std::map<ChangefeedId, Ts>& wanted);
  Status HoldAll(Ts least);
  Status HoldOne(const ChangefeedId& id, Ts checkpoint);
  Status Release(const std::string& service);
  std::string ServiceOf(const ChangefeedId& id) const { return service_ + "-changefeed-" + id; }

  PdClient& pd_;
  const std::string service_;
  const std::chrono::seconds ttl_;
  Clock& clock_;
  bool all_held_ = true;  // of the thread: an owner before us may have left `service_` at PD

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any wakeup_;
  std::optional<std::map<ChangefeedId, Ts>> wanted_;  // nullopt: not told yet
  bool urgent_ = false;
  std::map<ChangefeedId, Held> held_;
  Ts pd_now_;            // about when they were last renewed
  std::jthread thread_;  // last: it uses all above
};

}  // namespace cdc
