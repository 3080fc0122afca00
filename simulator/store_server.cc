#include "simulator/store_server.h"

#include <atomic>
#include <thread>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include "simulator/kv_service.h"

namespace cdc {
namespace {

// Hands a string to gRPC without copying it.
grpc::ByteBuffer ToBuffer(std::string message) {
  auto* const owned = new std::string(std::move(message));
  const grpc::Slice slice(
      owned->data(), owned->size(), [](void* string) { delete static_cast<std::string*>(string); },
      owned);
  return grpc::ByteBuffer(&slice, 1);
}

bool AsksForMultiplexing(const grpc::ServerContext& context) {
  const auto [begin, end] = context.client_metadata().equal_range("features");
  for (auto it = begin; it != end; ++it) {
    const std::string_view features(it->second.data(), it->second.size());
    if (features.find("stream-multiplexing") != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

// Both feed methods. The generated service would build messages; what goes out here is bytes.
class StoreServer::Feed : public grpc::Service {
 public:
  Feed(SimCluster& cluster, uint64_t store) : cluster_(cluster), store_(store) {
    Add("/cdcpb.ChangeData/EventFeed", false);
    Add("/cdcpb.ChangeData/EventFeedV2", true);
  }

  std::atomic<bool> refuse_v2{false};

 private:
  using Stream = grpc::ServerReaderWriter<grpc::ByteBuffer, cdcpb::ChangeDataRequest>;

  void Add(const char* name, bool v2) {
    AddMethod(new grpc::internal::RpcServiceMethod(
        name, grpc::internal::RpcMethod::BIDI_STREAMING,
        new grpc::internal::BidiStreamingHandler<Feed, cdcpb::ChangeDataRequest, grpc::ByteBuffer>(
            [v2](Feed* feed, grpc::ServerContext* context, Stream* stream) {
              return feed->Serve(context, stream, v2);
            },
            this)));
  }

  grpc::Status Serve(grpc::ServerContext* context, Stream* stream, bool v2) {
    if (v2 && refuse_v2) return {grpc::StatusCode::UNIMPLEMENTED, "unknown method EventFeedV2"};
    const bool multiplexing = v2 && AsksForMultiplexing(*context);
    auto feed = std::make_shared<FeedStream>(store_);
    cluster_.OpenStream(feed);
    std::jthread writer([&] {
      while (auto message = feed->Next()) {
        if (!stream->Write(ToBuffer(*std::move(message)))) break;
      }
      context->TryCancel();  // ends the reading, too
    });
    cdcpb::ChangeDataRequest request;
    while (stream->Read(&request)) cluster_.Request(feed, multiplexing, request);
    cluster_.CloseStream(feed);
    context->TryCancel();
    writer.join();
    return grpc::Status::CANCELLED;
  }

  SimCluster& cluster_;
  const uint64_t store_;
};

StoreServer::StoreServer() = default;

Result<std::unique_ptr<StoreServer>> StoreServer::Open(SimCluster& cluster, uint64_t store,
                                                       int port) {
  std::unique_ptr<StoreServer> opened(new StoreServer());
  opened->cluster_ = &cluster;
  opened->store_ = store;
  opened->feed_ = std::make_unique<Feed>(cluster, store);
  opened->kv_ = std::make_unique<KvService>(cluster, store);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                           &opened->port_);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.RegisterService(opened->kv_.get());
  builder.RegisterService(opened->feed_.get());
  opened->server_ = builder.BuildAndStart();
  if (!opened->server_ || opened->port_ == 0) {
    return Error(Code::kUnexpected, "store {} cannot listen on port {}", store, port);
  }
  return opened;
}

StoreServer::~StoreServer() {
  if (!server_) return;
  for (const auto& stream : cluster_->Streams(store_)) stream->Close();
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void StoreServer::RefuseV2(bool on) { feed_->refuse_v2 = on; }

}  // namespace cdc
