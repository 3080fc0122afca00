// What the address and the thread sanitizer have to be told when the stack is changed; nothing
// without them.
//
// To be called by functions that are CDC_SWITCHES_STACKS: instrumented ones would take note of
// frames on the wrong stack.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#define CDC_SWITCHES_STACKS \
  [[gnu::noinline, gnu::no_sanitize("address"), gnu::no_sanitize("thread")]]

namespace cdc::stack_sanitizer {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr size_t kStackFactor = 4;  // of room between variables

// Of the thread's own stack.
inline const void* g_loop_bottom = nullptr;
inline size_t g_loop_size = 0;
inline void* g_loop = nullptr;

inline void* Create() { return nullptr; }
inline void Destroy(void*) {}
CDC_SWITCHES_STACKS inline void BeforeBody(void*, const void* stack, size_t size) {
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
#elif defined(__SANITIZE_THREAD__)
inline constexpr size_t kStackFactor = 4;

inline void* g_loop = nullptr;

inline void* Create() { return __tsan_create_fiber(0); }
inline void Destroy(void* self) { __tsan_destroy_fiber(self); }
CDC_SWITCHES_STACKS inline void BeforeBody(void* self, const void*, size_t) {
  g_loop = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(self, 0);
}
CDC_SWITCHES_STACKS inline void InBody(void**) {}
CDC_SWITCHES_STACKS inline void BeforeLoop(void**, bool) { __tsan_switch_to_fiber(g_loop, 0); }
CDC_SWITCHES_STACKS inline void InLoop() {}
#else
inline constexpr size_t kStackFactor = 1;

inline void* Create() { return nullptr; }
inline void Destroy(void*) {}
inline void BeforeBody(void*, const void*, size_t) {}
inline void InBody(void**) {}
inline void BeforeLoop(void**, bool) {}
inline void InLoop() {}
#endif

}  // namespace cdc::stack_sanitizer
