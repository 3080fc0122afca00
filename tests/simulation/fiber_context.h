// A stack of its own that is left and come back to, and what the C++ runtime and the sanitizers
// keep for each stack.
//
// Lifetime: a body ends before its context does, or never goes on. Threads: one.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <functional>
#include <memory>

namespace cdc {

class FiberContext {
 public:
  // Runs `body` from the first Resume on.
  FiberContext(std::unique_ptr<char[]> stack, std::function<void()> body);
  FiberContext(const FiberContext&) = delete;
  FiberContext& operator=(const FiberContext&) = delete;

  static std::unique_ptr<char[]> NewStack();
  // For another context, once `done`.
  std::unique_ptr<char[]> TakeStack() { return std::move(stack_); }

  // From the thread's own stack: goes on with the body until that suspends itself or ends.
  void Resume();
  // From within the body: goes back to whom resumed it.
  void Suspend();
  bool done() const { return done_; }

 private:
  // What the C++ runtime keeps per thread about exceptions that are being handled.
  struct ExceptionState {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  static void Enter();
  void SwitchToBody();
  void SwitchToLoop();
  void SwapExceptionState();

  std::unique_ptr<char[]> stack_;
  std::function<void()> body_;
  std::jmp_buf place_{};
  bool started_ = false;
  bool done_ = false;
  ExceptionState exceptions_;
  void* sanitizer_ = nullptr;  // AddressSanitizer's state of this stack
};

}  // namespace cdc
