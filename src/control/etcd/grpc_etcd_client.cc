// EtcdClient over gRPC.
#include <map>

#include "base/bytes.h"
#include "base/metrics.h"
#include "control/etcd/etcd_client.h"
#include "control/etcd/grpc_channels.h"
#include "control/etcd/grpc_watch.h"
#include "etcd/rpc.grpc.pb.h"

namespace cdc {
namespace {

namespace pb = etcdserverpb;

EtcdKv FromPb(const pb::KeyValue& kv) {
  return {.key = kv.key(),
          .value = kv.value(),
          .create_revision = kv.create_revision(),
          .mod_revision = kv.mod_revision(),
          .lease = LeaseId{kv.lease()}};
}

// Connection refused, no leader, too slow: another endpoint may do better.
bool TryElsewhere(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::INTERNAL:
      return true;
    default:
      return false;
  }
}

class GrpcEtcdClient : public EtcdClient {
 public:
  GrpcEtcdClient(std::shared_ptr<GrpcChannels> channels, Duration request_timeout)
      : channels_(std::move(channels)), request_timeout_(request_timeout) {}

  Result<std::optional<EtcdKv>> Get(std::string_view key) override {
    pb::RangeRequest request;
    request.set_key(std::string(key));
    return First(request);
  }

  Result<EtcdRange> GetPrefix(std::string_view prefix) override {
    pb::RangeRequest request;
    request.set_key(std::string(prefix));
    request.set_range_end(PrefixEnd(prefix));
    ASSIGN_OR_RETURN(const pb::RangeResponse response, Range(request));
    EtcdRange range{.revision = response.header().revision(), .kvs = {}};
    range.kvs.reserve(response.kvs_size());
    for (const pb::KeyValue& kv : response.kvs()) range.kvs.push_back(FromPb(kv));
    return range;
  }

  Result<std::optional<EtcdKv>> LastCreated(std::string_view prefix,
                                            int64_t create_revision_max) override {
    pb::RangeRequest request;
    request.set_key(std::string(prefix));
    request.set_range_end(PrefixEnd(prefix));
    request.set_limit(1);
    request.set_sort_order(pb::RangeRequest::DESCEND);
    request.set_sort_target(pb::RangeRequest::CREATE);
    request.set_max_create_revision(create_revision_max);
    return First(request);
  }

  Status Put(std::string_view key, std::string_view value, LeaseId lease) override {
    pb::PutRequest request;
    request.set_key(std::string(key));
    request.set_value(std::string(value));
    request.set_lease(static_cast<int64_t>(lease));
    pb::PutResponse response;
    return Write<pb::KV>("Put", &pb::KV::Stub::Put, request, &response);
  }

  Status Delete(std::string_view key) override {
    pb::DeleteRangeRequest request;
    request.set_key(std::string(key));
    pb::DeleteRangeResponse response;
    return Write<pb::KV>("Del", &pb::KV::Stub::DeleteRange, request, &response);
  }

  Result<EtcdTxnResult> Txn(const std::vector<EtcdCompare>& guards,
                            const std::vector<EtcdOp>& ops) override {
    pb::TxnRequest request;
    for (const EtcdCompare& guard : guards) {
      pb::Compare* compare = request.add_compare();
      compare->set_key(guard.key);
      compare->set_result(pb::Compare::EQUAL);
      if (guard.target == EtcdCompare::Target::kCreateRevision) {
        compare->set_target(pb::Compare::CREATE);
        compare->set_create_revision(guard.revision);
      } else {
        compare->set_target(pb::Compare::MOD);
        compare->set_mod_revision(guard.revision);
      }
    }
    for (const EtcdOp& op : ops) {
      pb::RequestOp* target = request.add_success();
      if (op.value) {
        pb::PutRequest* put = target->mutable_request_put();
        put->set_key(op.key);
        put->set_value(*op.value);
        put->set_lease(static_cast<int64_t>(op.lease));
      } else {
        target->mutable_request_delete_range()->set_key(op.key);
      }
    }
    pb::TxnResponse response;
    RETURN_UNEXPECTED_IF_ERROR(Write<pb::KV>("Txn", &pb::KV::Stub::Txn, request, &response));
    return EtcdTxnResult{response.succeeded(), response.header().revision()};
  }

  Result<LeaseId> GrantLease(std::chrono::seconds ttl) override {
    pb::LeaseGrantRequest request;
    request.set_ttl(ttl.count());
    pb::LeaseGrantResponse response;
    RETURN_UNEXPECTED_IF_ERROR(
        Write<pb::Lease>("Grant", &pb::Lease::Stub::LeaseGrant, request, &response));
    if (!response.error().empty()) return Error(Code::kEtcd, "lease grant: {}", response.error());
    return LeaseId{response.id()};
  }

