// The C library's threads, locks and clocks, and libstdc++'s random device, for the whole program.
//
// While a simulation runs they are the scheduler's; otherwise they are the library's own. Symbols
// of the program come before those of shared libraries, so libstdc++ and everything built on it
// land here without knowing. A simulation has one OS thread, so nothing here needs a lock.

#include "interpose.h"

#include <cerrno>
#include <ctime>
#include <random>
#include <unordered_set>

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include "scheduler.h"

namespace cdc {
namespace {

// Simulations begin at this wall-clock time.
constexpr SimTime kEpoch = std::chrono::seconds(1'700'000'000);
constexpr SimTime kBoot = std::chrono::seconds(1'000);

std::mt19937_64 g_entropy;

// The library's function of this name. `version` only where there is more than one.
template <typename F>
F Real(const char* name, const char* version = nullptr) {
  void* symbol = version == nullptr ? dlsym(RTLD_NEXT, name) : dlvsym(RTLD_NEXT, name, version);
  return reinterpret_cast<F>(symbol);
}

SimTime ToSimTime(clockid_t clock, const timespec& time) {
  const SimTime absolute = std::chrono::seconds(time.tv_sec) + SimTime(time.tv_nsec);
  return absolute - (clock == CLOCK_REALTIME ? kEpoch : kBoot);
}

// After each wait whoever came first may have taken it again.
template <typename TryLock>
int LockWith(TryLock try_lock, const void* lock) {
  int result = try_lock();
  Scheduler* scheduler = Scheduler::current();
  if (scheduler == nullptr) return result;
  while (result == EBUSY) {
    (void)scheduler->Wait(scheduler->QueueOf(lock));
    result = try_lock();
  }
  return result;
}

void Unlocked(const void* lock) {
  Scheduler* scheduler = Scheduler::current();
  if (scheduler == nullptr) return;
  WaitQueue* waiters = scheduler->FindQueue(lock);
  if (waiters == nullptr) return;
  scheduler->WakeAll(waiters);
}

int WaitForCondition(pthread_cond_t* condition, pthread_mutex_t* mutex, SimTime deadline) {
  Scheduler* scheduler = Scheduler::current();
  pthread_mutex_unlock(mutex);
  const bool woken = scheduler->Wait(scheduler->QueueOf(condition), deadline);
  pthread_mutex_lock(mutex);
  return woken ? 0 : ETIMEDOUT;
}

bool Simulated() { return Scheduler::current() != nullptr; }

}  // namespace

void SeedEntropy(uint64_t seed) { g_entropy.seed(seed); }
SimTime WallTimeAtStart() { return kEpoch; }

}  // namespace cdc

using cdc::Real;
using cdc::Scheduler;
using cdc::Simulated;

std::random_device::result_type std::random_device::_M_getval() {
  return static_cast<result_type>(cdc::g_entropy());
}

extern "C" {

int pthread_create(pthread_t* id, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  static const auto real = Real<decltype(&pthread_create)>("pthread_create");
  if (!Simulated()) return real(id, attributes, run, argument);
  *id = Scheduler::current()->Spawn([run, argument] { run(argument); });
  return 0;
}

int pthread_join(pthread_t id, void** result) {
  static const auto real = Real<decltype(&pthread_join)>("pthread_join");
  if (!Simulated()) return real(id, result);
  Scheduler::current()->Join(id);
  return 0;
}

int pthread_detach(pthread_t id) noexcept {
  static const auto real = Real<decltype(&pthread_detach)>("pthread_detach");
  return Simulated() ? 0 : real(id);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const auto real = Real<decltype(&pthread_mutex_lock)>("pthread_mutex_lock");
  if (!Simulated()) return real(mutex);
  return cdc::LockWith([mutex] { return pthread_mutex_trylock(mutex); }, mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static const auto real = Real<decltype(&pthread_mutex_unlock)>("pthread_mutex_unlock");
  const int result = real(mutex);
  cdc::Unlocked(mutex);
  return result;
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  static const auto real = Real<decltype(&pthread_rwlock_rdlock)>("pthread_rwlock_rdlock");
  if (!Simulated()) return real(lock);
  return cdc::LockWith([lock] { return pthread_rwlock_tryrdlock(lock); }, lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  static const auto real = Real<decltype(&pthread_rwlock_wrlock)>("pthread_rwlock_wrlock");
  if (!Simulated()) return real(lock);
  return cdc::LockWith([lock] { return pthread_rwlock_trywrlock(lock); }, lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  static const auto real = Real<decltype(&pthread_rwlock_unlock)>("pthread_rwlock_unlock");
  const int result = real(lock);
  cdc::Unlocked(lock);
  return result;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static const auto real = Real<decltype(&pthread_cond_wait)>("pthread_cond_wait", "GLIBC_2.3.2");
  if (!Simulated()) return real(condition, mutex);
  return cdc::WaitForCondition(condition, mutex, Scheduler::kNever);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* deadline) {
  static const auto real =
      Real<decltype(&pthread_cond_timedwait)>("pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!Simulated()) return real(condition, mutex, deadline);
  return cdc::WaitForCondition(condition, mutex, cdc::ToSimTime(CLOCK_REALTIME, *deadline));
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* deadline) {
  static const auto real = Real<decltype(&pthread_cond_clockwait)>("pthread_cond_clockwait");
  if (!Simulated()) return real(condition, mutex, clock, deadline);
  return cdc::WaitForCondition(condition, mutex, cdc::ToSimTime(clock, *deadline));
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static const auto real =
      Real<decltype(&pthread_cond_signal)>("pthread_cond_signal", "GLIBC_2.3.2");
  if (!Simulated()) return real(condition);
  if (auto* waiters = Scheduler::current()->FindQueue(condition))
    Scheduler::current()->WakeOne(waiters);
  return 0;
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static const auto real =
      Real<decltype(&pthread_cond_broadcast)>("pthread_cond_broadcast", "GLIBC_2.3.2");
  if (!Simulated()) return real(condition);
  if (auto* waiters = Scheduler::current()->FindQueue(condition))
    Scheduler::current()->WakeAll(waiters);
  return 0;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto real = Real<decltype(&clock_gettime)>("clock_gettime");
  if (!Simulated() || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
    return real(clock, time);
  const cdc::SimTime now =
      Scheduler::current()->now() + (clock == CLOCK_REALTIME ? cdc::kEpoch : cdc::kBoot);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now);
  time->tv_sec = seconds.count();
  time->tv_nsec = (now - seconds).count();
  return 0;
}

int nanosleep(const timespec* time, timespec* left) {
  static const auto real = Real<decltype(&nanosleep)>("nanosleep");
  if (!Simulated()) return real(time, left);
  Scheduler::current()->SleepFor(std::chrono::seconds(time->tv_sec) + cdc::SimTime(time->tv_nsec));
  return 0;
}

int sched_yield() noexcept {
  static const auto real = Real<decltype(&sched_yield)>("sched_yield");
  if (!Simulated() || !Scheduler::current()->in_fiber()) return real();
  Scheduler::current()->Yield();
  return 0;
}

}  // extern "C"
