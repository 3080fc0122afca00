#include "trace.h"

#include <cstdio>
#include <string>

#include "base/log.h"
#include "scheduler.h"

namespace cdc {
namespace {

bool g_tracing = false;

// Takes what the logger writes to standard error, without its date: the trace has its own time.
ssize_t TakeLog(void*, const char* data, size_t size) {
  std::string_view text(data, size);
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const size_t level = line.find("] ["); level != line.npos) line.remove_prefix(level + 2);
    if (!line.empty()) TraceLine(line);
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void StartTrace() {
  g_tracing = true;
  stderr = fopencookie(nullptr, "w",
                       {.read = nullptr, .write = TakeLog, .seek = nullptr, .close = nullptr});
  std::setvbuf(stderr, nullptr, _IOLBF, 0);
  (void)InitLog({.file = "", .level = "info"});
}

bool Tracing() { return g_tracing; }

void TraceLine(std::string_view line) {
  const Scheduler* scheduler = Scheduler::current();
  const double now =
      scheduler == nullptr ? 0 : std::chrono::duration<double>(scheduler->now()).count();
  const int process = scheduler == nullptr ? 0 : static_cast<int>(scheduler->process());
  std::fputs(fmt::format("{:9.4f} p{:<3} {}\n", now, process, line).c_str(), stdout);
}

}  // namespace cdc
