// The flags that `changefeed create` and `changefeed update` share. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "edge/cli/command_group.h"

namespace cdc {

// As typed; what was not given is nullopt or empty.
struct ChangefeedFlags {
  std::string id;
  std::optional<std::string> sink_uri;
  std::string config_file;
  std::vector<std::string> opts;
  std::optional<std::string> sort_engine;
  std::string sort_dir;
  std::string time_zone = "SYSTEM";
  std::optional<uint64_t> start_ts;
  std::optional<uint64_t> target_ts;
  bool sync_point = false;
  std::string sync_interval;
  std::string schema_registry;
  std::optional<uint64_t> cyclic_replica_id;
  std::vector<uint64_t> cyclic_filter_replica_ids;
  std::optional<bool> cyclic_sync_ddl;
  bool no_confirm = false;
  bool disable_gc_check = false;

  // What this version does not do is refused by name.
  Status CheckSupported() const;
  // The configuration file, read over `base`.
  Result<ReplicaConfig> LoadConfig(const ReplicaConfig& base) const;
  std::map<std::string, std::string> Opts() const;
};

// Adds them to `command`, all but the id.
void AddChangefeedFlags(CLI::App* command, ChangefeedFlags* flags);

}  // namespace cdc
