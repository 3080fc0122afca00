#include "edge/api/cpu_profile.h"

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <vector>

#include <execinfo.h>
#include <sys/time.h>

#include "base/clock.h"

namespace cdc {
namespace {

constexpr int kSamplesPerSecond = 100;
constexpr int kDepthMax = 32;
constexpr int kOwnFrames = 2;  // the handler, and what the kernel calls it with
constexpr size_t kSamplesMax = 50'000;
constexpr std::chrono::seconds kDurationMax{300};

struct Sample {
  int depth = 0;
  std::array<void*, kDepthMax> frames;
};

// What the signal handler writes to: made before it is installed, kept for ever after, as a signal
// may come late.
struct Samples {
  std::vector<Sample> slots{kSamplesMax};
  std::atomic<size_t> used{0};
};
std::atomic<Samples*> current{nullptr};

void TakeSample(int) {
  Samples* samples = current.load(std::memory_order_acquire);
  if (samples == nullptr) return;
  const size_t slot = samples->used.fetch_add(1, std::memory_order_relaxed);
  if (slot >= samples->slots.size()) return;
  Sample& sample = samples->slots[slot];
  sample.depth = backtrace(sample.frames.data(), kDepthMax);
}

void SetTimer(int microseconds) {
  const timeval interval{.tv_sec = 0, .tv_usec = microseconds};
  const itimerval timer{.it_interval = interval, .it_value = interval};
  setitimer(ITIMER_PROF, &timer, nullptr);
}

std::string Format(const Samples& samples) {
  std::vector<uintptr_t> words = {0, 3, 0, 1'000'000 / kSamplesPerSecond, 0};
  const size_t used = std::min(samples.used.load(), samples.slots.size());
  for (size_t i = 0; i < used; ++i) {
    const Sample& sample = samples.slots[i];
    if (sample.depth <= kOwnFrames) continue;
    words.push_back(1);
    words.push_back(static_cast<uintptr_t>(sample.depth - kOwnFrames));
    for (int frame = kOwnFrames; frame < sample.depth; ++frame)
      words.push_back(reinterpret_cast<uintptr_t>(sample.frames[frame]));
  }
  words.insert(words.end(), {0, 1, 0});
  std::string text(reinterpret_cast<const char*>(words.data()), words.size() * sizeof words[0]);
  std::ostringstream maps;
  maps << std::ifstream("/proc/self/maps").rdbuf();
  return text + maps.str();
}

}  // namespace

Result<std::string> TakeCpuProfile(std::chrono::seconds duration, std::stop_token stop) {
  static std::mutex taking;
  if (duration.count() < 1 || duration > kDurationMax)
    return Error(Code::kApiInvalidParam, "seconds must be in 1..{}", kDurationMax.count());
  const std::unique_lock lock(taking, std::try_to_lock);
  if (!lock) return Error(Code::kInternal, "another profile is being taken");
  static Samples& samples = *new Samples;
  samples.used = 0;
  void* frame = nullptr;
  (void)backtrace(&frame, 1);  // loads what it needs, which a handler must not do
  struct sigaction action{};
  action.sa_handler = TakeSample;
  action.sa_flags = SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  current.store(&samples, std::memory_order_release);
  SetTimer(1'000'000 / kSamplesPerSecond);
  (void)SystemClock().SleepFor(duration, stop);
  SetTimer(0);
  current.store(nullptr, std::memory_order_release);
  return Format(samples);
}

}  // namespace cdc
