#include "config/server_config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "config/config_tree.h"

namespace cdc {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kMemoryBytesMin = 64 << 20;
constexpr uint64_t kDiskBytesMin = 256 << 20;  // a few files

// Tuning of TiCDC's own machinery. Numbers are still checked where TiCDC bounds them.
struct Legacy {
  const char* key;
  int64_t min;
  int64_t max;
};

void ReadLegacy(TreeReader& tree, std::string_view section, const Legacy& legacy,
                TreeProblems* problems, std::vector<std::string>* without_effect) {
  if (!tree.Ignore(legacy.key)) return;
  int64_t value = legacy.min;
  tree.Read(legacy.key, &value);
  const std::string path = section.empty() ? legacy.key : fmt::format("{}.{}", section, legacy.key);
  if (value != 0 && (value < legacy.min || value > legacy.max))
    problems->wrong.push_back(
        fmt::format("{} = {} must be in {}..{}", path, value, legacy.min, legacy.max));
  without_effect->push_back(path);
}

void ReadSorter(TreeReader& tree, ServerConfig* config, TreeProblems* problems) {
  SorterConfig& sorter = config->sorter;
  tree.Read("sort-dir", &sorter.sort_dir);
  tree.Read("cache-size-in-mb", &sorter.cache_size_mib);
  tree.Read("max-memory-percentage", &sorter.memory_percentage_max);
  tree.Read("max-memory-consumption", &sorter.memory_bytes_max);
  tree.Read("max-disk-consumption", &sorter.disk_bytes_max);
  static constexpr std::array<Legacy, 3> kLegacy = {{
      {"num-concurrent-worker", 1, INT32_MAX},
      {"chunk-size-limit", 1 << 20, INT64_MAX},
      {"num-workerpool-goroutine", 1, 4096},
  }};
  for (const Legacy& legacy : kLegacy)
    ReadLegacy(tree, "sorter", legacy, problems, &config->without_effect);
}

void ReadSecurity(TreeReader& tree, SecurityConfig* security) {
  tree.Read("ca-path", &security->ca_path);
  tree.Read("cert-path", &security->cert_path);
  tree.Read("key-path", &security->key_path);
  tree.Read("cert-allowed-cn", &security->cert_allowed_cn);
  tree.Read("mtls", &security->mtls);
  tree.Read("client-user-required", &security->client_user_required);
  tree.Read("client-allowed-user", &security->client_allowed_user);
}

void ReadKvClient(TreeReader& tree, ServerConfig* config, TreeProblems* problems) {
  tree.Read("region-scan-limit", &config->kv_client.region_scan_limit);
  tree.Read("region-retry-duration", &config->kv_client.region_retry_duration);
  static constexpr std::array<Legacy, 5> kLegacy = {{
      {"worker-concurrent", 1, INT32_MAX},
      {"worker-pool-size", 0, INT32_MAX},
      {"grpc-stream-concurrent", 1, INT32_MAX},
      {"advance-interval-in-ms", 1, INT32_MAX},
      {"frontier-concurrent", 1, INT32_MAX},
  }};
  for (const Legacy& legacy : kLegacy)
    ReadLegacy(tree, "kv-client", legacy, problems, &config->without_effect);
  tree.KeepsTo("enable-multiplexing", true);
}

void ReadLog(TreeReader& tree, LogConfig* log) {
  tree.KeepsTo("error-output", "stderr");
  tree.Section("file", [log](TreeReader& file) {
    file.Read("max-size", &log->file_size_mib_max);
    file.Read("max-days", &log->file_days_max);
    file.Read("max-backups", &log->file_backups_max);
  });
}

ServerConfig ReadTree(const Json& json, TreeProblems* problems) {
  ServerConfig config;
  TreeReader tree(json, "", problems);
  tree.Read("addr", &config.addr);
  tree.Read("advertise-addr", &config.advertise_addr);
  tree.Read("log-file", &config.log.file);
  tree.Read("log-level", &config.log.level);
  tree.Section("log", [&](TreeReader& log) { ReadLog(log, &config.log); });
  tree.Read("data-dir", &config.data_dir);
  tree.Read("max-memory-percentage", &config.memory_percentage_max);
  tree.Read("max-memory-consumption", &config.memory_bytes_max);
  tree.ReadSeconds("gc-ttl", &config.gc_ttl);
  tree.Read("tz", &config.time_zone);
  tree.ReadSeconds("capture-session-ttl", &config.capture_session_ttl);
  tree.Read("owner-flush-interval", &config.owner_flush_interval);
  tree.Read("processor-flush-interval", &config.processor_flush_interval);
  tree.Read("cluster-id", &config.cluster_id);
  tree.Section("sorter", [&](TreeReader& sorter) { ReadSorter(sorter, &config, problems); });
  tree.Section("security", [&](TreeReader& security) { ReadSecurity(security, &config.security); });
  tree.Section("kv-client", [&](TreeReader& kv) { ReadKvClient(kv, &config, problems); });
  static constexpr std::array<Legacy, 2> kLegacy = {{
      {"per-table-memory-quota", 6 << 20, INT64_MAX},
      {"gc-tuner-memory-threshold", 0, INT64_MAX},
  }};
  for (const Legacy& legacy : kLegacy)
    ReadLegacy(tree, "", legacy, problems, &config.without_effect);
  for (const char* key : {"debug", "newarch"})
    if (tree.Ignore(key)) config.without_effect.push_back(key);
  tree.Finish();
  return config;
}

Status CheckAdvertised(std::string_view addr) {
  const size_t colon = addr.rfind(':');
  if (colon == std::string_view::npos)
    return Status(Code::kInvalidServerOption, "address \"{}\" does not contain a port", addr);
  uint16_t port = 0;
  const std::string_view digits = addr.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size())
    return Status(Code::kInvalidServerOption, "address \"{}\" has no valid port", addr);
  std::string host(addr.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr v4{};
  in6_addr v6{};
  const bool unspecified =
      (inet_pton(AF_INET, host.c_str(), &v4) == 1 && v4.s_addr == INADDR_ANY) ||
      (inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6));
  if (host.empty() || unspecified)
    return Status(Code::kInvalidServerOption,
                  "address \"{}\" can't be advertised: others could not reach it; give "
                  "--advertise-addr a real one",
                  addr);
  return Status::Ok();
}

}  // namespace

