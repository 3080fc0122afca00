// Logging: spdlog behind a few functions. Lines read `[time] [LEVEL] message key=value …`.
//
// LogInfo("changefeed started, changefeed={} start_ts={}", id, ts). No logging in hot loops without
// LogEvery.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/status.h"

namespace cdc {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kFatal };

struct LogConfig {
  std::string file;            // empty: standard error
  std::string level = "info";  // debug, info, warn, error, fatal
  int file_size_mib_max = 300;
  int file_days_max = 0;     // 0: kept for ever
  int file_backups_max = 0;  // 0: all kept
};

// Call once, early; before it, lines of level warn and up go to standard error.
Status InitLog(const LogConfig& config);
// At run time (POST /admin/log). Refuses unknown names.
Status SetLogLevel(std::string_view level);

bool LogEnabled(LogLevel level);
void LogMessage(LogLevel level, std::string_view message);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogMessage(level, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarn(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kWarn, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, format, std::forward<Args>(args)...);
}

// Lets one line through per period: `static LogLimiter limiter(10s); if (limiter.Allow())
// LogWarn(…)`. Thread-safe.
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::steady_clock::duration period) : period_(period) {}
  bool Allow();

 private:
  const std::chrono::steady_clock::duration period_;
  std::atomic<int64_t> next_{0};
};

}  // namespace cdc
