// What the handlers of requests work with. Private to this folder.
#pragma once

#include <functional>
#include <string>

#include "control/capture/capture.h"
#include "control/etcd/cluster_view.h"
#include "dataflow/upstream/region_feed.h"
#include "edge/api/changefeed_service.h"
#include "edge/api/router.h"
#include "edge/api/scrape.h"
#include "edge/api/synced.h"

namespace cdc {

// Thread-safe; what it points to outlives it.
class ApiContext {
 public:
  ApiContext(KeyPaths paths, std::string cluster_id, Capture& capture, EtcdClient& etcd,
             TiKvClient& tikv)
      : paths_(std::move(paths)),
        cluster_id_(cluster_id.empty() ? "default" : std::move(cluster_id)),
        capture_(capture),
        etcd_(etcd),
        tikv_(tikv),
        service_(etcd, tikv, paths_),
        scrape_(capture, Metrics()) {}

  const KeyPaths& paths() const { return paths_; }
  const std::string& cluster_id() const { return cluster_id_; }
  Capture& capture() { return capture_; }
  EtcdClient& etcd() { return etcd_; }
  PdClient& pd() { return tikv_.pd(); }
  ChangefeedService& service() { return service_; }
  Scrape& scrape() { return scrape_; }
  SyncedWatch& synced() { return synced_; }

  Result<ClusterSnapshot> Cluster() { return ReadCluster(etcd_, paths_); }
  // kChangefeedNotExists if nothing but remains of it is there.
  Result<ChangefeedView> Changefeed(const ChangefeedId& id);
  Result<CaptureInfo> FindCapture(const CaptureId& id);

  // Gives a job to the owner and waits until it shows in etcd. kChangefeedUpdateRefused when it
  // does not fit the changefeed's state; no error when that is as wanted already.
  Status Administer(const ChangefeedId& id, AdminJobType type, bool force_remove);
  Status MoveTable(const ChangefeedId& id, TableId table, const CaptureId& target);
  Status Rebalance(const ChangefeedId& id);
  Status ResignOwner();
  // Moves all tables away from a capture; returns how many it still has.
  Result<size_t> Drain(const CaptureId& target);

  // Of transactions that started at or before `ts` (zero: a minute ago).
  Status ResolveLocks(RegionId region, Ts ts);

  // Ends waits: for when the server is about to go.
  void Stop() { stop_.request_stop(); }
  std::stop_token stopping() const { return stop_.get_token(); }

 private:
  const KeyPaths paths_;
  const std::string cluster_id_;
  Capture& capture_;
  EtcdClient& etcd_;
  TiKvClient& tikv_;
  ChangefeedService service_;
  Scrape scrape_;
  SyncedWatch synced_;
  std::stop_source stop_;
};

// The routes, by what they are about.
void AddNodeRoutes(ApiContext& context, Router* router);
void AddOwnerRoutes(ApiContext& context, Router* router);
void AddChangefeedRoutes(ApiContext& context, Router* router);

}  // namespace cdc