  Result<std::chrono::seconds> KeepAlive(LeaseId lease) override {
    pb::LeaseKeepAliveRequest request;
    request.set_id(static_cast<int64_t>(lease));
    pb::LeaseKeepAliveResponse response;
    RETURN_UNEXPECTED_IF_ERROR(Call("KeepAlive", true, [&](size_t index, auto* context) {
      const auto stub = pb::Lease::NewStub(channels_->at(index));
      const auto stream = stub->LeaseKeepAlive(context);
      const bool answered =
          stream->Write(request) && stream->WritesDone() && stream->Read(&response);
      if (answered) {
        context->TryCancel();  // one answer is all we want
        (void)stream->Finish();
        return grpc::Status::OK;
      }
      const grpc::Status status = stream->Finish();
      return status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "stream ended") : status;
    }));
    return std::chrono::seconds(response.ttl());
  }

  Result<std::chrono::seconds> TimeToLive(LeaseId lease) override {
    pb::LeaseTimeToLiveRequest request;
    request.set_id(static_cast<int64_t>(lease));
    pb::LeaseTimeToLiveResponse response;
    RETURN_UNEXPECTED_IF_ERROR(Call("TimeToLive", true, [&](size_t index, auto* context) {
      return pb::Lease::NewStub(channels_->at(index))->LeaseTimeToLive(context, request, &response);
    }));
    return std::chrono::seconds(response.ttl());
  }

  Status RevokeLease(LeaseId lease) override {
    pb::LeaseRevokeRequest request;
    request.set_id(static_cast<int64_t>(lease));
    pb::LeaseRevokeResponse response;
    return Write<pb::Lease>("Revoke", &pb::Lease::Stub::LeaseRevoke, request, &response);
  }

  std::unique_ptr<EtcdWatch> Watch(std::string_view key, bool prefix, int64_t revision,
                                   WatchCallback callback) override {
    return StartGrpcWatch(channels_, std::string(key), prefix, revision, std::move(callback));
  }

 private:
  Result<pb::RangeResponse> Range(const pb::RangeRequest& request) {
    pb::RangeResponse response;
    RETURN_UNEXPECTED_IF_ERROR(Call("Get", true, [&](size_t index, auto* context) {
      return pb::KV::NewStub(channels_->at(index))->Range(context, request, &response);
    }));
    return response;
  }

  Result<std::optional<EtcdKv>> First(const pb::RangeRequest& request) {
    ASSIGN_OR_RETURN(const pb::RangeResponse response, Range(request));
    if (response.kvs_size() == 0) return std::nullopt;
    return FromPb(response.kvs(0));
  }

  template <typename Service, typename Method, typename Request, typename Response>
  Status Write(const char* name, Method method, const Request& request, Response* response) {
    return Call(name, false, [&](size_t index, grpc::ClientContext* context) {
      const auto stub = Service::NewStub(channels_->at(index));
      return (*stub.*method)(context, request, response);
    });
  }

  // Tries the endpoints in turn. What is not `repeatable` is sent to one endpoint only: one to
  // which there is a connection.
  template <typename Send>
  Status Call(const char* name, bool repeatable, Send send) {
    Metrics().Counter("ticdc_etcd_request_count", "Requests sent to etcd.", {{"type", name}}).Add();
    grpc::Status last;
    std::string endpoint;
    const size_t tries = std::max<size_t>(2, channels_->size());
    for (size_t i = 0; i < tries; ++i) {
      const size_t index = channels_->current();
      endpoint = channels_->endpoint(index);
      const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(request_timeout_);
      if (!channels_->at(index)->WaitForConnected(std::chrono::system_clock::now() + patience)) {
        last = grpc::Status(grpc::StatusCode::UNAVAILABLE, "no connection");
        channels_->MoveOnFrom(index);
        continue;
      }
      grpc::ClientContext context;
      if (Status status = channels_->Prepare(index, &context, request_timeout_); !status.ok()) {
        if (i + 1 == tries) return status;
        channels_->MoveOnFrom(index);
        continue;
      }
      last = send(index, &context);
      if (last.ok()) return Status::Ok();
      if (channels_->LoginLapsed(last)) continue;
      if (!TryElsewhere(last)) break;
      channels_->MoveOnFrom(index);
      if (!repeatable) break;
    }
    return Status(Code::kEtcd, "etcd {} at {}: {}", name, endpoint, last.error_message());
  }

  const std::shared_ptr<GrpcChannels> channels_;
  const Duration request_timeout_;
};

}  // namespace

Result<std::unique_ptr<EtcdClient>> EtcdClient::Open(Options options) {
  ASSIGN_OR_RETURN(auto channels, GrpcChannels::Open(options));
  return std::make_unique<GrpcEtcdClient>(std::move(channels), options.request_timeout);
}

}  // namespace cdc
