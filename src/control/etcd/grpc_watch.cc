#include "control/etcd/grpc_watch.h"

#include <mutex>
#include <thread>

#include "base/backoff.h"
#include "base/bytes.h"
#include "base/log.h"
#include "etcd/rpc.grpc.pb.h"

namespace cdc {
namespace {

namespace pb = etcdserverpb;

class GrpcWatch : public EtcdWatch {
 public:
  GrpcWatch(std::shared_ptr<GrpcChannels> channels, std::string key, bool prefix, int64_t revision,
            EtcdClient::WatchCallback callback)
      : channels_(std::move(channels)),
        key_(std::move(key)),
        prefix_(prefix),
        next_revision_(revision),
        callback_(std::move(callback)),
        thread_([this](std::stop_token stop) { Run(stop); }) {}

  ~GrpcWatch() override {
    thread_.request_stop();
    thread_.join();
  }

 private:
  void Run(std::stop_token stop) {
    Backoff backoff({.first = 50ms, .max = 2s});
    while (!stop.stop_requested()) {
      const int64_t before = next_revision_;
      const size_t index = channels_->current();
      const Status status = Stream(index, stop);
      if (!status.ok() && status.code() != Code::kEtcdTryAgain) {
        callback_(Unexpected(status));
        return;
      }
      channels_->MoveOnFrom(index);
      if (next_revision_ != before) backoff.Reset();
      (void)SystemClock().SleepFor(backoff.Next(), stop);
    }
  }

  // Delivers events until the stream breaks (Ok) or the watch cannot go on (the error).
  Status Stream(size_t index, std::stop_token stop) {
    grpc::ClientContext context;
    if (const Status status = channels_->Prepare(index, &context, Duration::zero()); !status.ok()) {
      LogWarn("cannot watch {}, trying again: {}", key_, status.ToString());
      return Status::Ok();
    }
    std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    const auto stub = pb::Watch::NewStub(channels_->at(index));
    const auto stream = stub->Watch(&context);
    pb::WatchRequest request;
    pb::WatchCreateRequest* create = request.mutable_create_request();
    create->set_key(key_);
    if (prefix_) create->set_range_end(PrefixEnd(key_));
    create->set_start_revision(next_revision_);
    create->set_progress_notify(true);
    create->set_fragment(true);
    Status verdict;
    if (stream->Write(request)) {
      pb::WatchResponse response;
      EtcdWatchBatch batch;
      while (verdict.ok() && stream->Read(&response)) verdict = Take(response, &batch);
    }
    context.TryCancel();
    const grpc::Status end = stream->Finish();
    (void)channels_->LoginLapsed(end);
    if (!stop.stop_requested())
      LogDebug("watch of {} at {} ended: {}", key_, channels_->endpoint(index),
               end.error_message());
    return verdict;
  }

  // Collects the fragments of one answer in `batch` and delivers it when it is whole.
  Status Take(const pb::WatchResponse& response, EtcdWatchBatch* batch) {
    if (response.compact_revision() > 0)
      return Status(Code::kEtcdCompacted, "revision {} is compacted up to {}", next_revision_,
                    response.compact_revision());
    if (response.canceled() &&
        channels_->LoginLapsed(grpc::Status(grpc::StatusCode::CANCELLED, response.cancel_reason())))
      return Status(Code::kEtcdTryAgain, "the login lapsed");
    if (response.canceled())
      return Status(Code::kEtcd, "watch of {} was refused: {}", key_, response.cancel_reason());
    if (response.created()) return Status::Ok();
    for (const pb::Event& event : response.events()) {
      const pb::KeyValue& kv = event.kv();
      batch->events.push_back({.kv = {.key = kv.key(),
                                      .value = kv.value(),
                                      .create_revision = kv.create_revision(),
                                      .mod_revision = kv.mod_revision(),
                                      .lease = LeaseId{kv.lease()}},
                               .deleted = event.type() == pb::Event::DELETE});
    }
    if (response.fragment()) return Status::Ok();
    // A watch that catches up names the store's revision, which is ahead of its events.
    batch->revision =
        batch->events.empty() ? response.header().revision() : batch->events.back().kv.mod_revision;
    next_revision_ = std::max(next_revision_, batch->revision + 1);
    callback_(std::exchange(*batch, {}));
    return Status::Ok();
  }

  const std::shared_ptr<GrpcChannels> channels_;
  const std::string key_;
  const bool prefix_;
  int64_t next_revision_;  // the thread's own
  const EtcdClient::WatchCallback callback_;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace

std::unique_ptr<EtcdWatch> StartGrpcWatch(std::shared_ptr<GrpcChannels> channels, std::string key,
                                          bool prefix, int64_t revision,
                                          EtcdClient::WatchCallback callback) {
  return std::make_unique<GrpcWatch>(std::move(channels), std::move(key), prefix, revision,
                                     std::move(callback));
}

}  // namespace cdc
