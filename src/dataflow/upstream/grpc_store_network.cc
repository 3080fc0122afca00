#include "dataflow/upstream/grpc_store_network.h"

#include "dataflow/upstream/grpc_feed_transport.h"
#include "dataflow/upstream/grpc_support.h"
#include "tikv/tikvpb.grpc.pb.h"

namespace cdc {
namespace {

class GrpcTiKvStub : public TiKvStub {
 public:
  explicit GrpcTiKvStub(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  grpc::Status KvGet(Context* context, const kvrpcpb::GetRequest& request,
                     kvrpcpb::GetResponse* response) override {
    return stub_.KvGet(context, request, response);
  }
  grpc::Status KvScan(Context* context, const kvrpcpb::ScanRequest& request,
                      kvrpcpb::ScanResponse* response) override {
    return stub_.KvScan(context, request, response);
  }
  grpc::Status KvScanLock(Context* context, const kvrpcpb::ScanLockRequest& request,
                          kvrpcpb::ScanLockResponse* response) override {
    return stub_.KvScanLock(context, request, response);
  }
  grpc::Status KvResolveLock(Context* context, const kvrpcpb::ResolveLockRequest& request,
                             kvrpcpb::ResolveLockResponse* response) override {
    return stub_.KvResolveLock(context, request, response);
  }
  grpc::Status KvCheckTxnStatus(Context* context, const kvrpcpb::CheckTxnStatusRequest& request,
                                kvrpcpb::CheckTxnStatusResponse* response) override {
    return stub_.KvCheckTxnStatus(context, request, response);
  }
  grpc::Status KvCheckSecondaryLocks(Context* context,
                                     const kvrpcpb::CheckSecondaryLocksRequest& request,
                                     kvrpcpb::CheckSecondaryLocksResponse* response) override {
    return stub_.KvCheckSecondaryLocks(context, request, response);
  }
  grpc::Status KVPessimisticRollback(Context* context,
                                     const kvrpcpb::PessimisticRollbackRequest& request,
                                     kvrpcpb::PessimisticRollbackResponse* response) override {
    return stub_.KVPessimisticRollback(context, request, response);
  }

 private:
  tikvpb::Tikv::Stub stub_;
};

class GrpcStoreNetwork : public StoreNetwork {
 public:
  explicit GrpcStoreNetwork(std::shared_ptr<grpc::ChannelCredentials> credentials)
      : channels_(std::move(credentials), ChannelPool::Peer::kTiKv) {}

  std::unique_ptr<FeedTransport> OpenFeed(const std::string& address, FeedTransportHandler* handler,
                                          std::shared_ptr<MemoryQuota> received) override {
    return std::make_unique<GrpcFeedTransport>(channels_.Get(address), handler,
                                               std::move(received));
  }
  std::unique_ptr<TiKvStub> OpenStub(const std::string& address) override {
    return std::make_unique<GrpcTiKvStub>(channels_.Get(address));
  }
  void Reconnect() override { channels_.Clear(); }
  void DropIdle() override { channels_.DropIdle(); }

 private:
  ChannelPool channels_;
};

}  // namespace

std::unique_ptr<StoreNetwork> MakeGrpcStoreNetwork(
    std::shared_ptr<grpc::ChannelCredentials> credentials) {
  return std::make_unique<GrpcStoreNetwork>(std::move(credentials));
}

}  // namespace cdc
