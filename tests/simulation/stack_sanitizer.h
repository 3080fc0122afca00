// What the address sanitizer has to be told when the stack is changed; nothing without it.
//
// To be called by functions that are CDC_SWITCHES_STACKS: instrumented ones would take note of
// frames on the wrong stack.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define CDC_SWITCHES_STACKS __attribute__((noinline, no_sanitize("address")))

namespace cdc::stack_sanitizer {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr size_t kStackFactor = 4;  // of room between variables

// Of the thread's own stack.
inline const void* g_loop_bottom = nullptr;
inline size_t g_loop_size = 0;
inline void* g_loop = nullptr;

CDC_SWITCHES_STACKS inline void BeforeBody(const void* stack, size_t size) {
  __sanitizer_start_switch_fiber(&g_loop, stack, size);
}
CDC_SWITCHES_STACKS inline void InBody(void** self) {
  __sanitizer_finish_switch_fiber(*self, &g_loop_bottom, &g_loop_size);
}
CDC_SWITCHES_STACKS inline void BeforeLoop(void** self, bool done) {
  __sanitizer_start_switch_fiber(done ? nullptr : self, g_loop_bottom, g_loop_size);
}
CDC_SWITCHES_STACKS inline void InLoop() {
  __sanitizer_finish_switch_fiber(g_loop, nullptr, nullptr);
}
#else
inline constexpr size_t kStackFactor = 1;

inline void BeforeBody(const void*, size_t) {}
inline void InBody(void**) {}
inline void BeforeLoop(void**, bool) {}
inline void InLoop() {}
#endif

}  // namespace cdc::stack_sanitizer
