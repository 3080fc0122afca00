// A node's life in the cluster: register under a lease, campaign to be the owner, run what is
// assigned; when the lease is lost, drop everything and start again under a new id.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/rate_limiter.h"
#include "control/capture/processor_manager.h"
#include "control/etcd/etcd_client.h"
#include "control/etcd/key_paths.h"
#include "control/etcd/session.h"
#include "control/owner/owner.h"

namespace cdc {

struct CaptureOptions {
  std::string advertise_addr;
  std::string version;
  std::string time_zone;
  std::chrono::seconds session_ttl{10};
  std::chrono::seconds gc_ttl{86'400};
  Duration owner_interval = 50ms;
  Duration processor_interval = 50ms;
  KeyPaths paths;
  EtcdClient* etcd = nullptr;  // these outlive the capture
  TiKvClient* tikv = nullptr;
  WorkerPool* workers = nullptr;
  const MemoryBudget* memory = nullptr;  // the node's, and its sorters; null: changefeeds have
  SorterPool* sorters = nullptr;         // their own limits only, and do not spill
  Clock* clock = nullptr;
};

// Threads: Run on one thread; all else from any.
// Order: a life ends in the order owner, processors, registration, lease. Once the lease may have
//   lapsed, by the local monotonic clock, nothing is written downstream or to etcd.
class Capture {
 public:
  explicit Capture(CaptureOptions options);
  ~Capture();

  // Lives until stopped (Ok), or refuses to (kVersionIncompatible: PD is too old). Losing the lease
  // ends a life, not this: there is at most one new life in 20 s, after a first spare one.
  Status Run(std::stop_token stop);
  // Makes Run return soon. Safe at any time, any number of times.
  void AsyncClose() { closed_.request_stop(); }

  CaptureInfo info() const;  // of this life; the id is empty between lives
  bool IsOwner() const;      // and may act as one: not when its lease may have lapsed
  // Calls `operate` with the owner if that is here and keeps it from ending meanwhile; kNotOwner if
  // it is not.
  Status OperateOwner(const std::function<Status(Owner&)>& operate);
  std::vector<TableProgress> Progress(const ChangefeedId& changefeed) const;
  std::vector<ProcessorSummary> Processors() const;
  std::string DebugInfo() const;

 private:
  struct Life;
  class Routine;

  Status Live(std::stop_token stop);
  Status Reset(Life* life, std::stop_token stop);  // a new session and id; kStopped
  Result<EtcdCompare> Register(const Life& life);
  Status RecycleLoop(std::stop_token stop);
  Status CampaignLoop(Life& life, std::stop_token stop);
  Status RunOwner(Life& life, Election& election, std::stop_token stop);
  void Unregister(const Life& life);
  bool MayActLocked() const {
    return owner_ != nullptr && session_ != nullptr && session_->Alive();
  }

  const CaptureOptions options_;
  std::stop_source closed_;

  mutable std::mutex mutex_;  // guards all below
  CaptureInfo info_;
  const Session* session_ = nullptr;  // of this life
  Owner* owner_ = nullptr;
  ProcessorManager* processors_ = nullptr;
};

}  // namespace cdc
