#include "dataflow/upstream/grpc_feed_transport.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace cdc {
namespace {

// Smaller messages are copied out: gRPC's slices are parts of larger read buffers, which a small
// value would keep alive.
constexpr size_t kCopyBelow = 64 << 10;

constexpr char kFeedMethod[] = "/cdcpb.ChangeData/EventFeed";
constexpr char kFeedV2Method[] = "/cdcpb.ChangeData/EventFeedV2";

// The message as one piece of memory.
std::pair<std::shared_ptr<const void>, std::string_view> Flatten(grpc::ByteBuffer* buffer) {
  if (buffer->Length() >= kCopyBelow) {
    auto slice = std::make_shared<grpc::Slice>();
    if (buffer->TrySingleSlice(slice.get()).ok() || buffer->DumpToSingleSlice(slice.get()).ok()) {
      const std::string_view bytes(reinterpret_cast<const char*>(slice->begin()), slice->size());
      return {std::move(slice), bytes};
    }
  }
  std::vector<grpc::Slice> slices;
  if (!buffer->Dump(&slices).ok()) return {};
  const size_t size = buffer->Length();
  std::shared_ptr<char[]> memory(new char[size]);
  size_t at = 0;
  for (const grpc::Slice& slice : slices) {
    std::memcpy(memory.get() + at, slice.begin(), slice.size());
    at += slice.size();
  }
  const std::string_view bytes(memory.get(), size);
  return {std::shared_ptr<const void>(std::move(memory)), bytes};
}

}  // namespace

// One stream, as the completions of its operations drive it. Each operation that is under way has
// its own tag; the stream may go only when none is left.
class GrpcFeedTransport::Stream {
 public:
  enum class Op { kStart, kRead, kWrite, kFinish };
  struct Tag {
    Stream* stream;
    Op op;
  };

  Stream(GrpcFeedTransport& transport, StreamId id, Method method)
      : transport_(transport), id_(id) {
    const bool v2 = method == Method::kEventFeedV2;
    if (v2) context_.AddMetadata("features", "stream-multiplexing");
    rpc_ =
        transport.stub_.PrepareCall(&context_, v2 ? kFeedV2Method : kFeedMethod, &transport.queue_);
    ++under_way_;
    rpc_->StartCall(&tags_[0]);
  }

  StreamId id() const { return id_; }
  bool done() const { return finished_ && under_way_ == 0; }

  void Send(std::string request) {
    outgoing_.push_back(std::move(request));
    WriteNext();
  }
  void Silence() { silent_ = true; }
  void Cancel() { context_.TryCancel(); }
  void ResumeReading() {
    if (paused_) ReadNext();
  }

  void OnCompletion(Op op, bool ok) {
    --under_way_;
    switch (op) {
      case Op::kStart:
        if (!ok) return Finish();
        started_ = true;
        WriteNext();
        ReadNext();
        return;
      case Op::kRead:
        reading_ = false;
        if (!ok) return Finish();
        Deliver();
        ReadNext();
        return;
      case Op::kWrite:
        writing_ = false;
        if (ok) WriteNext();  // else the pending read fails, too
        return;
      case Op::kFinish:
        finished_ = true;
        if (!silent_) transport_.handler_->OnClosed(id_, status_, received_);
        return;
    }
  }

 private:
  void ReadNext() {
    paused_ = !transport_.HasRoom() && !silent_;
    if (paused_ || reading_ || finishing_) return;
    reading_ = true;
    ++under_way_;
    rpc_->Read(&incoming_, &tags_[1]);
  }

  void WriteNext() {
    if (!started_ || writing_ || finishing_ || outgoing_.empty()) return;
    const grpc::Slice slice(outgoing_.front());
    outgoing_.pop_front();
    writing_ = true;
    ++under_way_;
    rpc_->Write(grpc::ByteBuffer(&slice, 1), &tags_[2]);
  }

  void Finish() {
    if (finishing_) return;
    finishing_ = true;
    ++under_way_;
    rpc_->Finish(&status_, &tags_[3]);
  }

  void Deliver() {
    received_ = true;
    if (silent_) return;
    auto [owner, bytes] = Flatten(&incoming_);
    transport_.received_.Set(transport_.received_.bytes() + bytes.size());
    transport_.handler_->OnMessage(id_, std::move(owner), bytes);
  }

