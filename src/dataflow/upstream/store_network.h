// The ways to the stores, by address: gRPC's (grpc_store_network.h), or those of a simulation.
// Private to the folder and to simulations: it includes generated headers.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/client_context.h>

#include "base/memory_quota.h"
#include "dataflow/upstream/feed_transport.h"
#include "dataflow/upstream/region_feed.h"
#include "tikv/kvrpcpb.pb.h"

namespace cdc {

// TiKV's requests, as far as we send them. Each blocks until the answer or the context's deadline.
// Thread-safe.
class TiKvStub {
 public:
  using Context = grpc::ClientContext;

  virtual ~TiKvStub() = default;
  virtual grpc::Status KvGet(Context*, const kvrpcpb::GetRequest&, kvrpcpb::GetResponse*) = 0;
  virtual grpc::Status KvScan(Context*, const kvrpcpb::ScanRequest&, kvrpcpb::ScanResponse*) = 0;
  virtual grpc::Status KvScanLock(Context*, const kvrpcpb::ScanLockRequest&,
                                  kvrpcpb::ScanLockResponse*) = 0;
  virtual grpc::Status KvResolveLock(Context*, const kvrpcpb::ResolveLockRequest&,
                                     kvrpcpb::ResolveLockResponse*) = 0;
  virtual grpc::Status KvCheckTxnStatus(Context*, const kvrpcpb::CheckTxnStatusRequest&,
                                        kvrpcpb::CheckTxnStatusResponse*) = 0;
  virtual grpc::Status KvCheckSecondaryLocks(Context*, const kvrpcpb::CheckSecondaryLocksRequest&,
                                             kvrpcpb::CheckSecondaryLocksResponse*) = 0;
  virtual grpc::Status KVPessimisticRollback(Context*, const kvrpcpb::PessimisticRollbackRequest&,
                                             kvrpcpb::PessimisticRollbackResponse*) = 0;
};

// Thread-safe.
class StoreNetwork {
 public:
  virtual ~StoreNetwork() = default;
  // `handler` outlives the transport. `received`: see FeedTransport.
  virtual std::unique_ptr<FeedTransport> OpenFeed(const std::string& address,
                                                  FeedTransportHandler* handler,
                                                  std::shared_ptr<MemoryQuota> received) = 0;
  virtual std::unique_ptr<TiKvStub> OpenStub(const std::string& address) = 0;

  // What is open stays open. From now on there are new connections:
  virtual void Reconnect() {}
  // Closes those that nobody has, or has asked for since the last time.
  virtual void DropIdle() {}
};

// What TiKvClient::Open makes, of given parts. `clock` outlives it.
std::unique_ptr<TiKvClient> MakeTiKvClient(std::unique_ptr<PdClient> pd,
                                           std::unique_ptr<StoreNetwork> network,
                                           const RegionFeedConfig& config, Clock& clock);

}  // namespace cdc
