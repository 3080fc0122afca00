// Follows regions at one store. Private to the folder: it includes generated headers.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/memory_quota.h"
#include "dataflow/upstream/cdcpb_parser.h"
#include "dataflow/upstream/feed_transport.h"
#include "dataflow/upstream/matcher.h"
#include "dataflow/upstream/metrics.h"
#include "dataflow/upstream/store_network.h"
#include "dataflow/upstream/subscription.h"

namespace cdc {

using SubscriptionRef = std::shared_ptr<Subscription>;

// What a store worker needs from the feed it belongs to. Called on the worker's thread.
class StoreWorkerHost {
 public:
  virtual ~StoreWorkerHost() = default;
  // The piece has to be located again.
  virtual void Relocate(const SubscriptionRef& subscription, PieceRef ref, std::string reason,
                        Duration delay_min) = 0;
  // The subscription cannot go on.
  virtual void Abort(const SubscriptionRef& subscription, Status status) = 0;
  virtual RegionCache& regions() = 0;
};

// One thread handles, in order, what comes from the store and what is asked of it; a slow listener
// makes it wait, and the store with it. All methods are thread-safe and do not block.
class StoreWorker : private FeedTransportHandler {
 public:
  struct Config {
    StoreId store{};
    uint64_t cluster_id = 0;
    size_t scan_limit = 40;  // regions scanned at a time
    // Of what was received and not yet looked at, all stores together.
    std::shared_ptr<MemoryQuota> received_quota;
    // Of prewrites that wait for their commit; past it they go to `spill`, if there is one.
    std::shared_ptr<MemoryQuota> prewrite_quota;
    SpillStore* spill = nullptr;
  };
  StoreWorker(const Config& config, StoreNetwork& network, const std::string& address,
              StoreWorkerHost& host, Clock& clock);
  ~StoreWorker() override;  // ends all streams; a listener's call under way is waited for

  void Register(SubscriptionRef subscription, Subscription::Assignment assignment);
  void Unsubscribe(SubscriptionRef subscription);
  // Registers the piece's region anew: it makes no progress and nobody knows why.
  void Restart(SubscriptionRef subscription, PieceRef ref, RegionId region);
  // Messages of the store wait here for being handled, so that it may have sent what is missed.
  bool Behind() const;
  // Nothing is followed here, or about to be.
  bool Idle() const;

 private:
  // A region that is registered, or about to be.
  struct Session {
    SubscriptionRef subscription;
    PieceRef ref;
    RegionRef region;
    KeyRange range;
    bool check_keys;  // the region is larger than `range`: some stores send all of it
    uint64_t request_id = 0;
    StreamId stream{};
    Ts resolved;
    Matcher matcher;
    QuotaHold held;  // what the matcher takes
  };
  // All regions of one request id. They belong to one subscription.
  using Sessions = std::unordered_map<uint64_t, std::unique_ptr<Session>>;

  struct RegisterItem {
    SubscriptionRef subscription;
    Subscription::Assignment assignment;
  };
  struct UnsubscribeItem {
    SubscriptionRef subscription;
  };
  struct RestartItem {
    SubscriptionRef subscription;
    PieceRef ref;
    RegionId region;
  };
  struct MessageItem {
    StreamId stream;
    std::shared_ptr<const void> owner;
    std::string_view bytes;
  };
  struct ClosedItem {
    StreamId stream;
    grpc::Status status;
    bool received;
  };
  using Item = std::variant<RegisterItem, UnsubscribeItem, RestartItem, MessageItem, ClosedItem>;

  void OnMessage(StreamId stream, std::shared_ptr<const void> owner,
                 std::string_view bytes) override;
  void OnClosed(StreamId stream, const grpc::Status& status, bool received) override;
  void Push(Item item);

  void Run();
  void Handle(RegisterItem item);
  void Handle(UnsubscribeItem item);
  void Handle(RestartItem item);
  void Handle(MessageItem item);
  void Handle(ClosedItem item);
  bool BrokenByFailPoint(StreamId stream);

  void StartScans();
  void StartSession(RegisterItem item);
  uint64_t ChooseRequestId(const Subscription& subscription, uint64_t region_id);
  void SendRegister(const Session& session);
  void SendDeregister(StreamId stream, uint64_t request_id, uint64_t region_id);

  void HandleEntries(const CdcEvent& event, StreamId stream,
                     const std::shared_ptr<const void>& owner);
  void HandleError(const CdcEvent& event, StreamId stream);
  void HandleResolved(uint64_t request_id, StreamId stream, const std::vector<uint64_t>& regions,
                      Ts ts);
  Status AddRows(Session& session, const CdcEvent& event, const std::shared_ptr<const void>& owner);
  Status TakeCompleted(const Session& session, size_t before);
  void FlushEvents();
  void SpillPrewrites();
  static Status WritePrewrites(SpillStore& store, const std::vector<Session*>& sessions);
  void UpdateMetrics();

  StreamId StreamFor(uint64_t request_id);
  void ForgetStream(StreamId stream);
  // The request id by which sessions of an event are found; without multiplexing the stream says
  // it.
  uint64_t RequestOf(StreamId stream, uint64_t request_id) const;
  Session* Find(uint64_t request_id, uint64_t region_id);
  std::unique_ptr<Session> Take(uint64_t request_id, uint64_t region_id);
  // Ends the session here and at the store, and has its piece located again.
  void Abandon(uint64_t request_id, uint64_t region_id, std::string reason, Duration delay_min);
  void BreakStream(StreamId stream, std::string reason);
  void FailStream(StreamId stream, const std::string& reason, bool unreachable);

  const Config config_;
  StoreWorkerHost& host_;
  Clock& clock_;
  StoreMetrics metrics_;
  const std::shared_ptr<MemoryQuota> prewrite_quota_;  // this worker's part

  // Of the thread:
  bool multiplexing_ = true;  // until the store says that it cannot
  std::unordered_map<uint64_t, Sessions> requests_;
  // With multiplexing there is one stream, kept under 0; else one per request id.
  std::unordered_map<uint64_t, StreamId> open_streams_;
  std::unordered_map<StreamId, uint64_t> stream_keys_;  // the reverse
  uint64_t next_stream_ = 1;
  // Request ids beside the subscription's own; see ChooseRequestId.
  std::unordered_map<uint64_t, std::vector<uint64_t>> extra_requests_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> abandoned_;  // regions by request id
  uint64_t next_extra_request_;
  std::deque<RegisterItem> waiting_[2];  // for a scan; [0] goes first
  SteadyTime forced_at_;                 // by a fail point, to reconnect
  size_t scanning_ = 0;
  ChangeData parsed_;
  std::vector<KvEvent> events_;  // complete, not yet delivered
  size_t events_bytes_ = 0;
  SubscriptionRef events_of_;
  std::vector<SpanFrontier::Piece> advanced_;
  std::array<uint64_t, std::size(decltype(StoreMetrics::rows){})> row_counts_{};

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable filled_;
  std::deque<Item> items_;  // messages are bounded by the transport
  bool handling_ = false;   // what was taken out of items_
  bool empty_ = true;       // no region is followed, or waits for its turn
  bool stopping_ = false;

  std::unique_ptr<FeedTransport> transport_;
  std::thread thread_;  // last: uses all above
};

}  // namespace cdc
