#include "edge/cli/changefeed_flags.h"

#include <fstream>
#include <sstream>

namespace cdc {

Status ChangefeedFlags::CheckSupported() const {
  if (!sort_dir.empty())
    return Status(Code::kInvalidReplicaConfig,
                  "--sort-dir is no setting of a changefeed, use `cdc server --data-dir`");
  if (sync_point)
    return Status(Code::kNotSupported, "--sync-point: this version writes no sync points");
  if (cyclic_replica_id.value_or(0) != 0 || !cyclic_filter_replica_ids.empty())
    return Status(Code::kNotSupported,
                  "cyclic replication is not part of this version; see bdr-mode in "
                  "docs/changefeed.md");
  return Status::Ok();
}

Result<ReplicaConfig> ChangefeedFlags::LoadConfig(const ReplicaConfig& base) const {
  ReplicaConfig config = base;
  if (!config_file.empty()) {
    std::ifstream file(config_file);
    if (!file) return Error(Code::kInvalidReplicaConfig, "cannot read {}", config_file);
    std::stringstream text;
    text << file.rdbuf();
    ASSIGN_OR_RETURN(config, ReplicaConfig::FromToml(text.str(), config_file, base));
  }
  if (!schema_registry.empty()) config.sink.schema_registry = schema_registry;
  if (disable_gc_check) config.check_gc_safe_point = false;
  RETURN_UNEXPECTED_IF_ERROR(config.Validate());
  return config;
}

std::map<std::string, std::string> ChangefeedFlags::Opts() const {
  std::map<std::string, std::string> map;
  for (const std::string& opt : opts) {
    const size_t equals = opt.find('=');
    map[opt.substr(0, equals)] = equals == opt.npos ? "" : opt.substr(equals + 1);
  }
  return map;
}

void AddChangefeedFlags(CLI::App* command, ChangefeedFlags* flags) {
  command->add_option("--sink-uri", flags->sink_uri, "Where changes go");
  command->add_option("--config", flags->config_file, "TOML file with the changefeed's settings");
  command->add_option("--start-ts", flags->start_ts, "Changes after this are replicated (now)");
  command->add_option("--target-ts", flags->target_ts, "Changes up to this are (for ever)");
  command->add_option("--opts", flags->opts, "Extra settings, key=value")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->delimiter(',');
  command->add_option("--sort-engine", flags->sort_engine, "unified or memory (unified)");
  command->add_option("--sort-dir", flags->sort_dir, "Not a setting of a changefeed")->group("");
  command->add_option("--tz", flags->time_zone, "Time zone to try the sink with")
      ->capture_default_str();
  command->add_flag("--no-confirm", flags->no_confirm, "Ask nothing");
  command->add_flag("--sync-point", flags->sync_point, "Record sync points")->group("");
  command->add_option("--sync-interval", flags->sync_interval, "Between sync points")->group("");
  command->add_option("--schema-registry", flags->schema_registry,
                      "URL of the schema registry, for Avro");
  command->add_option("--cyclic-replica-id", flags->cyclic_replica_id, "Experimental")->group("");
  command->add_option("--cyclic-filter-replica-ids", flags->cyclic_filter_replica_ids)
      ->delimiter(',')
      ->group("");
  command->add_flag("--cyclic-sync-ddl", flags->cyclic_sync_ddl, "Experimental")->group("");
}

}  // namespace cdc
