// tikv-simulator: TiKV stores and their PD in one process, for scale, faults and benchmarks.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "simulator/control_server.h"
#include "simulator/simulator.h"

namespace {

struct Flags {
  cdc::SimulatorOptions simulator;
  int control_port = 20180;
  int64_t resolved_interval_ms = 200;
  std::string ready_file;
  std::string log_level = "info";
};

void AddFlags(CLI::App& app, Flags* flags) {
  cdc::SimulatorOptions& options = flags->simulator;
  app.add_option("--stores", options.cluster.stores, "TiKV stores")->capture_default_str();
  app.add_option("--replicas", options.cluster.replicas, "peers of a region")
      ->capture_default_str();
  app.add_option("--pd-port", options.pd_port, "PD and etcd; 0: any")->capture_default_str();
  app.add_option("--store-port", options.store_port, "the first store; 0: any")
      ->capture_default_str();
  app.add_option("--control-port", flags->control_port, "commands over HTTP; 0: any")
      ->capture_default_str();
  app.add_option("--data-dir", options.data_dir, "etcd's data and log (default: temporary)");
  app.add_option("--ready-file", flags->ready_file, "addresses as JSON, written when ready");
  app.add_option("--recording", options.recording,
                 "directory with meta.json, base.jsonl.zst and txns.jsonl.zst");
  app.add_flag("!--no-play", options.play, "of the recording, take the schema only");
  app.add_option("--pace", options.pace, "play so many times as fast as recorded (0: at once)");
  app.add_option("--tables", options.tables.tables, "load tables load.t0, load.t1, ... (0: none)")
      ->default_val(0);
  app.add_option("--regions-per-table", options.tables.regions_per_table, "of the load tables");
  app.add_option("--row-bytes", options.tables.row_bytes, "of a row's value in the load tables")
      ->capture_default_str();
  app.add_flag("--updates", options.tables.updates, "synthetic rows have old values");
  app.add_option("--resolved-ts-interval-ms", flags->resolved_interval_ms)->capture_default_str();
  app.add_option("--log-level", flags->log_level, "debug, info, warn or error");
}

cdc::Status WriteReadyFile(const std::string& path, const cdc::Simulator& simulator,
                           const cdc::ControlServer& control) {
  const nlohmann::json ready = {{"pd", simulator.pd_url()},
                                {"stores", simulator.store_addresses()},
                                {"control", "http://127.0.0.1:" + std::to_string(control.port())}};
  const std::string incomplete = path + ".tmp";
  std::ofstream(incomplete) << ready.dump() << "\n";
  std::error_code error;
  std::filesystem::rename(incomplete, path, error);
  if (!error) return cdc::Status::Ok();
  return {cdc::Code::kUnexpected, "cannot write {}: {}", path, error.message()};
}

cdc::Status Run(const Flags& flags, const sigset_t& signals) {
  ASSIGN_OR_RETURN_STATUS(auto simulator, cdc::Simulator::Open(flags.simulator));
  ASSIGN_OR_RETURN_STATUS(auto control, cdc::ControlServer::Open(*simulator, flags.control_port));
  if (!flags.ready_file.empty()) {
    RETURN_IF_ERROR(WriteReadyFile(flags.ready_file, *simulator, *control));
  }
  fmt::print("ready: PD {} | {} stores from {} | control http://127.0.0.1:{}\n",
             simulator->pd_url(), simulator->store_addresses().size(),
             simulator->store_addresses().front(), control->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return cdc::Status::Ok();
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  flags.simulator.tables.tables = 0;
  CLI::App app(
      "TiKV stores with a PD in front of them, in one process and in memory.\n\n"
      "  tikv-simulator --recording tests/recordings/20_bank\n"
      "  tikv-simulator --recording tests/recordings/21_oltp --no-play --stores 20 \\\n"
      "    --tables 1000 --regions-per-table 100");
  AddFlags(app, &flags);
  CLI11_PARSE(app, argc, argv);
  flags.simulator.cluster.resolved_interval = std::chrono::milliseconds(flags.resolved_interval_ms);
  if (cdc::Status status = cdc::InitLog({.level = flags.log_level}); !status.ok()) {
    std::fprintf(stderr, "Error: %s\n", status.ToString().c_str());
    return 2;
  }
  // Before the first thread, so that all of them leave the signals to us.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (cdc::Status status = Run(flags, signals); !status.ok()) {
    std::fprintf(stderr, "Error: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
