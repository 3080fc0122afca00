#include "edge/server/server_command.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "config/duration.h"
#include "config/server_config.h"
#include "edge/server/server.h"

namespace cdc {
namespace {

// Flags as typed; what is not given leaves the file's value.
struct ServerFlags {
  std::string pd = "http://127.0.0.1:2379";
  std::string config;
  std::optional<std::string> addr, advertise_addr, data_dir, log_file, log_level, tz, cluster_id;
  std::optional<std::string> ca, cert, key, cert_allowed_cn, sort_dir;
  std::optional<std::string> owner_flush_interval, processor_flush_interval;
  std::optional<int64_t> gc_ttl, capture_session_ttl;
  std::optional<int64_t> sorter_workers, sorter_pool, sorter_chunk, sorter_percentage,
      sorter_memory;
  std::optional<uint64_t> sorter_disk, memory;
  std::optional<int> memory_percentage;
};

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    std::erase(part, ' ');
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

Status SetInterval(const char* flag, const std::optional<std::string>& text,
                   std::chrono::milliseconds* out) {
  if (!text) return Status::Ok();
  const auto duration = ParseDuration(*text);
  if (!duration)
    return Status(Code::kInvalidServerOption, "--{}: {}", flag, duration.error().message());
  *out = std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
  return Status::Ok();
}

Result<ServerConfig> LoadConfig(const ServerFlags& flags) {
  ServerConfig config;
  if (!flags.config.empty()) {
    std::ifstream file(flags.config);
    if (!file) return Error(Code::kInvalidServerOption, "cannot read {}", flags.config);
    std::stringstream text;
    text << file.rdbuf();
    ASSIGN_OR_RETURN(config, ServerConfig::FromToml(text.str(), flags.config));
  }
  const auto set = [](const auto& flag, auto* field) {
    if (flag) *field = *flag;
  };
  set(flags.addr, &config.addr);
  set(flags.advertise_addr, &config.advertise_addr);
  set(flags.data_dir, &config.data_dir);
  set(flags.log_file, &config.log.file);
  set(flags.log_level, &config.log.level);
  set(flags.tz, &config.time_zone);
  set(flags.cluster_id, &config.cluster_id);
  set(flags.ca, &config.security.ca_path);
  set(flags.cert, &config.security.cert_path);
  set(flags.key, &config.security.key_path);
  set(flags.sort_dir, &config.sorter.sort_dir);
  set(flags.sorter_disk, &config.sorter.disk_bytes_max);
  set(flags.memory, &config.memory_bytes_max);
  set(flags.memory_percentage, &config.memory_percentage_max);
  if (flags.cert_allowed_cn) config.security.cert_allowed_cn = SplitCommas(*flags.cert_allowed_cn);
  if (flags.gc_ttl) config.gc_ttl = std::chrono::seconds(*flags.gc_ttl);
  if (flags.capture_session_ttl)
    config.capture_session_ttl = std::chrono::seconds(*flags.capture_session_ttl);
  if (flags.sorter_percentage)
    config.sorter.memory_percentage_max = static_cast<int>(*flags.sorter_percentage);
  if (flags.sorter_memory)
    config.sorter.memory_bytes_max = static_cast<uint64_t>(*flags.sorter_memory);
  if (flags.sorter_workers || flags.sorter_pool || flags.sorter_chunk)
    config.without_effect.push_back("--sorter-num-concurrent-worker and its like");
  RETURN_UNEXPECTED_IF_ERROR(SetInterval("owner-flush-interval", flags.owner_flush_interval,
                                         &config.owner_flush_interval));
  RETURN_UNEXPECTED_IF_ERROR(SetInterval("processor-flush-interval", flags.processor_flush_interval,
                                         &config.processor_flush_interval));
  RETURN_UNEXPECTED_IF_ERROR(config.ValidateAndAdjust());
  return config;
}

Result<std::vector<std::string>> PdEndpoints(const std::string& text, bool tls) {
  std::vector<std::string> endpoints = SplitCommas(text);
  if (endpoints.empty()) return Error(Code::kInvalidServerOption, "--pd is empty");
  for (const std::string& endpoint : endpoints) {
    const bool https = endpoint.starts_with("https://");
    if (!https && !endpoint.starts_with("http://"))
      return Error(Code::kInvalidServerOption,
                   "PD endpoint \"{}\" must begin with http:// or https://", endpoint);
    if (https != tls)
      return Error(Code::kInvalidServerOption, "PD endpoint \"{}\" must begin with {}", endpoint,
                   tls ? "https:// as TLS certificates are given"
                       : "http:// as no TLS certificates are given");
  }
  return endpoints;
}

Status RunServer(const ServerFlags& flags) {
  ASSIGN_OR_RETURN_STATUS(ServerConfig config, LoadConfig(flags));
  ASSIGN_OR_RETURN_STATUS(const std::vector<std::string> pd,
                          PdEndpoints(flags.pd, config.security.tls_enabled()));
  if (config.data_dir.empty()) {
    config.data_dir = "/tmp/cdc_data";
    std::fprintf(stderr, "[WARN] --data-dir is not set, %s is used; a disk of its own is better.\n",
                 config.data_dir.c_str());
  }
  RETURN_IF_ERROR(InitLog(config.log));
  const Status status = RunServer(std::move(config), pd);
  if (!status.ok()) LogError("server ended: {}", status.ToString());
  return status;
}

}  // namespace

void AddServerCommand(CLI::App& app, int* exit_code) {
  auto flags = std::make_shared<ServerFlags>();
  CLI::App* server = app.add_subcommand("server", "Start a capture: one node of a CDC cluster");
  server->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  server->footer(
      "Examples:\n"
      "  cdc server --pd=http://10.0.0.1:2379,http://10.0.0.2:2379 --addr=0.0.0.0:8300 \\\n"
      "             --advertise-addr=10.0.0.9:8300 --data-dir=/data/cdc "
      "--log-file=/var/log/cdc.log\n"
      "  cdc server --config=server.toml --log-level=debug");
  server->add_option("--pd", flags->pd, "PD endpoints, separated by ','")->capture_default_str();
  server->add_option("--addr", flags->addr, "Listening address (127.0.0.1:8300)");
  server->add_option("--advertise-addr", flags->advertise_addr,
                     "Address that other nodes and tools reach this one at (that of --addr)");
  server->add_option("--config", flags->config, "TOML file; flags override it");
  server->add_option("--data-dir", flags->data_dir, "Directory for temporary data");
  server->add_option("--log-file", flags->log_file, "Log file (standard error)");
  server->add_option("--log-level", flags->log_level, "debug, info, warn, error or fatal (info)");
  server->add_option("--tz", flags->tz, "Time zone that TIMESTAMP values are shown in (System)");
  server->add_option("--gc-ttl", flags->gc_ttl,
                     "Seconds that TiDB keeps data for a stopped cluster (86400)");
  server->add_option("--capture-session-ttl", flags->capture_session_ttl,
                     "Seconds until a node that is not heard of is taken for dead (10)");
  server->add_option("--cluster-id", flags->cluster_id,
                     "Name of this CDC cluster, if PD has several");
  server->add_option("--owner-flush-interval", flags->owner_flush_interval, "e.g. 50ms");
  server->add_option("--processor-flush-interval", flags->processor_flush_interval, "e.g. 50ms");
  server->add_option("--ca", flags->ca, "CA certificate for TLS");
  server->add_option("--cert", flags->cert, "Certificate for TLS");
  server->add_option("--key", flags->key, "Private key for TLS");
  server->add_option("--cert-allowed-cn", flags->cert_allowed_cn,
                     "Common names that callers' certificates may have, separated by ','");
  server->add_option("--max-memory-percentage", flags->memory_percentage,
                     "Part of the machine's memory that the process may use (70)");
  server->add_option("--max-memory-consumption", flags->memory,
                     "The same in bytes; 0: as --max-memory-percentage says (0)");
  server->add_option("--sorter-max-disk-consumption", flags->sorter_disk,
                     "Bytes of disk that sorting may use; 0: all that is free (0)");
  server->add_option("--sorter-max-memory-percentage", flags->sorter_percentage,
                     "Part of the machine's memory past which sorting uses the disk (30)");
  server->add_option("--sorter-max-memory-consumption", flags->sorter_memory,
                     "Bytes past which sorting uses the disk (17179869184)");
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, std::optional<int64_t>*>>{
           {"--sorter-num-concurrent-worker", &flags->sorter_workers},
           {"--sorter-num-workerpool-goroutine", &flags->sorter_pool},
           {"--sorter-chunk-size-limit", &flags->sorter_chunk}})
    server->add_option(name, *value, "No effect; accepted for TiCDC's scripts")->group("");
  server->add_option("--sort-dir", flags->sort_dir, "No effect")->group("");
  server->callback([flags, exit_code] {
    BlockStopSignals();
    const Status status = RunServer(*flags);
    if (!status.ok()) std::fprintf(stderr, "Error: %s\n", status.ToString().c_str());
    *exit_code = status.ok() ? 0 : 1;
  });
}

}  // namespace cdc
