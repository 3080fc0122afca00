// The rows on their way to the downstream: cut into tasks, ordered by their conflicts, handed to
// whichever connection is free.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "dataflow/sink/mysql/conflict_graph.h"
#include "dataflow/sink/mysql/metrics.h"
#include "dataflow/sink/sink.h"

namespace cdc {

// A batch until all its rows are settled. Thread-safe.
class PendingBatch {
 public:
  PendingBatch(std::shared_ptr<const RowBatch> batch, Sink::Done done, SteadyTime now)
      : batch_(std::move(batch)), done_(std::move(done)), received_(now) {}

  const RowBatch& rows() const { return *batch_; }
  SteadyTime received() const { return received_; }
  // One more task works on it.
  void Hold() { tasks_.fetch_add(1, std::memory_order_relaxed); }
  // A task has ended; the last one reports the first error there was.
  void Release(const Status& status);

 private:
  std::shared_ptr<const RowBatch> batch_;
  Sink::Done done_;
  const SteadyTime received_;
  std::atomic<int> tasks_{0};
  std::mutex mutex_;  // guards status_
  Status status_;
};

// Rows that are written by one downstream transaction, whole.
struct WriteTask : ConflictGraph::Node {
  struct Segment {
    std::shared_ptr<PendingBatch> batch;
    size_t begin = 0;  // of batch->rows().rows
    size_t end = 0;
  };
  std::vector<Segment> segments;  // in commit order
  size_t rows = 0;
  std::list<WriteTask>::iterator self;  // the queue's
  int taken_predecessors = 0;           // the queue's
};

// Thread-safe. Order: tasks that conflict are handed out in the order they came: a task only after
// those before it have finished, or together with them, behind them.
class WriteQueue {
 public:
  struct Options {
    size_t rows_max = 256;            // a Take, unless one task is larger
    bool whole_transactions = false;  // never cut a transaction
    int workers = 1;
  };
  WriteQueue(Options options, Clock& clock, MySqlSinkMetrics& metrics);
  // No Take may be under way. Fails what is left with kStopped.
  ~WriteQueue();

  // Cuts the batch into tasks. One call at a time per physical table.
  void Add(std::shared_ptr<const RowBatch> batch, Sink::Done done);
  // Waits for tasks that may run now. Empty: stopped.
  std::vector<WriteTask*> Take(std::stop_token stop);
  // The tasks of one Take have run. After an error all others, also later ones, end with it.
  void Finish(const std::vector<WriteTask*>& tasks, const Status& status);

 private:
  using Tasks = std::list<WriteTask>;

  void Cut(const std::shared_ptr<PendingBatch>& batch, Tasks* tasks);
  void CutTransaction(const std::shared_ptr<PendingBatch>& batch, size_t begin, size_t end,
                      bool open, Tasks* tasks);
  std::vector<WriteTask*> TakeReady(std::stop_token stop);
  void TakeChain(std::vector<WriteTask*>* taken, size_t rows);
  size_t FairShareLocked() const;
  void Wake(size_t tasks);

  const Options options_;
  Clock& clock_;
  MySqlSinkMetrics& metrics_;

  std::mutex open_mutex_;  // guards open_
  // Transactions whose rows have not all come yet, by physical table; only with whole_transactions.
  std::map<TableId, WriteTask> open_;

  std::mutex mutex_;  // guards all below
  std::condition_variable_any task_ready_;
  ConflictGraph graph_;
  Tasks tasks_;  // all that have not finished
  std::deque<WriteTask*> ready_;
  size_t ready_rows_ = 0;
  int idle_workers_ = 0;
  Status error_;
};

}  // namespace cdc
