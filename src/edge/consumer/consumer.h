// cdc-kafka-consumer: a changefeed's topics replayed into a MySQL-compatible server.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/ts.h"

namespace cdc {

struct ConsumerOptions {
  std::string upstream_uri;         // the changefeed's own sink URI, its protocol included
  std::string upstream_config;      // its configuration, TOML; "": the default
  std::string downstream_uri;       // as of a changefeed into MySQL, MariaDB or TiDB
  std::vector<std::string> topics;  // beside that of the URI; "prefix*": all that begin so
  std::string time_zone = "UTC";    // of the changefeed
  std::string progress_file;        // "": each run begins at the topics' beginning
  std::optional<Ts> target_ts;      // ends when everything up to it is applied
};

struct ConsumerResult {
  uint64_t messages = 0;
  uint64_t rows = 0;
  uint64_t ddls = 0;
  uint64_t duplicates = 0;
  Ts resolved;
};

// Returns when the target is reached or on `stop`. What is applied is what watermarks have passed
// in all partitions; topics and partitions that come to be meanwhile are found within
// kDiscoveryPeriod. Killed at any instant and run again with the same progress file, it loses
// nothing.
Result<ConsumerResult> Consume(const ConsumerOptions& options, std::stop_token stop);

}  // namespace cdc
