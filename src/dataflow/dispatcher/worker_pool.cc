#include "dataflow/dispatcher/worker_pool.h"

#include <algorithm>

namespace cdc {

WorkerPool::WorkerPool(int threads) {
  for (int i = 0; i < std::max(1, threads); ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& worker = *workers_.back();
    worker.thread = std::jthread([this, &worker](std::stop_token stop) { Run(worker, stop); });
  }
}

WorkerPool::~WorkerPool() {
  for (auto& worker : workers_) worker->thread.request_stop();
  for (auto& worker : workers_) worker->thread.join();
}

void WorkerPool::Schedule(const std::shared_ptr<Task>& task, uint64_t hash) {
  using State = Task::State;
  State state = task->state_.load();
  for (;;) {
    switch (state) {
      case State::kQueued:
      case State::kRunningAgain:
        return;
      case State::kRunning:
        if (task->state_.compare_exchange_weak(state, State::kRunningAgain)) return;
        break;
      case State::kIdle:
        if (task->state_.compare_exchange_weak(state, State::kQueued)) return Enqueue(task, hash);
        break;
    }
  }
}

void WorkerPool::Enqueue(std::shared_ptr<Task> task, uint64_t hash) {
  // Table ids are dense; the multiplication spreads them (Fibonacci hashing).
  Worker& worker = *workers_[(hash * 0x9e3779b97f4a7c15ULL >> 32) % workers_.size()];
  {
    std::lock_guard lock(worker.mutex);
    worker.queue.push_back({std::move(task), hash});
  }
  worker.wakeup.notify_one();
}

void WorkerPool::Run(Worker& worker, std::stop_token stop) {
  using State = Task::State;
  for (;;) {
    Worker::Entry entry;
    {
      std::unique_lock lock(worker.mutex);
      worker.wakeup.wait(lock, stop, [&] { return !worker.queue.empty(); });
      if (stop.stop_requested()) return;
      entry = std::move(worker.queue.front());
      worker.queue.pop_front();
    }
    entry.task->state_.store(State::kRunning);
    const bool more = entry.task->Step();
    State state = State::kRunning;
    if (more || !entry.task->state_.compare_exchange_strong(state, State::kIdle)) {
      entry.task->state_.store(State::kQueued);
      Enqueue(std::move(entry.task), entry.hash);
    }
  }
}

}  // namespace cdc
