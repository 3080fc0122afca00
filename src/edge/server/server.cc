#include "edge/server/server.h"

#include <mutex>
#include <thread>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory_budget.h"
#include "control/capture/capture.h"
#include "dataflow/dispatcher/worker_pool.h"
#include "dataflow/sorter/sorter.h"
#include "dataflow/spill/spill_store.h"
#include "edge/api/http_server.h"
#include "edge/api/version.h"
#include "edge/server/data_dir.h"

namespace cdc {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGQUIT}) sigaddset(&set, signal);
  return set;
}

// Turns the first stop signal into the capture's end and the second into the process's. Without a
// capture there is nothing to end in good order: the first one ends the process. Outlives all that
// may take long to go.
class SignalThread {
 public:
  SignalThread()
      : thread_([this](std::stop_token stop) {
          const sigset_t set = StopSignals();
          bool closing = false;
          while (!stop.stop_requested()) {
            const timespec tick{.tv_sec = 0, .tv_nsec = 200'000'000};
            const int signal = sigtimedwait(&set, nullptr, &tick);
            if (signal < 0) continue;
            if (std::exchange(closing, true) || !Close()) _exit(1);
            LogInfo("signal {}: stopping", signal);
          }
        }) {}

  // While it lives, the first signal ends `capture`.
  class Attachment {
   public:
    Attachment(SignalThread& signals, Capture& capture) : signals_(signals) { Set(&capture); }
    ~Attachment() { Set(nullptr); }
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

   private:
    void Set(Capture* capture) {
      std::lock_guard lock(signals_.mutex_);
      signals_.capture_ = capture;
    }
    SignalThread& signals_;
  };

 private:
  bool Close() {
    std::lock_guard lock(mutex_);
    if (capture_ != nullptr) capture_->AsyncClose();
    return capture_ != nullptr;
  }

  std::mutex mutex_;  // guards the one below
  Capture* capture_ = nullptr;
  std::jthread thread_;
};

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
  SignalThread signals;
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
      const auto tikv, TiKvClient::Open(pd_endpoints, tls,
                                        {.scan_limit_per_store = config.kv_client.region_scan_limit,
                                         .received_quota = memory.received,
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
  const SignalThread::Attachment attached(signals, capture);
  ASSIGN_OR_RETURN_STATUS(const auto http,
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
