#include "dataflow/upstream/tso_client.h"

#include <algorithm>
#include <vector>

namespace cdc {
namespace {
constexpr Duration kTryTimeout = 3s;
constexpr Duration kTotalTimeout = 10s;
constexpr size_t kBatchMax = 10'000;
}  // namespace

// One open stream. Each step waits for its own completion, so that it can have a deadline, which
// the blocking API of gRPC streams does not offer.
struct TsoClient::Stream {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::unique_ptr<pdpb::PD::Stub> stub;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<pdpb::TsoRequest, pdpb::TsoResponse>> rpc;

  ~Stream() {
    context.TryCancel();
    grpc::Status ignored;
    if (rpc) rpc->Finish(&ignored, this);
    queue.Shutdown();
    void* tag;
    bool ok;
    while (queue.Next(&tag, &ok)) {
    }
  }

  bool WaitForStep() {
    void* tag;
    bool ok = false;
    const auto deadline = std::chrono::system_clock::now() + kTryTimeout;
    return queue.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT && ok;
  }
};

TsoClient::TsoClient(Source source, CallRegistry& calls, Clock& clock)
    : source_(std::move(source)), calls_(calls), clock_(clock) {}

TsoClient::~TsoClient() = default;

Result<Ts> TsoClient::Get() {
  Waiter self;
  std::unique_lock lock(mutex_);
  waiting_.push_back(&self);
  for (;;) {
    changed_.wait(lock, [&] { return self.done || !sending_; });
    if (self.done) return self.result;
    SendForAll(&lock);
  }
}

void TsoClient::SendForAll(std::unique_lock<std::mutex>* lock) {
  sending_ = true;
  const size_t count = std::min(waiting_.size(), kBatchMax);
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<Waiter*> batch(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  lock->unlock();
  const Result<Range> range = Request(static_cast<uint32_t>(count));
  lock->lock();
  for (size_t i = 0; i < count; ++i) {
    batch[i]->done = true;
    batch[i]->result = range ? Result<Ts>(range->At(i)) : Unexpected(range.error());
  }
  sending_ = false;
  changed_.notify_all();
}

Result<TsoClient::Range> TsoClient::Request(uint32_t count) {
  const SteadyTime give_up = clock_.Now() + kTotalTimeout;
  Backoff backoff({.first = 10ms, .max = 1s});
  for (;;) {
    Result<Range> range = TryRequest(count);
    if (range) return range;
    stream_.reset();
    if (clock_.Now() >= give_up || !clock_.SleepFor(backoff.Next(), calls_.stop_token())) {
      return range;
    }
    source_.rediscover();
  }
}

Result<TsoClient::Range> TsoClient::TryRequest(uint32_t count) {
  if (calls_.stopped()) return Error(Code::kStopped, "the PD client is closed");
  if (!stream_) {
    stream_ = std::make_unique<Stream>();
    stream_->stub = pdpb::PD::NewStub(source_.leader());
    stream_->rpc = stream_->stub->AsyncTso(&stream_->context, &stream_->queue, nullptr);
    if (!stream_->WaitForStep()) return Error(Code::kPdConnect, "cannot open a TSO stream to PD");
  }
  pdpb::TsoRequest request;
  request.mutable_header()->set_cluster_id(source_.cluster_id);
  request.set_count(count);
  stream_->rpc->Write(request, nullptr);
  if (!stream_->WaitForStep()) return Error(Code::kPdRequest, "PD took no TSO request");
  pdpb::TsoResponse response;
  stream_->rpc->Read(&response, nullptr);
  if (!stream_->WaitForStep()) return Error(Code::kPdRequest, "PD gave no timestamp");
  if (response.header().error().type() != pdpb::OK || response.count() != count) {
    return Error(Code::kPdRequest, "PD gave {} of {} timestamps: {}", response.count(), count,
                 response.header().error().message());
  }
  const pdpb::Timestamp& last = response.timestamp();
  const int64_t step = int64_t{1} << (last.suffix_bits() & 15);
  return Range{.physical = last.physical(),
               .first_logical = last.logical() - static_cast<int64_t>(count - 1) * step,
               .step = step};
}

}  // namespace cdc
