// Feeds a recording through schema, mounter, dispatcher and sink with no cluster behind it.
#pragma once

#include <string>

#include "base/status.h"
#include "config/replica_config.h"

namespace cdc {

struct ReplayOptions {
  std::string recording;  // directory
  std::string sink_uri;
  std::string
      config_file;        // changefeed TOML; empty: defaults with the recording's own filter rules
  std::string out;        // with a kafka://-/topic URI: the file that its messages go to
  std::string time_zone;  // IANA name; empty: the machine's
  int workers = 0;        // data threads; 0: one a core
};

struct ReplayResult {
  uint64_t rows = 0;
  uint64_t ddls = 0;
  double wall_seconds =
      0;  // from the first row to the last acknowledgement, without reading the files
  double cpu_seconds = 0;  // the same of this process's CPU, user and system
  double peak_rss_mib = 0;
};

// Returns when all rows and DDLs are acknowledged by the sink, or with the first error.
Result<ReplayResult> Replay(const ReplayOptions& options);

}  // namespace cdc
