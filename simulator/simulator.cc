#include "simulator/simulator.h"

#include <filesystem>

#include <grpcpp/grpcpp.h>
#include <unistd.h>

namespace cdc {

Simulator::Simulator(const SimulatorOptions& options)
    : options_(options), cluster_(options.cluster, SystemClock()), pd_(cluster_) {}

Result<std::unique_ptr<Simulator>> Simulator::Open(const SimulatorOptions& options) {
  std::unique_ptr<Simulator> simulator(new Simulator(options));
  RETURN_UNEXPECTED_IF_ERROR(simulator->Start());
  return simulator;
}

Status Simulator::Start() {
  if (!options_.recording.empty()) {
    ASSIGN_OR_RETURN_STATUS(recording_, Recording::Open(options_.recording));
    RETURN_IF_ERROR(LoadBase(cluster_, *recording_));
  }
  if (options_.tables.tables > 0) {
    if (!recording_) {
      return Status(Code::kUnexpected, "load tables need a recording to copy their schema from");
    }
    ASSIGN_OR_RETURN_STATUS(tables_, LoadTables::Create(cluster_, *recording_, options_.tables));
    loads_ = std::make_unique<LoadGenerator>(cluster_, *tables_);
  }
  for (uint64_t store = 1; store <= options_.cluster.stores; ++store) {
    const int port =
        options_.store_port == 0 ? 0 : options_.store_port + static_cast<int>(store) - 1;
    ASSIGN_OR_RETURN_STATUS(auto server, StoreServer::Open(cluster_, store, port));
    ports_.push_back(server->port());
    addresses_.push_back("127.0.0.1:" + std::to_string(server->port()));
    stores_.push_back(std::move(server));
  }
  RETURN_IF_ERROR(StartPd());
  if (recording_ && options_.play) {
    ASSIGN_OR_RETURN_STATUS(player_, RecordingPlayer::Start(cluster_, *recording_, options_.pace));
  }
  nemesis_ = std::make_unique<Nemesis>(
      cluster_, NemesisStores{.stop = [this](uint64_t store) { return StopStore(store); },
                              .start = [this](uint64_t store) { return StartStore(store); }});
  return Status::Ok();
}

Status Simulator::StartPd() {
  std::string directory = options_.data_dir;
  if (directory.empty()) {
    directory = std::filesystem::temp_directory_path() / fmt::format("tikv-simulator-{}", getpid());
  }
  grpc::ServerBuilder builder;
  int grpc_port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &grpc_port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.RegisterService(&pd_);
  if (options_.etcd) {
    ASSIGN_OR_RETURN_STATUS(etcd_, EtcdChild::Start(directory));
    proxy_ = std::make_unique<EtcdProxy>(etcd_->address());
    builder.RegisterCallbackGenericService(proxy_.get());
  }
  pd_server_ = builder.BuildAndStart();
  if (!pd_server_) return Status(Code::kUnexpected, "PD's gRPC server cannot listen");
  ASSIGN_OR_RETURN_STATUS(pd_front_, PdFront::Open(options_.pd_port, grpc_port));
  pd_.SetAddresses(pd_url(), addresses_);
  return Status::Ok();
}

Simulator::~Simulator() {
  nemesis_.reset();
  loads_.reset();
  player_.reset();
  pd_front_.reset();
  if (pd_server_) pd_server_->Shutdown(std::chrono::system_clock::now());
  pd_server_.reset();
  stores_.clear();
}

std::string Simulator::pd_url() const {
  return "http://127.0.0.1:" + std::to_string(pd_front_->port());
}

Status Simulator::StopStore(uint64_t store) {
  if (store == 0 || store > ports_.size()) return Status(Code::kUnexpected, "no store {}", store);
  std::unique_ptr<StoreServer> server;
  {
    std::lock_guard lock(mutex_);
    server = std::move(stores_[store - 1]);
  }
  if (!server) return Status(Code::kUnexpected, "store {} is down", store);
  server.reset();  // before its leaders move: nobody is told where they went
  cluster_.StoreDown(store);
  return Status::Ok();
}

Status Simulator::StartStore(uint64_t store) {
  if (store == 0 || store > ports_.size()) return Status(Code::kUnexpected, "no store {}", store);
  std::lock_guard lock(mutex_);
  if (stores_[store - 1]) return Status(Code::kUnexpected, "store {} is up", store);
  ASSIGN_OR_RETURN_STATUS(stores_[store - 1],
                          StoreServer::Open(cluster_, store, ports_[store - 1]));
  stores_[store - 1]->RefuseV2(refuse_v2_);
  cluster_.StoreUp(store);
  return Status::Ok();
}

void Simulator::RefuseV2(bool on) {
  std::lock_guard lock(mutex_);
  refuse_v2_ = on;
  for (const auto& store : stores_) {
    if (store) store->RefuseV2(on);
  }
}

}  // namespace cdc
