// `cdc cli changefeed create`.
#pragma once

#include <string>
#include <vector>

#include "edge/cli/cli_context.h"

namespace cdc {

struct CreateFlags {
  std::string changefeed_id;  // empty: a new UUID
  std::string sink_uri;
  std::string config;  // a file's name
  std::vector<std::string> opts;
  std::string sort_engine = "unified";
  std::string sort_dir;
  std::string time_zone = "SYSTEM";
  uint64_t start_ts = 0;
  uint64_t target_ts = 0;
  bool no_confirm = false;
  bool disable_gc_check = false;
};

// Checks everything, then writes the changefeed in one transaction; on error nothing has changed.
Status CreateChangefeed(CliContext& context, const CreateFlags& flags);

}  // namespace cdc
