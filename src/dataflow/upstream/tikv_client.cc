#include "dataflow/upstream/grpc_pd_client.h"
#include "dataflow/upstream/grpc_store_network.h"
#include "dataflow/upstream/lock_cleaner.h"
#include "dataflow/upstream/region_feed_impl.h"
#include "dataflow/upstream/snapshot_reader_impl.h"

namespace cdc {
namespace {

constexpr Duration kResolveTimeout = 30s;
constexpr size_t kLocksAtOnce = 1024;

// The composition of this folder; members in order of dependence.
class TiKvClientImpl : public TiKvClient, public LockCleaner {
 public:
  TiKvClientImpl(std::unique_ptr<PdClient> pd, std::unique_ptr<StoreNetwork> network,
                 const RegionFeedConfig& config, Clock& clock)
      : pd_(std::move(pd)),
        regions_(*pd_),
        network_(std::move(network)),
        rpc_(regions_, *network_, calls_, clock, pd_->cluster_id()),
        locks_(rpc_, *pd_),
        snapshot_(rpc_, locks_, *pd_),
        feed_(config, *pd_, regions_, *network_, rpc_, locks_, clock) {}

  ~TiKvClientImpl() override {
    pd_->Shutdown();  // so that the feed's threads do not wait for an answer
    calls_.Shutdown();
  }

  PdClient& pd() override { return *pd_; }
  SnapshotReader& snapshot() override { return snapshot_; }
  RegionFeed& feed() override { return feed_; }

  void Reconnect() override {
    feed_.DropIdleWorkers();
    network_->Reconnect();
  }

  void RecycleConnections() override {
    feed_.DropIdleWorkers();
    network_->DropIdle();
  }

  Status ResolveLocks(RegionId id, Ts max) override {
    ASSIGN_OR_RETURN_STATUS(const Region region, pd_->GetRegionById(id));
    Retry retry = rpc_.StartRetry(kResolveTimeout);
    while (true) {
      ASSIGN_OR_RETURN_STATUS(const auto locks, locks_.ScanLocks({region.start_key, region.end_key},
                                                                 max, kLocksAtOnce, &retry));
      if (locks.empty()) return Status::Ok();
      ASSIGN_OR_RETURN_STATUS(const LockOutcome outcome, locks_.Resolve(locks, Ts(), &retry));
      if (outcome.alive != nullptr || locks.size() < kLocksAtOnce) return Status::Ok();
    }
  }

 private:
  const std::unique_ptr<PdClient> pd_;
  RegionCache regions_;
  const std::unique_ptr<StoreNetwork> network_;
  CallRegistry calls_;
  TiKvRpc rpc_;
  LockResolver locks_;
  TiKvSnapshotReader snapshot_;
  RegionFeedImpl feed_;
};

}  // namespace

std::unique_ptr<TiKvClient> MakeTiKvClient(std::unique_ptr<PdClient> pd,
                                           std::unique_ptr<StoreNetwork> network,
                                           const RegionFeedConfig& config, Clock& clock) {
  return std::make_unique<TiKvClientImpl>(std::move(pd), std::move(network), config, clock);
}

Result<std::unique_ptr<TiKvClient>> TiKvClient::Open(std::vector<std::string> pd_endpoints,
                                                     const TlsConfig& tls,
                                                     const RegionFeedConfig& config, Clock& clock) {
  ASSIGN_OR_RETURN(auto credentials, MakeCredentials(tls));
  ASSIGN_OR_RETURN(auto pd, PdClient::Open(std::move(pd_endpoints), tls, clock));
  return MakeTiKvClient(std::move(pd), MakeGrpcStoreNetwork(std::move(credentials)), config, clock);
}

}  // namespace cdc
