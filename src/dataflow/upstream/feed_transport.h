// The EventFeed streams to one store. Private to the folder: it includes gRPC's headers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "base/memory_quota.h"

namespace cdc {

// Names a stream; chosen by whoever opens it, never used twice.
enum class StreamId : uint64_t {};

// Called on the transport's thread; must not block.
class FeedTransportHandler {
 public:
  virtual ~FeedTransportHandler() = default;
  // `bytes` live as long as `owner`. To be acknowledged with FeedTransport::Consumed.
  virtual void OnMessage(StreamId id, std::shared_ptr<const void> owner,
                         std::string_view bytes) = 0;
  // The last call of the stream. `received`: it had worked. Not called after Close.
  virtual void OnClosed(StreamId id, const grpc::Status& status, bool received) = 0;
};

// One thread does the I/O of all streams and never waits for anything else, so that pings are
// answered while the consumer is slow. Reads stop while more than the quota, or a whole that it is
// part of, is not yet consumed: flow control then holds the store back. Whatever others hold, there
// may be one message. All methods are thread-safe and do not block.
class FeedTransport {
 public:
  enum class Method { kEventFeed, kEventFeedV2 };

  FeedTransport(std::shared_ptr<grpc::Channel> channel, FeedTransportHandler* handler,
                std::shared_ptr<MemoryQuota> received);
  ~FeedTransport();  // cancels all streams; no call of the handler after it

  void Open(StreamId id, Method method);
  void Send(StreamId id, std::string request);  // a serialized ChangeDataRequest
  void Close(StreamId id);  // messages on their way to the handler may still come
  void Consumed(size_t bytes);

 private:
  class Stream;
  struct OpenCommand {
    StreamId id;
    Method method;
  };
  struct SendCommand {
    StreamId id;
    std::string request;
  };
  struct CloseCommand {
    StreamId id;
  };
  struct ConsumedCommand {
    size_t bytes;
  };
  using Command = std::variant<OpenCommand, SendCommand, CloseCommand, ConsumedCommand>;

  void Post(Command command);
  void Run();
  bool ExecutePosted();  // false: asked to stop
  void Execute(OpenCommand command);
  void Execute(SendCommand command);
  void Execute(CloseCommand command);
  void Execute(ConsumedCommand command);
  Stream* Find(StreamId id);
  bool HasRoom() const;

  const std::shared_ptr<MemoryQuota> quota_;
  grpc::GenericStub stub_;
  FeedTransportHandler* const handler_;
  grpc::CompletionQueue queue_;

  // Of the thread:
  std::map<Stream*, std::unique_ptr<Stream>> streams_;  // those that end are still in here
  std::map<StreamId, Stream*> by_id_;
  QuotaHold received_;  // not yet consumed

  std::mutex mutex_;  // guards all below
  std::deque<Command> commands_;
  bool stopping_ = false;
  bool woken_ = false;  // the alarm is set
  grpc::Alarm alarm_;

  std::thread thread_;  // last: uses all above
};

}  // namespace cdc
