#include "simulator/kv_service.h"

namespace cdc {

template <typename Request, typename Response>
grpc::Status KvService::Run(void (MvccStore::*method)(const Request&, Response*),
                            const Request& request, Response* response) {
  errorpb::Error error;
  const bool here = cluster_.WithRegion(
      store_, request.context(), &error,
      [&](MvccStore& store, const KeyRange&) { (store.*method)(request, response); });
  if (!here) *response->mutable_region_error() = std::move(error);
  return Status::OK;
}

template <typename Request, typename Response>
grpc::Status KvService::Run(void (MvccStore::*method)(const Request&, const KeyRange&, Response*),
                            const Request& request, Response* response) {
  errorpb::Error error;
  const bool here = cluster_.WithRegion(store_, request.context(), &error,
                                        [&](MvccStore& store, const KeyRange& region) {
                                          (store.*method)(request, region, response);
                                        });
  if (!here) *response->mutable_region_error() = std::move(error);
  return Status::OK;
}

grpc::Status KvService::KvGet(Context*, const kvrpcpb::GetRequest* request,
                              kvrpcpb::GetResponse* response) {
  return Run(&MvccStore::Get, *request, response);
}
grpc::Status KvService::KvBatchGet(Context*, const kvrpcpb::BatchGetRequest* request,
                                   kvrpcpb::BatchGetResponse* response) {
  return Run(&MvccStore::BatchGet, *request, response);
}
grpc::Status KvService::KvCheckTxnStatus(Context*, const kvrpcpb::CheckTxnStatusRequest* request,
                                         kvrpcpb::CheckTxnStatusResponse* response) {
  return Run(&MvccStore::CheckTxnStatus, *request, response);
}
grpc::Status KvService::KvCheckSecondaryLocks(Context*,
                                              const kvrpcpb::CheckSecondaryLocksRequest* request,
                                              kvrpcpb::CheckSecondaryLocksResponse* response) {
  return Run(&MvccStore::CheckSecondaryLocks, *request, response);
}
grpc::Status KvService::KVPessimisticRollback(Context*,
                                              const kvrpcpb::PessimisticRollbackRequest* request,
                                              kvrpcpb::PessimisticRollbackResponse* response) {
  return Run(&MvccStore::PessimisticRollback, *request, response);
}
grpc::Status KvService::KvPrewrite(Context*, const kvrpcpb::PrewriteRequest* request,
                                   kvrpcpb::PrewriteResponse* response) {
  return Run(&MvccStore::Prewrite, *request, response);
}
grpc::Status KvService::KvPessimisticLock(Context*, const kvrpcpb::PessimisticLockRequest* request,
                                          kvrpcpb::PessimisticLockResponse* response) {
  return Run(&MvccStore::PessimisticLock, *request, response);
}
grpc::Status KvService::KvCommit(Context*, const kvrpcpb::CommitRequest* request,
                                 kvrpcpb::CommitResponse* response) {
  return Run(&MvccStore::Commit, *request, response);
}
grpc::Status KvService::KvBatchRollback(Context*, const kvrpcpb::BatchRollbackRequest* request,
                                        kvrpcpb::BatchRollbackResponse* response) {
  return Run(&MvccStore::BatchRollback, *request, response);
}
grpc::Status KvService::KvCleanup(Context*, const kvrpcpb::CleanupRequest* request,
                                  kvrpcpb::CleanupResponse* response) {
  return Run(&MvccStore::Cleanup, *request, response);
}
grpc::Status KvService::KvTxnHeartBeat(Context*, const kvrpcpb::TxnHeartBeatRequest* request,
                                       kvrpcpb::TxnHeartBeatResponse* response) {
  return Run(&MvccStore::TxnHeartBeat, *request, response);
}
grpc::Status KvService::KvScan(Context*, const kvrpcpb::ScanRequest* request,
                               kvrpcpb::ScanResponse* response) {
  return Run(&MvccStore::Scan, *request, response);
}
grpc::Status KvService::KvScanLock(Context*, const kvrpcpb::ScanLockRequest* request,
                                   kvrpcpb::ScanLockResponse* response) {
  return Run(&MvccStore::ScanLock, *request, response);
}
grpc::Status KvService::KvResolveLock(Context*, const kvrpcpb::ResolveLockRequest* request,
                                      kvrpcpb::ResolveLockResponse* response) {
  return Run(&MvccStore::ResolveLock, *request, response);
}

// ---- All of them on one stream ----

void KvService::Answer(Context* context, const tikvpb::BatchCommandsRequest::Request& request,
                       tikvpb::BatchCommandsResponse::Response* response) {
  using Request = tikvpb::BatchCommandsRequest::Request;
  switch (request.cmd_case()) {
    case Request::kGet:
      KvGet(context, &request.get(), response->mutable_get());
      return;
    case Request::kBatchGet:
      KvBatchGet(context, &request.batchget(), response->mutable_batchget());
      return;
    case Request::kCheckTxnStatus:
      KvCheckTxnStatus(context, &request.checktxnstatus(), response->mutable_checktxnstatus());
      return;
    case Request::kCheckSecondaryLocks:
      KvCheckSecondaryLocks(context, &request.checksecondarylocks(),
                            response->mutable_checksecondarylocks());
      return;
    case Request::kPessimisticRollback:
      KVPessimisticRollback(context, &request.pessimisticrollback(),
                            response->mutable_pessimisticrollback());
      return;
    case Request::kPrewrite:
      KvPrewrite(context, &request.prewrite(), response->mutable_prewrite());
      return;
    case Request::kPessimisticLock:
      KvPessimisticLock(context, &request.pessimisticlock(), response->mutable_pessimisticlock());
      return;
    case Request::kCommit:
      KvCommit(context, &request.commit(), response->mutable_commit());
      return;
    case Request::kBatchRollback:
      KvBatchRollback(context, &request.batchrollback(), response->mutable_batchrollback());
      return;
    case Request::kCleanup:
      KvCleanup(context, &request.cleanup(), response->mutable_cleanup());
      return;
    case Request::kTxnHeartBeat:
      KvTxnHeartBeat(context, &request.txnheartbeat(), response->mutable_txnheartbeat());
      return;
    case Request::kScan:
      KvScan(context, &request.scan(), response->mutable_scan());
      return;
    case Request::kScanLock:
      KvScanLock(context, &request.scanlock(), response->mutable_scanlock());
      return;
    case Request::kResolveLock:
      KvResolveLock(context, &request.resolvelock(), response->mutable_resolvelock());
      return;
    case Request::kEmpty:
      response->mutable_empty()->set_test_id(request.empty().test_id());
      return;
    case Request::CMD_NOT_SET:  // one that we do not know: the client waits for it until its
                                // deadline
      response->mutable_empty();
      return;
  }
}

grpc::Status KvService::BatchCommands(
    Context* context,
    grpc::ServerReaderWriter<tikvpb::BatchCommandsResponse, tikvpb::BatchCommandsRequest>* stream) {
  tikvpb::BatchCommandsRequest batch;
  while (stream->Read(&batch)) {
    tikvpb::BatchCommandsResponse answers;
    for (int i = 0; i < batch.requests_size() && i < batch.request_ids_size(); ++i) {
      answers.add_request_ids(batch.request_ids(i));
      Answer(context, batch.requests(i), answers.add_responses());
    }
    if (!stream->Write(answers)) break;
  }
  return Status::OK;
}

}  // namespace cdc
