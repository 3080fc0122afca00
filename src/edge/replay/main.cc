// cdc-replay: a recording through the data path into a sink, with no cluster. Prints what it did in
// one line.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "edge/replay/replay.h"

int main(int argc, char** argv) {
  cdc::ReplayOptions options;
  std::string log_level = "warn";
  CLI::App app(
      "Feeds a recording of TiDB's transactions through schema, mounter, dispatcher and sink,\n"
      "as a server would, without PD, TiKV or etcd.\n\n"
      "  cdc-replay --recording tests/recordings/20_bank --sink-uri mysql://root@127.0.0.1:3306/\n"
      "  cdc-replay --recording tests/recordings/21_oltp --sink-uri blackhole://");
  app.add_option("--recording", options.recording,
                 "directory with meta.json, base.jsonl.zst and txns.jsonl.zst")
      ->required();
  app.add_option("--sink-uri", options.sink_uri,
                 "where to write, as in `cdc cli changefeed create`")
      ->required();
  app.add_option(
      "--config", options.config_file,
      "changefeed configuration (TOML); without it the recording's own filter rules hold");
  app.add_option(
      "--out", options.out,
      "file for the messages of a kafka://-/topic?protocol=... URI: a line of JSON each, "
      "without a broker");
  app.add_option("--tz", options.time_zone,
                 "time zone for TIMESTAMP values (default: the machine's)");
  app.add_option("--workers", options.workers, "data threads (default: one a core)");
  app.add_option("--log-level", log_level, "debug, info, warn or error");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "Error: %s (see cdc-replay --help)\n", error.what());
    return 2;
  }
  if (cdc::Status status = cdc::InitLog({.level = log_level}); !status.ok()) {
    std::fprintf(stderr, "Error: %s\n", status.ToString().c_str());
    return 2;
  }
  const auto result = cdc::Replay(options);
  if (!result) {
    std::fprintf(stderr, "Error: %s\n", result.error().ToString().c_str());
    return 1;
  }
  fmt::print(
      "rows={} ddls={} wall_seconds={:.3f} cpu_seconds={:.3f} rows_per_cpu_second={:.0f} "
      "peak_rss_mib={:.0f}\n",
      result->rows, result->ddls, result->wall_seconds, result->cpu_seconds,
      result->cpu_seconds > 0 ? static_cast<double>(result->rows) / result->cpu_seconds : 0,
      result->peak_rss_mib);
  return 0;
}
