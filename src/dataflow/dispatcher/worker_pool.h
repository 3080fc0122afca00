// The node's data threads: a fixed set, each running the tasks that are hashed onto it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace cdc {

// Something that runs in short steps on one worker thread, whenever it was scheduled since its last
// step began.
class Task {
 public:
  virtual ~Task() = default;
  // One step; true: there is more to do, run again after the other tasks had a turn. Never two
  // steps at a time.
  virtual bool Step() = 0;

 private:
  friend class WorkerPool;
  enum class State : uint8_t { kIdle, kQueued, kRunning, kRunningAgain };
  std::atomic<State> state_{State::kIdle};
};

// Thread-safe. Tasks with the same hash run on the same thread.
class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  ~WorkerPool();  // finishes running steps, drops what is queued, joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Makes sure a step of `task` begins after this call. Cheap when it is queued already.
  void Schedule(const std::shared_ptr<Task>& task, uint64_t hash);

 private:
  struct Worker {
    std::mutex mutex;  // guards queue
    std::condition_variable_any wakeup;
    struct Entry {
      std::shared_ptr<Task> task;
      uint64_t hash;
    };
    std::deque<Entry> queue;
    std::jthread thread;
  };
  void Run(Worker& worker, std::stop_token stop);
  void Enqueue(std::shared_ptr<Task> task, uint64_t hash);

  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace cdc
