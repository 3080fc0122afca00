// The composition: cluster, stores, PD with etcd behind it, input, control.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "simulator/etcd_child.h"
#include "simulator/etcd_proxy.h"
#include "simulator/load_generator.h"
#include "simulator/nemesis.h"
#include "simulator/pd_front.h"
#include "simulator/pd_service.h"
#include "simulator/recording_player.h"
#include "simulator/store_server.h"

namespace cdc {

struct SimulatorOptions {
  ClusterOptions cluster;
  int pd_port = 2379;
  int store_port = 20160;  // of the first store; 0: any for each
  std::string data_dir;    // empty: a temporary directory
  bool etcd = true;
  std::string recording;  // the source of schemas, and of transactions if `play`
  bool play = true;
  double pace = 0;           // times as fast as recorded; 0: at once
  LoadTablesOptions tables;  // none if tables.tables is 0
};

class Simulator {
 public:
  static Result<std::unique_ptr<Simulator>> Open(const SimulatorOptions& options);
  ~Simulator();

  SimCluster& cluster() { return cluster_; }
  PdService& pd() { return pd_; }
  LoadTables* tables() { return tables_.get(); }
  LoadGenerator* loads() { return loads_.get(); }
  Nemesis& nemesis() { return *nemesis_; }
  RecordingPlayer* player() { return player_.get(); }
  std::string pd_url() const;
  std::vector<std::string> store_addresses() const { return addresses_; }

  // Stores end and come back at the same address; their leaders move to others meanwhile.
  Status StopStore(uint64_t store);
  Status StartStore(uint64_t store);
  void RefuseV2(bool on);

 private:
  explicit Simulator(const SimulatorOptions& options);
  Status Start();
  Status StartPd();

  const SimulatorOptions options_;
  SimCluster cluster_;
  std::unique_ptr<EtcdChild> etcd_;
  std::unique_ptr<EtcdProxy> proxy_;
  PdService pd_;
  std::unique_ptr<Recording> recording_;
  std::unique_ptr<LoadTables> tables_;

  std::mutex mutex_;  // guards the stores
  std::vector<std::unique_ptr<StoreServer>> stores_;
  std::vector<int> ports_;
  bool refuse_v2_ = false;

  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> pd_server_;
  std::unique_ptr<PdFront> pd_front_;
  std::unique_ptr<RecordingPlayer> player_;
  std::unique_ptr<LoadGenerator> loads_;
  std::unique_ptr<Nemesis> nemesis_;
};

}  // namespace cdc
