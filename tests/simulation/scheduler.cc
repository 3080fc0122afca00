#include "scheduler.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include <execinfo.h>
#include <unistd.h>

#include "base/check.h"
#include "fiber_context.h"

namespace cdc {
namespace {

// More steps without time moving on are an endless loop.
constexpr uint64_t kStepsAtOneTimeMax = 1'000'000;

Scheduler* g_current = nullptr;

}  // namespace

class Fiber {
 public:
  Fiber(uint64_t id, ProcessId process, std::unique_ptr<char[]> stack, std::function<void()> body)
      : id(id), process(process), context(std::move(stack), std::move(body)) {}

  const uint64_t id;
  const ProcessId process;
  FiberContext context;
  bool timed_out = false;
  uint64_t wait = 0;           // counts waits, so that a timer knows whether it is late
  WaitQueue* queue = nullptr;  // that it stands in
  WaitQueue joiners;
  std::array<void*, 16> frames{};  // of its wait
  int frame_count = 0;
};

Scheduler::Scheduler(uint64_t seed) : random_(seed) {
  CDC_CHECK(g_current == nullptr);
  g_current = this;
}

Scheduler::~Scheduler() { g_current = nullptr; }

Scheduler* Scheduler::current() { return g_current; }

ProcessId Scheduler::process() const { return running_ == nullptr ? kWorld : running_->process; }

uint64_t Scheduler::Spawn(std::function<void()> body) {
  return SpawnIn(process(), std::move(body));
}

uint64_t Scheduler::SpawnIn(ProcessId process, std::function<void()> body) {
  std::unique_ptr<char[]> stack;
  if (stacks_.empty()) {
    stack = FiberContext::NewStack();
  } else {
    stack = std::move(stacks_.back());
    stacks_.pop_back();
  }
  auto fiber = std::make_unique<Fiber>(++sequence_, process, std::move(stack), std::move(body));
  Fiber* raw = fiber.get();
  fibers_.emplace(raw->id, std::move(fiber));
  ++alive_[process];
  MakeReady(raw);
  return raw->id;
}

void Scheduler::Join(uint64_t id) {
  const auto found = fibers_.find(id);
  if (found == fibers_.end()) return;  // it has ended
  (void)Wait(&found->second->joiners);
}

void Scheduler::At(SimTime time, std::function<void()> event) {
  timers_.push({std::max(time, now_), ++sequence_, 0, 0, std::move(event)});
}

bool Scheduler::Wait(WaitQueue* queue, SimTime deadline) {
  Fiber* self = running_;
  CDC_CHECK(self != nullptr, "a wait outside of any fiber");
  self->timed_out = false;
  self->queue = queue;
  ++self->wait;
  queue->push_back(self);
  if (remember_waits_) self->frame_count = backtrace(self->frames.data(), self->frames.size());
  if (deadline != kNever)
    timers_.push({std::max(deadline, now_), ++sequence_, self->id, self->wait, {}});
  self->context.Suspend();
  return !self->timed_out;
}

void Scheduler::SleepFor(SimTime delay) {
  WaitQueue nothing;
  (void)Wait(&nothing, now_ + std::max(delay, SimTime(0)));
}

void Scheduler::WakeOne(WaitQueue* queue) {
  if (queue->empty()) return;
  Fiber* fiber = queue->front();
  queue->pop_front();
  fiber->queue = nullptr;
  ++fiber->wait;
  MakeReady(fiber);
}

void Scheduler::WakeAll(WaitQueue* queue) {
  while (!queue->empty()) WakeOne(queue);
}

WaitQueue* Scheduler::FindQueue(const void* address) {
  const auto found = queues_.find(address);
  return found == queues_.end() ? nullptr : &found->second;
}

void Scheduler::MakeReady(Fiber* fiber) {
  const auto paused = paused_.find(fiber->process);
  (paused == paused_.end() ? ready_ : paused->second).push_back(fiber);
}

void Scheduler::Pause(ProcessId process) {
  auto& held = paused_[process];
  std::erase_if(ready_, [&](Fiber* fiber) {
    if (fiber->process != process) return false;
    held.push_back(fiber);
    return true;
  });
}

void Scheduler::Continue(ProcessId process) {
  auto held = paused_.extract(process);
  if (held.empty()) return;
  for (Fiber* fiber : held.mapped()) ready_.push_back(fiber);
}

void Scheduler::DumpFibers() const {
  for (const auto& [id, fiber] : fibers_) {
    std::printf("fiber %lu of process %d waits at\n", id, static_cast<int>(fiber->process));
    std::fflush(stdout);
    backtrace_symbols_fd(fiber->frames.data(), fiber->frame_count, STDOUT_FILENO);
  }
}

size_t Scheduler::alive(ProcessId process) const {
  const auto found = alive_.find(process);
  return found == alive_.end() ? 0 : found->second;
}

void Scheduler::RunUntil(const std::function<bool()>& done) {
  CDC_CHECK(running_ == nullptr);
  while (!done()) {
    if (!ready_.empty()) {
      RunNextReady();
      continue;
    }
    CDC_CHECK(!timers_.empty(), "all fibers wait and nothing will wake them");
    now_ = timers_.top().at;
    steps_at_now_ = 0;
    FireTimers();
  }
}

void Scheduler::RunNextReady() {
  ++steps_;
  CDC_CHECK(++steps_at_now_ < kStepsAtOneTimeMax, "time stands still: a loop that never waits");
  const size_t index = random_() % ready_.size();
  std::swap(ready_[index], ready_.back());
  Fiber* fiber = ready_.back();
  ready_.pop_back();
  running_ = fiber;
  fiber->context.Resume();
  running_ = nullptr;
  if (!fiber->context.done()) return;
  WakeAll(&fiber->joiners);
  --alive_[fiber->process];
  stacks_.push_back(fiber->context.TakeStack());
  fibers_.erase(fiber->id);
}

void Scheduler::FireTimers() {
  while (!timers_.empty() && timers_.top().at <= now_) {
    Timer timer = timers_.top();
    timers_.pop();
    if (timer.fiber == 0) {
      timer.event();
      continue;
    }
    const auto found = fibers_.find(timer.fiber);
    if (found == fibers_.end() || found->second->wait != timer.wait) continue;
    Fiber* fiber = found->second.get();
    std::erase(*fiber->queue, fiber);
    fiber->queue = nullptr;
    fiber->timed_out = true;
    ++fiber->wait;
    MakeReady(fiber);
  }
}

}  // namespace cdc
