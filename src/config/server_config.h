// A server's configuration: the TOML file of `cdc server --config`, over which its flags go.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/status.h"

namespace cdc {

struct SorterConfig {
  std::string sort_dir;            // refused unless TiCDC's "/tmp/sorter": it lies in data-dir
  uint64_t cache_size_mib = 128;   // cache-size-in-mb, at least 8
  int memory_percentage_max = 30;  // of the machine's; past it, or past …
  uint64_t memory_bytes_max = uint64_t{16} << 30;  // … this, the sorter spills to disk
  uint64_t disk_bytes_max = 0;  // max-disk-consumption; 0: as long as the disk has room
};

struct SecurityConfig {
  std::string ca_path;
  std::string cert_path;
  std::string key_path;
  std::vector<std::string> cert_allowed_cn;
  bool mtls = false;
  bool client_user_required = false;
  std::vector<std::string> client_allowed_user;

  bool tls_enabled() const { return !ca_path.empty(); }
  Status Validate() const;  // relations between fields; no I/O
};

struct KvClientConfig {
  int region_scan_limit = 40;  // incremental scans at a time, per store
  std::chrono::milliseconds region_retry_duration{60'000};
};

struct ServerConfig {
  std::string addr = "127.0.0.1:8300";
  std::string advertise_addr;      // empty: addr
  LogConfig log;                   // log-file, log-level, log.file.*
  std::string data_dir;            // empty: /tmp/cdc_data
  int memory_percentage_max = 70;  // max-memory-percentage: of the machine's memory or cgroup's …
  uint64_t memory_bytes_max = 0;   // max-memory-consumption: … or in bytes, if given
  std::chrono::seconds gc_ttl{86'400};
  std::string time_zone = "System";              // tz
  std::chrono::seconds capture_session_ttl{10};  // below 5 it is taken as 10
  std::chrono::milliseconds owner_flush_interval{50};
  std::chrono::milliseconds processor_flush_interval{50};
  std::string cluster_id;  // empty: the etcd layout without cluster ids
  SorterConfig sorter;
  SecurityConfig security;
  KvClientConfig kv_client;
  // Keys of TiCDC's that were given and have no effect here: worth a line in the log.
  std::vector<std::string> without_effect;

  // Strict: unknown keys are an error (kInvalidServerOption) that names them.
  static Result<ServerConfig> FromToml(std::string_view text, std::string_view file_name);
  // Fills in what follows from other fields and checks ranges, once the flags are in. No I/O.
  Status ValidateAndAdjust();

  // What the process may use, and what of it its sorters may, on a machine with so much memory.
  uint64_t MemoryBytes(uint64_t machine_bytes) const;
  uint64_t SorterMemoryBytes(uint64_t machine_bytes) const;
};

// 1 to 128 letters, digits and single dashes between them, and no word of the older etcd layout.
bool IsValidClusterId(std::string_view id);

}  // namespace cdc
