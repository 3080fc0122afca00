// The cluster's one owner: a reactor that drives every changefeed.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/etcd/cluster_view.h"
#include "control/etcd/progress_pace.h"
#include "control/etcd/reactor_worker.h"
#include "control/owner/admin_queue.h"
#include "control/owner/feed_decision.h"
#include "control/owner/feed_runner.h"
#include "control/owner/feed_state.h"
#include "control/owner/gc_keeper.h"
#include "control/owner/metrics.h"

namespace cdc {

struct OwnerOptions {
  KeyPaths paths;
  std::string address;  // of this node, for errors
  std::string time_zone;
  std::chrono::seconds gc_ttl{86'400};
  Duration progress_interval = 50ms;  // between writes that only move a checkpoint
  PdClient* pd = nullptr;             // this and the next outlive the owner
  Clock* clock = nullptr;
  std::function<bool()> may_write = [] { return true; };
  std::function<void()> wake = [] {};  // asks for a tick
  FeedRunnerSeams seams;
};

// Threads: Tick on the reactor's thread; the calls of administration and DebugInfo from any.
class Owner : public Reactor {
 public:
  explicit Owner(OwnerOptions options);
  ~Owner() override;

  Result<std::vector<EtcdPatch>> Tick(const EtcdState& state, SteadyTime now) override;

  // Done when etcd shows the effect, which `done` is told, as it is of a job that does not fit.
  void EnqueueJob(AdminJob job, JobDone done = {});
  // Taken up by the next tick if the changefeed runs then. A rebalancing goes on until the tables
  // are spread evenly, a move until the table has arrived; both end with the changefeed's run.
  void TriggerRebalance(const ChangefeedId& changefeed);
  void MoveTable(const ChangefeedId& changefeed, TableId table, const CaptureId& capture);
  // Ends the reactor at its next tick: the owner resigns.
  void AsyncStop();
  std::string DebugInfo() const;

 private:
  // What the owner remembers of a changefeed besides etcd.
  struct Feed {
    std::unique_ptr<FeedRunner> runner;
    std::map<TableId, CaptureId> targets;
    bool rebalance = false;
    bool finished = false;  // the target is reached
    // A table is on its way or a DDL is due: every step of the processors counts.
    bool in_motion = true;
    std::optional<SteadyTime> residue_since;  // removed, but something of it is left
    // The tables captured at `tables_at`, which changes with DDLs only.
    std::vector<TableId> tables;
    Ts tables_at;
    std::unique_ptr<OwnerFeedMetrics> metrics;
    SteadyTime shown_at;  // in metrics
    SteadyTime schema_collected;
  };
  struct Requests {
    std::set<ChangefeedId> rebalances;
    std::vector<std::tuple<ChangefeedId, TableId, CaptureId>> moves;
  };

  void TakeRequests();
  void CountTables();
  void TickAll(const std::map<ChangefeedId, AdminJob>& jobs, EtcdPatches* patches);
  std::string Describe() const;
  void TickFeed(const ChangefeedId& id, const ChangefeedView& view, std::optional<AdminJob> job,
                EtcdPatches* patches);
  std::vector<RunningError> CollectErrors(const ChangefeedId& id, const ChangefeedView& view,
                                          const Feed& feed) const;
  void TickResidue(const ChangefeedId& id, const ChangefeedView& view,
                   const std::optional<AdminJob>& job, Feed* feed, EtcdPatches* patches);
  void RunFeed(const ChangefeedId& id, const ChangefeedView& view, const ChangefeedInfo& info,
               Feed* feed, EtcdPatches* patches);
  // Wishes that have come true, or cannot any more, go.
  void ForgetTargets(const ChangefeedId& id, const ChangefeedView& view, Feed* feed);
  std::optional<FeedView> MakeView(const ChangefeedId& id, const ChangefeedView& view,
                                   const ChangefeedInfo& info, Feed* feed);
  void Decide(const ChangefeedId& id, const ChangefeedView& view, const ChangefeedInfo& info,
              Feed* feed, EtcdPatches* patches);
  void StopFeed(const ChangefeedId& id, const ChangefeedView& view, Feed* feed,
                EtcdPatches* patches);
  void DropDeadCaptures(const ChangefeedId& id, const ChangefeedView& view, EtcdPatches* patches);
  void UpdateGc();
  // Destroys the runner on a thread of its own: that may take a while.
  void Retire(std::unique_ptr<FeedRunner> runner);
  int64_t NowMs() const;

  const OwnerOptions options_;
  ClusterView view_;
  SteadyTime now_;  // of this tick
  ProgressPace pace_;
  bool progress_due_ = false;  // on this tick
  SteadyTime described_at_;
  std::map<ChangefeedId, Feed> feeds_;
  std::vector<std::pair<std::shared_ptr<std::atomic<bool>>, std::jthread>> retiring_;
  std::unique_ptr<GcKeeper> gc_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> news_ = false;      // something other than etcd's state has changed
  std::map<CaptureId, size_t> tables_;  // that each capture has, of all changefeeds
  AdminQueue jobs_;                     // thread-safe

  mutable std::mutex mutex_;  // guards the two below
  Requests requests_;
  std::string debug_info_;
};

}  // namespace cdc
