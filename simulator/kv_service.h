// TiKV's transactional service of one store, over gRPC: single calls, and all of them on one
// stream.
#pragma once

#include <functional>

#include "simulator/sim_cluster.h"
#include "tikv/tikvpb.grpc.pb.h"

namespace cdc {

class KvService : public tikvpb::Tikv::Service {
 public:
  KvService(SimCluster& cluster, uint64_t store) : cluster_(cluster), store_(store) {}

 private:
  using Context = grpc::ServerContext;
  using Status = grpc::Status;

  Status KvGet(Context*, const kvrpcpb::GetRequest*, kvrpcpb::GetResponse*) override;
  Status KvBatchGet(Context*, const kvrpcpb::BatchGetRequest*, kvrpcpb::BatchGetResponse*) override;
  Status KvScan(Context*, const kvrpcpb::ScanRequest*, kvrpcpb::ScanResponse*) override;
  Status KvScanLock(Context*, const kvrpcpb::ScanLockRequest*, kvrpcpb::ScanLockResponse*) override;
  Status KvResolveLock(Context*, const kvrpcpb::ResolveLockRequest*,
                       kvrpcpb::ResolveLockResponse*) override;
  Status KvCheckTxnStatus(Context*, const kvrpcpb::CheckTxnStatusRequest*,
                          kvrpcpb::CheckTxnStatusResponse*) override;
  Status KvCheckSecondaryLocks(Context*, const kvrpcpb::CheckSecondaryLocksRequest*,
                               kvrpcpb::CheckSecondaryLocksResponse*) override;
  Status KVPessimisticRollback(Context*, const kvrpcpb::PessimisticRollbackRequest*,
                               kvrpcpb::PessimisticRollbackResponse*) override;
  Status KvPrewrite(Context*, const kvrpcpb::PrewriteRequest*, kvrpcpb::PrewriteResponse*) override;
  Status KvPessimisticLock(Context*, const kvrpcpb::PessimisticLockRequest*,
                           kvrpcpb::PessimisticLockResponse*) override;
  Status KvCommit(Context*, const kvrpcpb::CommitRequest*, kvrpcpb::CommitResponse*) override;
  Status KvBatchRollback(Context*, const kvrpcpb::BatchRollbackRequest*,
                         kvrpcpb::BatchRollbackResponse*) override;
  Status KvCleanup(Context*, const kvrpcpb::CleanupRequest*, kvrpcpb::CleanupResponse*) override;
  Status KvTxnHeartBeat(Context*, const kvrpcpb::TxnHeartBeatRequest*,
                        kvrpcpb::TxnHeartBeatResponse*) override;
  Status BatchCommands(Context*,
                       grpc::ServerReaderWriter<tikvpb::BatchCommandsResponse,
                                                tikvpb::BatchCommandsRequest>* stream) override;
  void Answer(Context* context, const tikvpb::BatchCommandsRequest::Request& request,
              tikvpb::BatchCommandsResponse::Response* response);

  // Runs a method of the store if the request's region is led here.
  template <typename Request, typename Response>
  Status Run(void (MvccStore::*method)(const Request&, Response*), const Request& request,
             Response* response);
  template <typename Request, typename Response>
  Status Run(void (MvccStore::*method)(const Request&, const KeyRange&, Response*),
             const Request& request, Response* response);

  SimCluster& cluster_;
  const uint64_t store_;
};

}  // namespace cdc
