#include "fiber_context.h"

#include <utility>

#include <cxxabi.h>
#include <dlfcn.h>
#include <ucontext.h>

#include "stack_sanitizer.h"

namespace cdc {
namespace {

constexpr size_t kStackBytes = stack_sanitizer::kStackFactor * (256 << 10);

std::jmp_buf g_loop;
FiberContext* g_entering = nullptr;

// The C library's own _longjmp: those of sanitizers forget what they know of the stack that is
// left.
CDC_SWITCHES_STACKS void Jump(std::jmp_buf& place) {
  static const auto jump = reinterpret_cast<void (*)(std::jmp_buf&, int)>(
      dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "_longjmp"));
  jump(place, 1);
}

}  // namespace

FiberContext::FiberContext(std::unique_ptr<char[]> stack, std::function<void()> body)
    : stack_(std::move(stack)), body_(std::move(body)) {}

std::unique_ptr<char[]> FiberContext::NewStack() {
  return std::unique_ptr<char[]>(new char[kStackBytes]);
}

void FiberContext::SwapExceptionState() {
  std::swap(*reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals()), exceptions_);
}

void FiberContext::Resume() {
  SwapExceptionState();
  SwitchToBody();
  SwapExceptionState();
}

void FiberContext::Suspend() { SwitchToLoop(); }

// ucontext only begins a body; the jumps after that save the system call of swapcontext.
CDC_SWITCHES_STACKS void FiberContext::SwitchToBody() {
  stack_sanitizer::BeforeBody(stack_.get(), kStackBytes);
  if (_setjmp(g_loop) == 0) {
    if (started_) Jump(place_);
    started_ = true;
    ucontext_t start;
    getcontext(&start);
    start.uc_stack.ss_sp = stack_.get();
    start.uc_stack.ss_size = kStackBytes;
    start.uc_link = nullptr;
    makecontext(&start, &FiberContext::Enter, 0);
    g_entering = this;
    setcontext(&start);
  }
  stack_sanitizer::InLoop();
}

CDC_SWITCHES_STACKS void FiberContext::Enter() {
  FiberContext* self = g_entering;
  stack_sanitizer::InBody(&self->sanitizer_);
  self->body_();
  self->body_ = nullptr;
  self->done_ = true;
  self->SwitchToLoop();
}

CDC_SWITCHES_STACKS void FiberContext::SwitchToLoop() {
  stack_sanitizer::BeforeLoop(&sanitizer_, done_);
  if (_setjmp(place_) == 0) Jump(g_loop);
  stack_sanitizer::InBody(&sanitizer_);
}

}  // namespace cdc
