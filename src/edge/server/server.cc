#include "edge/server/server.h"

#include <filesystem>
#include <thread>

#include <pthread.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory_budget.h"
#include "control/capture/capture.h"
#include "dataflow/dispatcher/worker_pool.h"
#include "dataflow/sorter/sorter.h"
#include "dataflow/spill/spill_store.h"
#include "edge/api/http_server.h"
#include "edge/api/version.h"

namespace cdc {
namespace {

constexpr double kDiskFreeMin = 0.1;
constexpr uint64_t kDiskBytesWanted = uint64_t{500} * 1000 * 1000 * 1000;

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGQUIT}) sigaddset(&set, signal);
  return set;
}

// Turns the first stop signal into AsyncClose and the second into the process's end.
class SignalThread {
 public:
  explicit SignalThread(Capture& capture)
      : thread_([&capture](std::stop_token stop) {
          const sigset_t set = StopSignals();
          bool closing = false;
          while (!stop.stop_requested()) {
            const timespec tick{.tv_sec = 0, .tv_nsec = 200'000'000};
            const int signal = sigtimedwait(&set, nullptr, &tick);
            if (signal < 0) continue;
            if (std::exchange(closing, true)) _exit(1);
            LogInfo("signal {}: stopping", signal);
            capture.AsyncClose();
          }
        }) {}

 private:
  std::jthread thread_;
};

Status PrepareDataDir(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return Status(Code::kCheckDir, "cannot create data-dir {}: {}", dir, error.message());
  if (access(dir.c_str(), R_OK | W_OK | X_OK) != 0)
    return Status(Code::kCheckDirWritable, "data-dir {} is not writable", dir);
  struct statvfs disk{};
  if (statvfs(dir.c_str(), &disk) != 0)
    return Status(Code::kCheckDir, "cannot examine data-dir {}", dir);
  const double free_part = static_cast<double>(disk.f_bavail) /
                           static_cast<double>(std::max<uint64_t>(1, disk.f_blocks));
  if (free_part < kDiskFreeMin)
    return Status(Code::kCheckDir,
                  "only {:.1f}% of the disk of data-dir {} is free, {:.0f}% is the least",
                  free_part * 100, dir, kDiskFreeMin * 100);
  const uint64_t free_bytes = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free_bytes < kDiskBytesWanted)
    LogWarn("data-dir {} has {} GB free, 500 GB are recommended", dir, free_bytes / 1'000'000'000);
  return Status::Ok();
}

TlsConfig Tls(const SecurityConfig& security) {
  return {security.ca_path, security.cert_path, security.key_path};
}

}  // namespace

void BlockStopSignals() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// Locals are built in the order of their dependencies and go in the reverse.
Status RunServer(ServerConfig config, const std::vector<std::string>& pd_endpoints) {
  LogInfo("welcome, release={} git_hash={} pid={}", Build().release, Build().git_hash, getpid());
  for (const std::string& key : config.without_effect) LogWarn("{} has no effect here", key);
  if (config.security.client_user_required)
    return Status(Code::kNotSupported, "client-user-required is not available in this version");
  RETURN_IF_ERROR(PrepareDataDir(config.data_dir));
  const TlsConfig tls = Tls(config.security);
  const KeyPaths paths(config.cluster_id);
  const uint64_t machine_bytes = MemoryOfMachine();
  const MemoryBudget memory = MemoryBudget::Split(config.MemoryBytes(machine_bytes),
                                                  config.SorterMemoryBytes(machine_bytes));
  LogInfo("memory: {} MiB, of which sorters {} MiB", memory.node->bytes_max() >> 20,
          memory.sorters->bytes_max() >> 20);
  ASSIGN_OR_RETURN_STATUS(
      const auto spill,
      SpillStore::Open({.dir = config.data_dir + "/tmp/sorter",
                        .bytes_max = config.sorter.disk_bytes_max,
                        .cache_bytes = std::min<uint64_t>(config.sorter.cache_size_mib << 20,
                                                          memory.disk_cache_bytes)}));
  const auto sorters = MakeSorterPool(spill.get());
  ASSIGN_OR_RETURN_STATUS(
      const auto tikv,
      TiKvClient::Open(pd_endpoints, tls,
                       {.scan_limit_per_store = config.kv_client.region_scan_limit,
                        .buffered_bytes_max = memory.received_bytes_max,
                        .prewrite_quota = memory.prewrites,
                        .spill = spill.get()},
                       SystemClock()));
  ASSIGN_OR_RETURN_STATUS(const auto etcd,
                          EtcdClient::Open({.endpoints = pd_endpoints, .tls = tls}));
  WorkerPool workers(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  Capture capture({.advertise_addr = config.advertise_addr,
                   .version = Build().release,
                   .time_zone = config.time_zone == "System" ? "" : config.time_zone,
                   .session_ttl = config.capture_session_ttl,
                   .gc_ttl = config.gc_ttl,
                   .owner_interval = config.owner_flush_interval,
                   .processor_interval = config.processor_flush_interval,
                   .paths = paths,
                   .etcd = etcd.get(),
                   .tikv = tikv.get(),
                   .workers = &workers,
                   .memory = &memory,
                   .sorters = sorters.get(),
                   .clock = &SystemClock()});
  SignalThread signals(capture);
  ASSIGN_OR_RETURN_STATUS(
      const auto http,
      HttpServer::Open({.addr = config.addr,
                        .tls = {.files = tls,
                                .allowed_cn = config.security.cert_allowed_cn,
                                .client_certificate = config.security.mtls},
                        .paths = paths,
                        .cluster_id = config.cluster_id,
                        .capture = &capture,
                        .etcd = etcd.get(),
                        .tikv = tikv.get()}));
  LogInfo("listening, addr={}", config.addr);
  const Status status = capture.Run({});
  LogInfo("server stopped: {}", status.ToString());
  return status;
}

}  // namespace cdc
