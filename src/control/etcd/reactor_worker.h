// Runs a reactor on a copy of etcd's state: the one loop that owner and processor manager share.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "control/etcd/etcd_client.h"
#include "control/etcd/etcd_state.h"

namespace cdc {

// Decides on changes of etcd's state. Calls come one at a time.
class Reactor {
 public:
  virtual ~Reactor() = default;
  // Never blocks, waits or does I/O. What it returns is committed or, if someone else changed one
  // of the keys, dropped: then there is another tick on the newer state, so a decision counts as
  // taken only when the state shows it. An error ends the worker.
  virtual Result<std::vector<EtcdPatch>> Tick(const EtcdState& state, SteadyTime now) = 0;
};

struct ReactorWorkerOptions {
  std::string prefix;               // of the keys to watch
  Duration interval = 50ms;         // between ticks when nothing changes
  std::vector<EtcdCompare> guards;  // of every transaction; one that fails ends the worker
  std::function<bool()> may_write = [] { return true; };  // false: our lease may have lapsed
  Histogram* commit_seconds = nullptr;                    // shows how long a transaction takes
};

// Owns the watch and the copy. Run is for one thread; Wake is thread-safe.
// Order: ticks see a consistent state that includes all earlier commits of this worker.
// Errors: an etcd that does not answer is waited for; kEtcdSessionDone when a guard fails.
class ReactorWorker {
 public:
  // The references outlive the worker.
  ReactorWorker(EtcdClient& client, Reactor& reactor, ReactorWorkerOptions options, Clock& clock);
  ~ReactorWorker();

  Status Run(std::stop_token stop);  // Ok when stopped
  // Ticks soon: something other than etcd's state has changed.
  void Wake();

 private:
  enum class Committed : uint8_t { kAll, kConflict, kUnknown };

  Status LoadSnapshot(std::stop_token stop);
  Status TakeInbox(std::stop_token stop);
  Result<Committed> Commit(const std::vector<EtcdPatch>& patches);
  Result<Committed> CommitChunk(std::vector<EtcdPatch>::const_iterator begin,
                                std::vector<EtcdPatch>::const_iterator end);
  Status CheckGuards();
  void WaitForWork(SteadyTime earliest, SteadyTime latest, std::stop_token stop);

  EtcdClient& client_;
  Reactor& reactor_;
  const ReactorWorkerOptions options_;
  Clock& clock_;
  EtcdState state_;
  int64_t committed_revision_ = 0;  // the state must reach it before the next tick

  std::mutex mutex_;  // guards the four below
  std::condition_variable_any wakeup_;
  std::vector<EtcdWatchBatch> inbox_;
  Status watch_error_;
  bool woken_ = false;
  std::unique_ptr<EtcdWatch> watch_;  // last: its callback uses all above
};

}  // namespace cdc
