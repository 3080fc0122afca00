#include "base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/log_file.h"

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

class FileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::unique_ptr<LogFile> file) : file_(std::move(file)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    file_->Write({text.data(), text.size()}, message.time);
  }
  void flush_() override { file_->Flush(); }

 private:
  const std::unique_ptr<LogFile> file_;
};

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
      const int mib =
          config.file_size_mib_max > 0 ? config.file_size_mib_max : LogConfig().file_size_mib_max;
      ASSIGN_OR_RETURN_STATUS(auto file,
                              LogFile::Open(config.file, {.bytes_max = uint64_t(mib) << 20,
                                                          .days_max = config.file_days_max,
                                                          .backups_max = config.file_backups_max}));
      sink = std::make_shared<FileSink>(std::move(file));
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
