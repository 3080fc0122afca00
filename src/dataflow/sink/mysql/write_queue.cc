#include "dataflow/sink/mysql/write_queue.h"

#include <algorithm>
#include <unordered_set>

namespace cdc {
namespace {

void Settle(WriteTask& task, const Status& status) {
  for (WriteTask::Segment& segment : task.segments) segment.batch->Release(status);
}

WriteTask* AsTask(ConflictGraph::Node* node) { return static_cast<WriteTask*>(node); }

void AddSegment(const std::shared_ptr<PendingBatch>& batch, size_t begin, size_t end,
                ConflictKeyMaker* keys, WriteTask* task) {
  batch->Hold();
  task->segments.push_back({batch, begin, end});
  task->rows += end - begin;
  for (size_t i = begin; i < end; ++i) keys->AddRow(batch->rows().rows[i], &task->keys);
}

void DropRepeatedKeys(std::vector<ConflictKey>* keys) {
  std::ranges::sort(*keys, {}, [](const ConflictKey& key) {
    return std::tuple(key.hash, key.index_hash, key.whole_index);
  });
  const auto repeated = std::ranges::unique(*keys);
  keys->erase(repeated.begin(), repeated.end());
}

// Whether two of the tasks share a key: then they can't be written apart without one of them
// breaking a unique key for a moment.
bool ShareKeys(std::list<WriteTask>::iterator begin, std::list<WriteTask>::iterator end) {
  std::unordered_set<uint64_t> seen;
  for (auto task = begin; task != end; ++task) {
    for (const ConflictKey& key : task->keys)
      if (key.whole_index || seen.contains(key.hash)) return true;
    for (const ConflictKey& key : task->keys) seen.insert(key.hash);
  }
  return false;
}

}  // namespace

void PendingBatch::Release(const Status& status) {
  if (!status.ok()) {
    std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
  }
  if (tasks_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_(status_);
}

WriteQueue::WriteQueue(Options options, Clock& clock, MySqlSinkMetrics& metrics)
    : options_(options), clock_(clock), metrics_(metrics) {}

WriteQueue::~WriteQueue() {
  const Status stopped(Code::kStopped, "the sink was closed");
  for (WriteTask& task : tasks_) Settle(task, stopped);
  for (auto& [table, task] : open_) Settle(task, stopped);
}

void WriteQueue::CutTransaction(const std::shared_ptr<PendingBatch>& batch, size_t begin,
                                size_t end, bool open, Tasks* tasks) {
  thread_local ConflictKeyMaker keys;
  if (options_.whole_transactions) {
    const TableId table = batch->rows().rows[begin].physical_id;
    std::lock_guard lock(open_mutex_);
    WriteTask& task = open_[table];
    AddSegment(batch, begin, end, &keys, &task);
    if (open) return;
    tasks->push_back(std::move(task));
    open_.erase(table);
    DropRepeatedKeys(&tasks->back().keys);
    return;
  }
  const auto first = tasks->size();
  for (size_t i = begin; i < end; i += options_.rows_max) {
    AddSegment(batch, i, std::min(end, i + options_.rows_max), &keys, &tasks->emplace_back());
    DropRepeatedKeys(&tasks->back().keys);
  }
  if (tasks->size() - first < 2) return;
  const auto pieces = std::next(tasks->begin(), static_cast<std::ptrdiff_t>(first));
  if (!ShareKeys(pieces, tasks->end())) return;
  for (auto piece = std::next(pieces); piece != tasks->end(); piece = tasks->erase(piece)) {
    pieces->segments.insert(pieces->segments.end(), piece->segments.begin(), piece->segments.end());
    pieces->rows += piece->rows;
    pieces->keys.insert(pieces->keys.end(), piece->keys.begin(), piece->keys.end());
  }
  DropRepeatedKeys(&pieces->keys);
}

void WriteQueue::Cut(const std::shared_ptr<PendingBatch>& batch, Tasks* tasks) {
  const std::vector<RowChange>& rows = batch->rows().rows;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin + 1;
    while (end < rows.size() && rows[end].start_ts == rows[begin].start_ts &&
           rows[end].commit_ts == rows[begin].commit_ts)
      ++end;
    CutTransaction(batch, begin, end, batch->rows().txn_open && end == rows.size(), tasks);
    begin = end;
  }
  if (rows.empty()) {  // acknowledged by a worker like all others
    batch->Hold();
    tasks->emplace_back().segments.push_back({batch, 0, 0});
  }
}

void WriteQueue::Add(std::shared_ptr<const RowBatch> batch, Sink::Done done) {
  const SteadyTime start = clock_.Now();
  metrics_.total_rows.Add(static_cast<double>(batch->rows.size()));
  auto pending = std::make_shared<PendingBatch>(std::move(batch), std::move(done), start);
  Tasks tasks;
  Cut(pending, &tasks);
  size_t ready = 0;
  {
    std::lock_guard lock(mutex_);
    for (auto task = tasks.begin(); task != tasks.end(); ++task) {
      task->self = task;
      if (!graph_.Add(&*task)) continue;
      ready_.push_back(&*task);
      ready_rows_ += task->rows;
      ++ready;
    }
    tasks_.splice(tasks_.end(), tasks);
    metrics_.buffered_tasks.Set(static_cast<double>(tasks_.size()));
  }
  Wake(ready);
  metrics_.conflict_detect_seconds.Observe(
      std::chrono::duration<double>(clock_.Now() - start).count());
}

void WriteQueue::Wake(size_t tasks) {
  if (tasks == 1)
    task_ready_.notify_one();
  else if (tasks > 1)
    task_ready_.notify_all();
}

// Leaves work for connections that would be idle otherwise.
size_t WriteQueue::FairShareLocked() const {
  const size_t sharers = static_cast<size_t>(std::max(1, idle_workers_));
  return std::clamp<size_t>((ready_rows_ + sharers - 1) / sharers, 1, options_.rows_max);
}

// Adds tasks that wait only for ones already taken: they run behind them in the same transaction,
// so that a hot row does not cost a round trip for each of its versions.
void WriteQueue::TakeChain(std::vector<WriteTask*>* taken, size_t rows) {
  std::vector<WriteTask*> counted;
  for (size_t i = 0; i < taken->size(); ++i) {
    for (ConflictGraph::Node* node : (*taken)[i]->followers) {
      WriteTask* follower = AsTask(node);
      if (follower->taken) continue;
      counted.push_back(follower);
      if (++follower->taken_predecessors < follower->waiting_for) continue;
      if (rows + follower->rows > options_.rows_max) continue;
      rows += follower->rows;
      follower->taken = true;
      taken->push_back(follower);
    }
  }
  for (WriteTask* task : counted) task->taken_predecessors = 0;
}

std::vector<WriteTask*> WriteQueue::Take(std::stop_token stop) {
  while (true) {
    std::vector<WriteTask*> taken = TakeReady(stop);
    if (taken.empty()) return taken;
    Status error;
    {
      std::lock_guard lock(mutex_);
      error = error_;
    }
    if (error.ok()) return taken;
    Finish(taken, error);
  }
}

std::vector<WriteTask*> WriteQueue::TakeReady(std::stop_token stop) {
  std::vector<WriteTask*> taken;
  std::unique_lock lock(mutex_);
  ++idle_workers_;
  task_ready_.wait(lock, stop, [this] { return !ready_.empty(); });
  const size_t share = FairShareLocked();
  --idle_workers_;
  if (stop.stop_requested()) return taken;
  size_t rows = 0;
  while (!ready_.empty()) {
    WriteTask* task = ready_.front();
    if (!taken.empty() && rows + task->rows > share) break;
    ready_.pop_front();
    ready_rows_ -= task->rows;
    rows += task->rows;
    task->taken = true;
    taken.push_back(task);
  }
  TakeChain(&taken, rows);
  return taken;
}

void WriteQueue::Finish(const std::vector<WriteTask*>& tasks, const Status& status) {
  Tasks finished;
  std::vector<ConflictGraph::Node*> ready;
  {
    std::lock_guard lock(mutex_);
    if (!status.ok() && error_.ok()) error_ = status;
    for (WriteTask* task : tasks) {
      graph_.Finish(task, &ready);
      finished.splice(finished.end(), tasks_, task->self);
    }
    for (ConflictGraph::Node* node : ready) {
      ready_.push_back(AsTask(node));
      ready_rows_ += AsTask(node)->rows;
    }
    metrics_.buffered_tasks.Set(static_cast<double>(tasks_.size()));
  }
  // Whoever finished is about to take again.
  if (ready.size() > 1) Wake(ready.size() - 1);
  const SteadyTime now = clock_.Now();
  for (WriteTask& task : finished) {
    if (status.ok()) {
      metrics_.flushed_rows.Add(static_cast<double>(task.rows));
      metrics_.flush_seconds.Observe(
          std::chrono::duration<double>(now - task.segments.back().batch->received()).count());
    }
    Settle(task, status);
  }
}

}  // namespace cdc
