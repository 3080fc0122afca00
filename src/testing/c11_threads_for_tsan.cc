// C11 threads over POSIX threads, with whose types glibc's are one (nptl/thrd_priv.h): thread
// sanitizer knows only the latter. It crashes in a thread that it did not see start, and takes what
// was handed over under a lock that it did not see for a race. librdkafka uses C11 threads. Linked
// into programs of the tsan preset only, in place of glibc's functions of the same names.
#include <cerrno>
#include <cstdint>

#include <pthread.h>
#include <threads.h>

namespace {

struct Start {
  thrd_start_t function;
  void* argument;
};

void* Run(void* data) {
  const Start start = *static_cast<Start*>(data);
  delete static_cast<Start*>(data);
  return reinterpret_cast<void*>(static_cast<intptr_t>(start.function(start.argument)));
}

pthread_mutex_t* Posix(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* Posix(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }

int Result(int error) {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

}  // namespace

extern "C" int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  auto* start = new Start{function, argument};
  if (pthread_create(thread, nullptr, Run, start) == 0) return thrd_success;
  delete start;
  return thrd_error;
}

extern "C" int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  if (pthread_join(thread, &returned) != 0) return thrd_error;
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(returned));
  return thrd_success;
}

extern "C" int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if ((type & mtx_recursive) != 0) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  return Result(pthread_mutex_init(Posix(mutex), &attributes));
}

extern "C" void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy(Posix(mutex)); }
extern "C" int mtx_lock(mtx_t* mutex) { return Result(pthread_mutex_lock(Posix(mutex))); }
extern "C" int mtx_trylock(mtx_t* mutex) { return Result(pthread_mutex_trylock(Posix(mutex))); }
extern "C" int mtx_unlock(mtx_t* mutex) { return Result(pthread_mutex_unlock(Posix(mutex))); }

extern "C" int cnd_init(cnd_t* condition) {
  return Result(pthread_cond_init(Posix(condition), nullptr));
}

extern "C" void cnd_destroy(cnd_t* condition) { pthread_cond_destroy(Posix(condition)); }
extern "C" int cnd_signal(cnd_t* condition) {
  return Result(pthread_cond_signal(Posix(condition)));
}

extern "C" int cnd_broadcast(cnd_t* condition) {
  return Result(pthread_cond_broadcast(Posix(condition)));
}

extern "C" int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return Result(pthread_cond_wait(Posix(condition), Posix(mutex)));
}

extern "C" int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return Result(pthread_cond_timedwait(Posix(condition), Posix(mutex), until));
}
