#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace cdc {
namespace {

constexpr std::string_view kPattern = "[%Y/%m/%d %H:%M:%S.%e %z] [%^%l%$] %v";

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kFatal:
      break;
  }
  return spdlog::level::critical;
}

std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("cdc", std::move(sink));
  logger->set_pattern(std::string(kPattern));
  logger->flush_on(spdlog::level::warn);
  return logger;
}

// Never destroyed: threads may log while the process ends.
std::shared_ptr<spdlog::logger>& Logger() {
  static auto& logger = *new std::shared_ptr<spdlog::logger>([] {
    auto early = MakeLogger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    early->set_level(spdlog::level::warn);
    return early;
  }());
  return logger;
}

}  // namespace

Status InitLog(const LogConfig& config) {
  try {
    spdlog::sink_ptr sink;
    if (config.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      constexpr size_t kManyBackups = 10'000;
      const size_t backups = config.file_backups_max > 0 ? config.file_backups_max : kManyBackups;
      sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          config.file, static_cast<size_t>(config.file_size_mib_max) << 20, backups);
    }
    Logger() = MakeLogger(std::move(sink));
    if (!config.file.empty()) spdlog::flush_every(std::chrono::seconds(1));
    spdlog::set_default_logger(Logger());
  } catch (const std::exception& e) {
    return Status(Code::kInvalidServerOption, "cannot open the log file {}: {}", config.file,
                  e.what());
  }
  return SetLogLevel(config.level);
}

Status SetLogLevel(std::string_view level) {
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"debug", LogLevel::kDebug},
                                                               {"info", LogLevel::kInfo},
                                                               {"warn", LogLevel::kWarn},
                                                               {"error", LogLevel::kError},
                                                               {"fatal", LogLevel::kFatal}};
  for (const auto& [name, value] : kLevels) {
    if (name != level) continue;
    Logger()->set_level(ToSpdlog(value));
    return Status::Ok();
  }
  return Status(Code::kInvalidServerOption,
                "unknown log level \"{}\"; use debug, info, warn, error or fatal", level);
}

bool LogEnabled(LogLevel level) { return Logger()->should_log(ToSpdlog(level)); }

void LogMessage(LogLevel level, std::string_view message) {
  Logger()->log(ToSpdlog(level), spdlog::string_view_t(message.data(), message.size()));
}

bool LogLimiter::Allow() {
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  int64_t next = next_.load(std::memory_order_relaxed);
  return now >= next &&
         next_.compare_exchange_strong(next, now + period_.count(), std::memory_order_relaxed);
}

}  // namespace cdc
