#include "scheduler.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <utility>

#include <cxxabi.h>
#include <execinfo.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/check.h"

namespace cdc {
namespace {

constexpr size_t kStackBytes = 256 << 10;
// More steps without time moving on are an endless loop.
constexpr uint64_t kStepsAtOneTimeMax = 1'000'000;

Scheduler* g_current = nullptr;
Fiber* g_entering = nullptr;

// What the C++ runtime keeps per thread about exceptions that are being handled.
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

}  // namespace

class Fiber {
 public:
  uint64_t id = 0;
  ProcessId process = kWorld;
  std::function<void()> body;
  std::unique_ptr<char[]> stack;
  ucontext_t start{};
  std::jmp_buf context{};
  bool started = false;
  bool done = false;
  bool timed_out = false;
  uint64_t wait = 0;           // counts waits, so that a timer knows whether it is late
  WaitQueue* queue = nullptr;  // that it stands in
  WaitQueue joiners;
  ExceptionState exceptions;
  std::array<void*, 16> frames{};  // of its wait
  int frame_count = 0;
};

namespace {

std::jmp_buf g_loop;

void SwapExceptionState(ExceptionState* saved) {
  auto* globals = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
  std::swap(*globals, *saved);
}

}  // namespace

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
  auto fiber = std::make_unique<Fiber>();
  fiber->id = ++sequence_;
  fiber->process = process;
  fiber->body = std::move(body);
  if (stacks_.empty()) {
    fiber->stack.reset(new char[kStackBytes]);
  } else {
    fiber->stack = std::move(stacks_.back());
    stacks_.pop_back();
  }
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
  SwitchBack();
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
  SwitchTo(fiber);
  if (!fiber->done) return;
  WakeAll(&fiber->joiners);
  --alive_[fiber->process];
  stacks_.push_back(std::move(fiber->stack));
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

// ucontext only begins a fiber; the jumps after that save the system call of swapcontext.
void Scheduler::SwitchTo(Fiber* fiber) {
  running_ = fiber;
  SwapExceptionState(&fiber->exceptions);
  if (_setjmp(g_loop) == 0) {
    if (fiber->started) _longjmp(fiber->context, 1);
    fiber->started = true;
    getcontext(&fiber->start);
    fiber->start.uc_stack.ss_sp = fiber->stack.get();
    fiber->start.uc_stack.ss_size = kStackBytes;
    fiber->start.uc_link = nullptr;
    makecontext(&fiber->start, &Scheduler::Enter, 0);
    g_entering = fiber;
    setcontext(&fiber->start);
  }
  Fiber* stopped = running_;
  running_ = nullptr;
  SwapExceptionState(&stopped->exceptions);
}

void Scheduler::Enter() {
  Fiber* self = std::exchange(g_entering, nullptr);
  self->body();
  self->body = nullptr;
  self->done = true;
  _longjmp(g_loop, 1);
}

void Scheduler::SwitchBack() {
  if (_setjmp(running_->context) == 0) _longjmp(g_loop, 1);
}

}  // namespace cdc
