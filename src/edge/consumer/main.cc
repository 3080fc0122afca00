// cdc-kafka-consumer: replays a changefeed's topics into a database. Prints what it did in one
// line.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "edge/consumer/consumer.h"

namespace {

// SIGTERM and SIGINT as a stop request. They are blocked in all threads but the one that waits.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    waiter_ = std::jthread([this](std::stop_token ending) {
      const timespec period{.tv_sec = 0, .tv_nsec = 100'000'000};
      while (!ending.stop_requested())
        if (sigtimedwait(&signals_, nullptr, &period) > 0) stop_.request_stop();
    });
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t signals_;
  std::stop_source stop_;
  std::jthread waiter_;
};

}  // namespace

int main(int argc, char** argv) {
  cdc::ConsumerOptions options;
  uint64_t target_ts = 0;
  std::string log_level = "warn";
  std::string config_file;
  CLI::App app(
      "Replays what a changefeed sent to Kafka into MySQL, MariaDB or TiDB.\n\n"
      "  cdc-kafka-consumer --upstream-uri 'kafka://127.0.0.1:9092/t?protocol=open-protocol' \\\n"
      "    --downstream-uri mysql://root@127.0.0.1:3306/ --progress-file t.progress");
  app.add_option("--upstream-uri", options.upstream_uri, "the changefeed's sink URI")->required();
  app.add_option("--config", config_file,
                 "the changefeed's configuration file: how large messages are packed and kept")
      ->check(CLI::ExistingFile);
  app.add_option("--downstream-uri", options.downstream_uri,
                 "where to write, as in `cdc cli changefeed create`")
      ->required();
  app.add_option("--topics", options.topics,
                 "topics beside that of the URI, comma-separated; 'prefix*' for all that begin so")
      ->delimiter(',');
  app.add_option("--tz", options.time_zone, "the changefeed's time zone (default: UTC)");
  app.add_option("--progress-file", options.progress_file,
                 "where it is kept how far the replay has come; the next run goes on from there");
  app.add_option("--target-ts", target_ts, "end when everything up to this ts is applied");
  app.add_option("--log-level", log_level, "debug, info, warn or error");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "Error: %s (see cdc-kafka-consumer --help)\n", error.what());
    return 2;
  }
  if (cdc::Status status = cdc::InitLog({.level = log_level}); !status.ok()) {
    std::fprintf(stderr, "Error: %s\n", status.ToString().c_str());
    return 2;
  }
  if (target_ts != 0) options.target_ts = cdc::Ts(target_ts);
  if (!config_file.empty()) {
    std::ostringstream text;
    text << std::ifstream(config_file).rdbuf();
    options.upstream_config = std::move(text).str();
  }
  const StopOnSignal signals;
  const auto result = cdc::Consume(options, signals.token());
  if (!result) {
    std::fprintf(stderr, "Error: %s\n", result.error().ToString().c_str());
    return result.error().code() == cdc::Code::kStopped ? 0 : 1;
  }
  fmt::print("messages={} rows={} ddls={} duplicates={} resolved={}\n", result->messages,
             result->rows, result->ddls, result->duplicates, result->resolved);
  return 0;
}
