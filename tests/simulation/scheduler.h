// Runs the threads of a whole cluster as fibers of one OS thread, on a virtual clock.
//
// `interpose.cc` sends the C library's threads, mutexes, condition variables and clocks here, so
// the product's own threads run unchanged: each is a fiber that gives way only where it would wait.
// Time moves only when all wait. Which of the ready fibers runs next is drawn from the seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace cdc {

using SimTime = std::chrono::nanoseconds;  // since the simulation began

// A process of the simulated cluster; its fibers stop and go together. kWorld: everything that is
// no node.
enum class ProcessId : int {};
constexpr ProcessId kWorld{0};

class Fiber;

// Fibers that wait for one thing, in the order in which they came.
using WaitQueue = std::deque<Fiber*>;

// Not thread-safe: there is one OS thread.
class Scheduler {
 public:
  static constexpr SimTime kNever = SimTime::max();

  explicit Scheduler(uint64_t seed);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The one that runs; null outside of a simulation.
  static Scheduler* current();

  SimTime now() const { return now_; }
  ProcessId process() const;  // of the running fiber; kWorld outside of one
  bool in_fiber() const { return running_ != nullptr; }

  // Returns the fiber's number, above zero. It belongs to the process of who spawns it.
  uint64_t Spawn(std::function<void()> body);
  uint64_t SpawnIn(ProcessId process, std::function<void()> body);
  // Waits for the fiber's end.
  void Join(uint64_t fiber);

  // Calls `event` at `time` outside of any fiber: it must not wait.
  void At(SimTime time, std::function<void()> event);
  void After(SimTime delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // From a fiber. Wait returns false when the deadline came first.
  bool Wait(WaitQueue* queue, SimTime deadline = kNever);
  void SleepFor(SimTime delay);
  void Yield() { SleepFor(SimTime(0)); }
  // `queue` may be any; waiters become ready.
  void WakeOne(WaitQueue* queue);
  void WakeAll(WaitQueue* queue);

  // What waits for the mutex or condition variable at this address.
  WaitQueue* QueueOf(const void* address) { return &queues_[address]; }
  WaitQueue* FindQueue(const void* address);

  // A stopped process runs nothing until it goes on; its timers lapse meanwhile.
  void Pause(ProcessId process);
  void Continue(ProcessId process);
  bool paused(ProcessId process) const { return paused_.contains(process); }

  // Runs until `done`, checked between steps.
  void RunUntil(const std::function<bool()>& done);
  // Fibers of the process that have not ended.
  size_t alive(ProcessId process) const;
  uint64_t steps() const { return steps_; }
  // From now on each fiber remembers where it waits; DumpFibers tells, on standard output.
  void RememberWaits() { remember_waits_ = true; }
  void DumpFibers() const;

 private:
  struct Timer {
    SimTime at;
    uint64_t sequence;
    uint64_t fiber = 0;  // with the wait it belongs to; 0: an event
    uint64_t wait = 0;
    std::function<void()> event;
    bool operator>(const Timer& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };

  void MakeReady(Fiber* fiber);
  void RunNextReady();
  void FireTimers();

  std::mt19937_64 random_;
  SimTime now_{0};
  uint64_t sequence_ = 0;
  uint64_t steps_ = 0;
  uint64_t steps_at_now_ = 0;
  bool remember_waits_ = false;
  Fiber* running_ = nullptr;
  std::unordered_map<uint64_t, std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> ready_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::unordered_map<const void*, WaitQueue> queues_;
  std::map<ProcessId, std::vector<Fiber*>> paused_;  // with those that are ready
  std::map<ProcessId, size_t> alive_;
  std::vector<std::unique_ptr<char[]>> stacks_;  // free ones
};

}  // namespace cdc
