// What all commands of `cdc cli` share: connections, questions, the way to the owner.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "control/etcd/cluster_view.h"
#include "control/etcd/etcd_client.h"
#include "dataflow/upstream/region_feed.h"

namespace cdc {

struct CliFlags {
  std::string pd = "http://127.0.0.1:2379";
  std::string log_level = "error";
  std::string cluster_id;
  TlsConfig tls;
};

// Connects when something is asked of it. For one thread.
class CliContext {
 public:
  explicit CliContext(CliFlags flags) : flags_(std::move(flags)), paths_(flags_.cluster_id) {}

  const KeyPaths& paths() const { return paths_; }
  Result<TiKvClient*> TiKv();
  Result<EtcdClient*> Etcd();
  Result<ClusterSnapshot> Cluster();
  // POSTs a form to the owner's HTTP port; kOwnerNotFound if there is no owner.
  Status PostToOwner(const std::string& path, const std::map<std::string, std::string>& form);

 private:
  Result<std::vector<std::string>> Endpoints() const;

  const CliFlags flags_;
  const KeyPaths paths_;
  std::unique_ptr<TiKvClient> tikv_;
  std::unique_ptr<EtcdClient> etcd_;
};

// Asks on the terminal; true for y or Y.
bool Confirm(const std::string& question);

}  // namespace cdc
