// This node's processors: a reactor that runs what the owner assigned to this capture.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/capture/metrics.h"
#include "control/capture/stall_watch.h"
#include "control/etcd/cluster_view.h"
#include "control/etcd/progress_pace.h"
#include "control/etcd/reactor_worker.h"
#include "control/processor/processor.h"

namespace cdc {

struct ProcessorManagerOptions {
  KeyPaths paths;
  CaptureInfo capture;
  std::string time_zone;
  TiKvClient* tikv = nullptr;  // this and the next three outlive the manager
  SchemaFeeds* schemas = nullptr;
  WorkerPool* workers = nullptr;
  const MemoryBudget* memory = nullptr;  // as in ProcessorOptions
  SorterPool* sorters = nullptr;
  Clock* clock = nullptr;
  Duration progress_interval = 50ms;  // between writes that only move a position on
  std::function<bool()> may_write = [] { return true; };
  // Tests put a fake here.
  std::function<std::unique_ptr<Processor>(ProcessorOptions)> start = Processor::Start;
};

// One changefeed on this node, as people want to see it.
struct ProcessorSummary {
  ChangefeedId changefeed;
  ProcessorPosition position;
  std::vector<TableId> tables;
};

// Threads: Tick on the reactor's thread, the rest from any.
// Order: a changefeed's position appears before its processor starts and goes when it has ended,
//   so the owner knows when tables may be given to someone else. A processor that failed leaves its
//   error in the position and stays ended until the owner takes the task away.
class ProcessorManager : public Reactor {
 public:
  explicit ProcessorManager(ProcessorManagerOptions options);
  ~ProcessorManager() override;  // ends all processors

  Result<std::vector<EtcdPatch>> Tick(const EtcdState& state, SteadyTime now) override;

  std::vector<ProcessorSummary> Summaries() const;
  // Per-table progress of one changefeed here, slowest first; empty if it does not run here.
  std::vector<TableProgress> Progress(const ChangefeedId& changefeed) const;
  std::string DebugInfo() const;

 private:
  struct Running {
    std::shared_ptr<Processor> processor;  // null once it has failed
    std::optional<RunningError> error;
    TaskPosition reported;
    std::unique_ptr<ProcessorMetrics> metrics;
    SteadyTime shown_at;  // in metrics
    SteadyTime schema_collected;
  };
  struct Closing {
    std::shared_ptr<std::atomic<bool>> done;
    std::jthread thread;
  };

  void TickFeed(const ChangefeedId& id, const ChangefeedView& view, EtcdPatches* patches);
  Running Start(const ChangefeedId& id, const ChangefeedView& view, const TaskStatus& task);
  void ApplyOperations(Processor& processor, TaskStatus* task);
  void WatchProgress(const ChangefeedId& id, const Processor& processor,
                     const ProcessorPosition& position);
  TaskPosition Report(const ChangefeedId& id, Running* running);
  bool IsDue(const TaskPosition* written, const TaskPosition& position) const;
  void Fail(const ChangefeedId& id, Running* running, const Status& status);
  std::shared_ptr<Processor> TakeProcessor(Running* running);
  // Destroys the processor on a thread of its own: that may take a while.
  void Close(const ChangefeedId& id, std::shared_ptr<Processor> processor);
  bool IsClosing(const ChangefeedId& id);

  const ProcessorManagerOptions options_;
  ClusterView view_;
  SteadyTime now_;  // of this tick
  ProgressPace pace_;
  bool progress_due_ = false;  // on this tick
  StallWatch stalls_;
  std::multimap<ChangefeedId, Closing> closing_;
  mutable std::mutex mutex_;  // guards running_ against readers; only Tick changes it
  std::map<ChangefeedId, Running> running_;
};

}  // namespace cdc
