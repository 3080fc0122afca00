// Making and changing changefeeds: what requests and commands have in common.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/replica_config.h"
#include "control/etcd/etcd_client.h"
#include "control/etcd/key_paths.h"
#include "dataflow/upstream/region_feed.h"
#include "model/changefeed.h"

namespace cdc {

// What a new changefeed shall be.
struct ChangefeedSpec {
  ChangefeedId id;  // empty: a new UUID
  std::string sink_uri;
  ReplicaConfig config;
  Ts start_ts;   // zero: now
  Ts target_ts;  // zero: none
  std::map<std::string, std::string> opts;
  std::string sort_engine = "unified";
  std::string time_zone;  // that the sink is tried with
};

struct TableName {
  std::string schema;
  std::string table;
  TableId id{};
  bool is_partition = false;
};

struct TablesVerdict {
  std::vector<TableName> eligible;    // each partition by itself
  std::vector<TableName> ineligible;  // they match the filter, but have no usable key
};

// What to do about tables without a usable key: false refuses the changefeed.
using AcceptIneligible = std::function<bool(const std::vector<TableName>&)>;

// Threads: thread-safe.
// Order: everything is checked (configuration, timestamps, GC, tables, the sink by opening it)
//   before one transaction writes; on error nothing has changed.
class ChangefeedService {
 public:
  // All outlive the service.
  ChangefeedService(EtcdClient& etcd, TiKvClient& tikv, const KeyPaths& paths)
      : etcd_(etcd), tikv_(tikv), paths_(paths) {}

  // Fills in `spec`'s id and start ts.
  Result<ChangefeedInfo> Create(ChangefeedSpec* spec, const AcceptIneligible& accept);
  // `change` is applied to the changefeed as it is in etcd, which must be stopped or failed.
  // kChangefeedUpdateRefused also when nothing differs, or when someone else came first.
  Result<ChangefeedInfo> Update(const ChangefeedId& id,
                                const std::function<Status(ChangefeedInfo*)>& change,
                                const AcceptIneligible& accept);
  // The tables that `config` lets through as of `ts` (zero: now). Errors: also where its rules for
  // the sink do not fit a table; "" for a sink that is not known yet.
  Result<TablesVerdict> VerifyTables(const ReplicaConfig& config, const std::string& sink_uri,
                                     Ts ts);
  // Makes a changefeed that does not run go on from `ts` when it is resumed.
  Status OverwriteCheckpoint(const ChangefeedId& id, Ts ts);

 private:
  Status CheckIsNew(const ChangefeedId& id);
  Status CheckStart(ChangefeedSpec* spec);
  Status CheckTables(const ReplicaConfig& config, const std::string& sink_uri, Ts ts,
                     const AcceptIneligible& accept);
  Status Save(const ChangefeedId& id, const ChangefeedInfo& info);

  EtcdClient& etcd_;
  TiKvClient& tikv_;
  const KeyPaths& paths_;
};

// The checks of a spec that need no cluster.
Status CheckSpec(const ChangefeedSpec& spec);

}  // namespace cdc
