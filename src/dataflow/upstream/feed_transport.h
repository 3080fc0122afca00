// The EventFeed streams to one store. Private to the folder: it includes gRPC's headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <grpcpp/support/status.h>

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

// Reads stop while more than the quota of what was received, or a whole that it is part of, is not
// yet consumed: flow control then holds the store back. Whatever others hold, there may be one
// message. All methods are thread-safe and do not block.
class FeedTransport {
 public:
  enum class Method { kEventFeed, kEventFeedV2 };

  virtual ~FeedTransport() = default;  // cancels all streams; no call of the handler after it

  virtual void Open(StreamId id, Method method) = 0;
  virtual void Send(StreamId id, std::string request) = 0;  // a serialized ChangeDataRequest
  // Messages on their way to the handler may still come.
  virtual void Close(StreamId id) = 0;
  virtual void Consumed(size_t bytes) = 0;
};

}  // namespace cdc