bool IsValidClusterId(std::string_view id) {
  static constexpr std::array<std::string_view, 6> kReserved = {"owner",      "capture", "task",
                                                                "changefeed", "job",     "meta"};
  if (id.empty() || id.size() > 128 || std::ranges::find(kReserved, id) != kReserved.end())
    return false;
  bool after_dash = true;  // none at the start, none after another
  for (const char c : id) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alphanumeric && (c != '-' || after_dash)) return false;
    after_dash = !alphanumeric;
  }
  return !after_dash;
}

uint64_t ServerConfig::MemoryBytes(uint64_t machine_bytes) const {
  if (memory_bytes_max != 0) return memory_bytes_max;
  const uint64_t percentage = memory_percentage_max == 0 ? 100 : memory_percentage_max;
  return machine_bytes / 100 * percentage;
}

uint64_t ServerConfig::SorterMemoryBytes(uint64_t machine_bytes) const {
  return std::min(sorter.memory_bytes_max, machine_bytes / 100 * sorter.memory_percentage_max);
}

Result<ServerConfig> ServerConfig::FromToml(std::string_view text, std::string_view file_name) {
  ASSIGN_OR_RETURN(const Json json, ParseToml(text, file_name));
  TreeProblems problems;
  ServerConfig config = ReadTree(json, &problems);
  RETURN_UNEXPECTED_IF_ERROR(
      problems.ToStatus(Code::kInvalidServerOption, fmt::format("config file {}", file_name)));
  return config;
}

Status SecurityConfig::Validate() const {
  const bool ca = !ca_path.empty();
  if (ca != !cert_path.empty() || ca != !key_path.empty())
    return Status(Code::kInvalidServerOption,
                  "security: ca-path, cert-path and key-path are given together or not at all");
  if (!ca && (mtls || !cert_allowed_cn.empty()))
    return Status(Code::kInvalidServerOption,
                  "security: cert-allowed-cn and mtls need ca-path, cert-path and key-path");
  return Status::Ok();
}

Status ServerConfig::ValidateAndAdjust() {
  const auto refuse = [](const char* key, auto value, const char* rule) {
    return Status(Code::kInvalidServerOption, "{} is {}: must be {}", key, value, rule);
  };
  if (addr.empty()) return Status(Code::kInvalidServerOption, "empty address");
  if (advertise_addr.empty()) advertise_addr = addr;
  RETURN_IF_ERROR(CheckAdvertised(advertise_addr));
  if (!cluster_id.empty() && !IsValidClusterId(cluster_id))
    return Status(Code::kInvalidServerOption,
                  "bad cluster-id \"{}\": up to 128 letters, digits and single dashes, and none of "
                  "the words owner, capture, task, changefeed, job, meta",
                  cluster_id);
  if (gc_ttl <= 0s) return refuse("gc-ttl", gc_ttl.count(), "at least 1 (second)");
  // etcd in PD grants no lease below 5 s.
  if (capture_session_ttl < 5s) capture_session_ttl = 10s;
  if (owner_flush_interval.count() <= 0)
    return refuse("owner-flush-interval", owner_flush_interval.count(), "positive");
  if (processor_flush_interval.count() <= 0)
    return refuse("processor-flush-interval", processor_flush_interval.count(), "positive");
  if (log.file_size_mib_max < 0 || log.file_days_max < 0 || log.file_backups_max < 0)
    return Status(Code::kInvalidServerOption, "log.file: sizes and counts must be 0 or more");
  if (!sorter.sort_dir.empty() && sorter.sort_dir != "/tmp/sorter")
    return refuse("sorter.sort-dir", sorter.sort_dir, "left out: data-dir says where files go");
  if (sorter.cache_size_mib < 8)
    return refuse("sorter.cache-size-in-mb", sorter.cache_size_mib, "at least 8");
  if (sorter.memory_percentage_max < 0 || sorter.memory_percentage_max > 100)
    return refuse("sorter.max-memory-percentage", sorter.memory_percentage_max, "in 0..100");
  if (memory_percentage_max < 0 || memory_percentage_max > 100)
    return refuse("max-memory-percentage", memory_percentage_max, "in 0..100");
  if (memory_bytes_max != 0 && memory_bytes_max < kMemoryBytesMin)
    return refuse("max-memory-consumption", memory_bytes_max, "at least 67108864, or 0");
  if (sorter.disk_bytes_max != 0 && sorter.disk_bytes_max < kDiskBytesMin)
    return refuse("sorter.max-disk-consumption", sorter.disk_bytes_max,
                  "at least 268435456, or 0 for all that the disk has");
  if (kv_client.region_scan_limit < 1)
    return refuse("kv-client.region-scan-limit", kv_client.region_scan_limit, "at least 1");
  if (kv_client.region_retry_duration.count() <= 0)
    return refuse("kv-client.region-retry-duration", kv_client.region_retry_duration.count(),
                  "positive");
  if (security.client_user_required && security.client_allowed_user.empty())
    return Status(Code::kInvalidServerOption,
                  "security.client-allowed-user must name someone when client-user-required is on");
  return security.Validate();
}

}  // namespace cdc
