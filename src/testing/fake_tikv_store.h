// One store of FakeTiKv: its gRPC server.
#pragma once

#include <memory>
#include <string>

#include "testing/fake_tikv_impl.h"

namespace cdc {

class FakeTiKv::Impl::Store : public tikvpb::Tikv::Service {
 public:
  Store(Impl& cluster, uint64_t id);
  ~Store() override;
  const std::string& address() const { return address_; }
  void Stop();

 private:
  using Context = grpc::ServerContext;
  // The feed is a service of its own, of raw bytes on the way out: it must be able to send garbage.
  class Feed;

  grpc::Status KvGet(Context*, const kvrpcpb::GetRequest* request,
                     kvrpcpb::GetResponse* response) override;
  grpc::Status KvScan(Context*, const kvrpcpb::ScanRequest* request,
                      kvrpcpb::ScanResponse* response) override;
  grpc::Status KvScanLock(Context*, const kvrpcpb::ScanLockRequest* request,
                          kvrpcpb::ScanLockResponse* response) override;
  grpc::Status KvResolveLock(Context*, const kvrpcpb::ResolveLockRequest* request,
                             kvrpcpb::ResolveLockResponse* response) override;
  grpc::Status KvCheckTxnStatus(Context*, const kvrpcpb::CheckTxnStatusRequest* request,
                                kvrpcpb::CheckTxnStatusResponse* response) override;
  grpc::Status KvCheckSecondaryLocks(Context*, const kvrpcpb::CheckSecondaryLocksRequest* request,
                                     kvrpcpb::CheckSecondaryLocksResponse* response) override;
  grpc::Status KVPessimisticRollback(Context*, const kvrpcpb::PessimisticRollbackRequest* request,
                                     kvrpcpb::PessimisticRollbackResponse* response) override;

  // True if the request may go on; else the region error is set.
  bool CheckRegion(const kvrpcpb::Context& context, errorpb::Error* error);
  bool Blocks(const FakeKey& key, Ts version, const kvrpcpb::Context& context) const;
  static kvrpcpb::LockInfo Describe(const std::string& key, const FakeLock& lock);

  Impl& cluster_;
  const uint64_t id_;
  std::string address_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cdc