  GrpcFeedTransport& transport_;
  const StreamId id_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> rpc_;
  Tag tags_[4] = {{this, Op::kStart}, {this, Op::kRead}, {this, Op::kWrite}, {this, Op::kFinish}};
  grpc::ByteBuffer incoming_;
  std::deque<std::string> outgoing_;
  grpc::Status status_;
  int under_way_ = 0;
  bool started_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool paused_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  bool received_ = false;
  bool silent_ = false;
};

GrpcFeedTransport::GrpcFeedTransport(std::shared_ptr<grpc::Channel> channel,
                                     FeedTransportHandler* handler,
                                     std::shared_ptr<MemoryQuota> received)
    : quota_(std::move(received)),
      stub_(std::move(channel)),
      handler_(handler),
      received_(quota_),
      thread_([this] { Run(); }) {}

GrpcFeedTransport::~GrpcFeedTransport() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (!woken_) alarm_.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), nullptr);
    woken_ = true;
  }
  thread_.join();
}

void GrpcFeedTransport::Open(StreamId id, Method method) { Post(OpenCommand{id, method}); }
void GrpcFeedTransport::Send(StreamId id, std::string request) {
  Post(SendCommand{id, std::move(request)});
}
void GrpcFeedTransport::Close(StreamId id) { Post(CloseCommand{id}); }
void GrpcFeedTransport::Consumed(size_t bytes) { Post(ConsumedCommand{bytes}); }

void GrpcFeedTransport::Post(Command command) {
  std::lock_guard lock(mutex_);
  commands_.push_back(std::move(command));
  if (woken_) return;
  woken_ = true;
  alarm_.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), nullptr);  // a null tag: look at commands_
}

void GrpcFeedTransport::Run() {
  void* tag = nullptr;
  bool ok = false;
  bool stopping = false;
  while (!(stopping && streams_.empty()) && queue_.Next(&tag, &ok)) {
    if (tag == nullptr) {
      if (ExecutePosted()) continue;
      stopping = true;
      for (auto& [stream, owned] : streams_) {
        stream->Silence();
        stream->Cancel();
        stream->ResumeReading();
      }
      continue;
    }
    const auto* what = static_cast<Stream::Tag*>(tag);
    Stream* stream = what->stream;
    stream->OnCompletion(what->op, ok);
    if (stream->done()) {
      if (Find(stream->id()) == stream) by_id_.erase(stream->id());
      streams_.erase(stream);
    }
  }
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
}

bool GrpcFeedTransport::ExecutePosted() {
  std::deque<Command> commands;
  {
    std::lock_guard lock(mutex_);
    woken_ = false;
    if (stopping_) return false;
    commands.swap(commands_);
  }
  for (Command& command : commands) {
    std::visit([this](auto& c) { Execute(std::move(c)); }, command);
  }
  return true;
}

GrpcFeedTransport::Stream* GrpcFeedTransport::Find(StreamId id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

void GrpcFeedTransport::Execute(OpenCommand command) {
  auto stream = std::make_unique<Stream>(*this, command.id, command.method);
  by_id_[command.id] = stream.get();
  Stream* const key = stream.get();
  streams_.emplace(key, std::move(stream));
}

void GrpcFeedTransport::Execute(SendCommand command) {
  if (Stream* stream = Find(command.id)) stream->Send(std::move(command.request));
}

void GrpcFeedTransport::Execute(CloseCommand command) {
  Stream* stream = Find(command.id);
  if (!stream) return;
  by_id_.erase(command.id);
  stream->Silence();
  stream->Cancel();
  stream->ResumeReading();
}

// What was received here is consumed sometime, and then looked at again; so it may wait for that,
// and not for what others consume.
bool GrpcFeedTransport::HasRoom() const { return received_.bytes() == 0 || !quota_->Exceeded(); }

void GrpcFeedTransport::Execute(ConsumedCommand command) {
  CDC_CHECK(command.bytes <= received_.bytes(), "{} of {}", command.bytes, received_.bytes());
  received_.Set(received_.bytes() - command.bytes);
  if (!HasRoom()) return;
  for (auto& [id, stream] : by_id_) stream->ResumeReading();
}

}  // namespace cdc
