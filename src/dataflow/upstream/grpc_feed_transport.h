// The EventFeed streams to one store, over gRPC.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "base/memory_quota.h"
#include "dataflow/upstream/feed_transport.h"

namespace cdc {

// One thread does the I/O of all streams and never waits for anything else, so that pings are
// answered while the consumer is slow.
class GrpcFeedTransport : public FeedTransport {
 public:
  GrpcFeedTransport(std::shared_ptr<grpc::Channel> channel, FeedTransportHandler* handler,
                    std::shared_ptr<MemoryQuota> received);
  ~GrpcFeedTransport() override;

  void Open(StreamId id, Method method) override;
  void Send(StreamId id, std::string request) override;
  void Close(StreamId id) override;
  void Consumed(size_t bytes) override;

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
