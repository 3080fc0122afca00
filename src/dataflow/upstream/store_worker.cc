#include "dataflow/upstream/store_worker.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "dataflow/upstream/region_error.h"
#include "dataflow/upstream/region_key.h"

namespace cdc {
namespace {

constexpr size_t kReceivedBytesMax = 32 << 20;
// Delivered while a message is still being read: commits are small, what they complete is not.
constexpr size_t kDeliverBytes = 4 << 20;
// TiKV decides by this what a client understands; what matters is that it is at least 5.3.
constexpr char kClientVersion[] = "8.5.0";
// Own request ids are those of the subscriptions, which stay below.
constexpr uint64_t kFirstExtraRequest = uint64_t{1} << 48;
constexpr uint64_t kSharedStreamKey = 0;

bool InRange(std::string_view key, const KeyRange& range) {
  return key >= range.start && (range.end.empty() || key < range.end);
}

bool Within(const Region& region, const KeyRange& range) {
  const bool starts = region.start_key >= range.start;
  const bool ends = range.end.empty() || (!region.end_key.empty() && region.end_key <= range.end);
  return starts && ends;
}

}  // namespace

StoreWorker::StoreWorker(const Config& config, StoreNetwork& network, const std::string& address,
                         StoreWorkerHost& host, Clock& clock)
    : config_(config),
      host_(host),
      clock_(clock),
      metrics_(Metrics(), fmt::format("{}", config.store)),
      prewrite_quota_(std::make_shared<MemoryQuota>(
          config.prewrite_quota ? config.prewrite_quota->bytes_max() : SIZE_MAX,
          config.prewrite_quota)),
      next_extra_request_(kFirstExtraRequest),
      transport_(network.OpenFeed(
          address, static_cast<FeedTransportHandler*>(this),
          std::make_shared<MemoryQuota>(kReceivedBytesMax, config.received_quota))),
      thread_([this] { Run(); }) {}

StoreWorker::~StoreWorker() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_all();
  thread_.join();
  transport_.reset();
}

void StoreWorker::Register(SubscriptionRef subscription, Subscription::Assignment assignment) {
  Push(RegisterItem{std::move(subscription), std::move(assignment)});
}
void StoreWorker::Unsubscribe(SubscriptionRef subscription) {
  Push(UnsubscribeItem{std::move(subscription)});
}
void StoreWorker::Restart(SubscriptionRef subscription, PieceRef ref, RegionId region) {
  Push(RestartItem{std::move(subscription), ref, region});
}
void StoreWorker::OnMessage(StreamId stream, std::shared_ptr<const void> owner,
                            std::string_view bytes) {
  Push(MessageItem{stream, std::move(owner), bytes});
}
void StoreWorker::OnClosed(StreamId stream, const grpc::Status& status, bool received) {
  Push(ClosedItem{stream, status, received});
}

bool StoreWorker::Behind() const {
  std::lock_guard lock(mutex_);
  return handling_ || !items_.empty();
}

bool StoreWorker::Idle() const {
  std::lock_guard lock(mutex_);
  return empty_ && !handling_ && items_.empty();
}

void StoreWorker::Push(Item item) {
  {
    std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
  }
  filled_.notify_one();
}

void StoreWorker::Run() {
  std::deque<Item> items;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      handling_ = false;
      empty_ = requests_.empty() && waiting_[0].empty() && waiting_[1].empty();
      filled_.wait(lock, [&] { return stopping_ || !items_.empty(); });
      if (stopping_) return;
      items.swap(items_);
      handling_ = true;
    }
    for (Item& item : items) {
      std::visit([this](auto& i) { Handle(std::move(i)); }, item);
    }
    items.clear();
    StartScans();
    UpdateMetrics();
  }
}

void StoreWorker::UpdateMetrics() {
  metrics_.streams.Set(static_cast<double>(open_streams_.size()));
  metrics_.scanning.Set(static_cast<double>(scanning_));
  for (size_t i = 0; i < row_counts_.size(); ++i) {
    if (row_counts_[i] == 0) continue;
    metrics_.rows[i]->Add(static_cast<double>(row_counts_[i]));
    row_counts_[i] = 0;
  }
}

// ---- Asked of the store ----

void StoreWorker::Handle(RegisterItem item) {
  // The meta spans first, since all tables wait for the schema; then what was interrupted.
  const bool first = item.subscription->span().table == TableId{} || item.assignment.recovering;
  waiting_[first ? 0 : 1].push_back(std::move(item));
}

void StoreWorker::StartScans() {
  for (auto& queue : waiting_) {
    while (!queue.empty() && scanning_ < config_.scan_limit) {
      RegisterItem item = std::move(queue.front());
      queue.pop_front();
      if (!item.subscription->stopped()) StartSession(std::move(item));
    }
  }
}

// A store knows a registration by request id and region, so that a second one of the same region by
// the same subscription (parts of it that a merge brought together), or one that follows on one we
// gave up, needs an id of its own; and with it, if there is no multiplexing, a stream of its own.
uint64_t StoreWorker::ChooseRequestId(const Subscription& subscription, uint64_t region_id) {
  const auto own = static_cast<uint64_t>(subscription.id());
  const auto given_up = abandoned_.find(own);
  const bool burnt = given_up != abandoned_.end() &&
                     std::ranges::find(given_up->second, region_id) != given_up->second.end();
  if (!burnt && !Find(own, region_id)) return own;
  extra_requests_[own].push_back(next_extra_request_);
  return next_extra_request_++;
}

void StoreWorker::StartSession(RegisterItem item) {
  (void)FailPoint("kvClientPendingRegionDelay");
  const Subscription::Assignment& assignment = item.assignment;
  const uint64_t region_id = Raw(assignment.region->id);
  const uint64_t request_id = ChooseRequestId(*item.subscription, region_id);
  std::unique_ptr<Session> session(
      new Session{.subscription = item.subscription,
                  .ref = assignment.ref,
                  .region = assignment.region,
                  .range = assignment.range,
                  .check_keys = !Within(*assignment.region, assignment.range),
                  .request_id = request_id,
                  .stream = StreamFor(request_id),
                  .resolved = assignment.checkpoint,
                  .matcher = Matcher(assignment.checkpoint, config_.spill),
                  .held = QuotaHold(prewrite_quota_)});
  item.subscription->SetPhase(assignment.ref, Subscription::Phase::kScanning);
  SendRegister(*session);
  requests_[request_id][region_id] = std::move(session);
  ++scanning_;
}

void StoreWorker::SendRegister(const Session& session) {
  cdcpb::ChangeDataRequest request;
  request.mutable_header()->set_cluster_id(config_.cluster_id);
  request.mutable_header()->set_ticdc_version(kClientVersion);
  request.set_region_id(Raw(session.region->id));
  request.mutable_region_epoch()->set_conf_ver(session.region->epoch.conf_version);
  request.mutable_region_epoch()->set_version(session.region->epoch.version);
  request.set_checkpoint_ts(session.resolved.raw());
  request.set_start_key(EncodeRegionKey(session.range.start));
  request.set_end_key(EncodeRegionKey(session.range.end));
  request.set_request_id(session.request_id);
  request.set_extra_op(kvrpcpb::ReadOldValue);
  request.set_filter_loop(session.subscription->filter_loop());
  request.mutable_register_();
  transport_->Send(session.stream, request.SerializeAsString());
}

void StoreWorker::SendDeregister(StreamId stream, uint64_t request_id, uint64_t region_id) {
  cdcpb::ChangeDataRequest request;
  request.mutable_header()->set_cluster_id(config_.cluster_id);
  request.mutable_header()->set_ticdc_version(kClientVersion);
  request.set_request_id(request_id);
  request.set_region_id(region_id);
  request.mutable_deregister();
  transport_->Send(stream, request.SerializeAsString());
}

void StoreWorker::Handle(UnsubscribeItem item) {
  const auto own = static_cast<uint64_t>(item.subscription->id());
  std::vector<uint64_t> ids{own};
  if (const auto extra = extra_requests_.extract(own)) {
    ids.insert(ids.end(), extra.mapped().begin(), extra.mapped().end());
  }
  if (events_of_ == item.subscription) {
    events_.clear();
    events_bytes_ = 0;
    events_of_.reset();
  }
  for (const uint64_t id : ids) {
    abandoned_.erase(id);
    if (const auto stream = open_streams_.find(id); stream != open_streams_.end()) {
      const StreamId open = stream->second;
      transport_->Close(open);
      ForgetStream(open);
    }
    const auto node = requests_.extract(id);
    if (!node) continue;
    for (const auto& [region, session] : node.mapped()) {
      scanning_ -= !session->matcher.initialized();
    }
    if (multiplexing_ && !node.mapped().empty()) {
      SendDeregister(node.mapped().begin()->second->stream, id, 0);
    }
  }
}

void StoreWorker::Handle(RestartItem item) {
  const auto own = static_cast<uint64_t>(item.subscription->id());
  std::vector<uint64_t> ids{own};
  if (const auto extra = extra_requests_.find(own); extra != extra_requests_.end()) {
    ids.insert(ids.end(), extra->second.begin(), extra->second.end());
  }
  for (const uint64_t id : ids) {
    const Session* session = Find(id, Raw(item.region));
    if (session && session->ref.piece == item.ref.piece &&
        session->ref.attempt == item.ref.attempt) {
      // All that the transaction has written so far would come again. That it is open is known, and
      // reason enough for the region to stand.
      if (session->matcher.has_spilled()) {
        item.subscription->SetReason(item.ref, "waiting for a transaction larger than memory");
        return;
      }
      Abandon(id, Raw(item.region), "no progress", Duration::zero());
      return;
    }
  }
}

// ---- From the store ----

void StoreWorker::Handle(MessageItem item) {
  transport_->Consumed(item.bytes.size());
  if (!stream_keys_.contains(item.stream)) return;  // closed by us, with this still on its way
  if (BrokenByFailPoint(item.stream)) return;
  const Status parsed = ParseChangeData(item.bytes, &parsed_);
  if (!parsed.ok()) {
    BreakStream(item.stream, std::string(parsed.message()));
  } else {
    for (const CdcEvent& event : parsed_.events) {
      switch (event.kind) {
        case CdcEvent::Kind::kEntries:
          HandleEntries(event, item.stream, item.owner);
          break;
        case CdcEvent::Kind::kError:
          HandleError(event, item.stream);
          break;
        case CdcEvent::Kind::kResolved:
          HandleResolved(event.request_id, item.stream, {event.region_id}, event.resolved);
          break;
        case CdcEvent::Kind::kNone:
          break;
      }
    }
    if (parsed_.resolved) {
      HandleResolved(parsed_.resolved->request_id, item.stream, parsed_.resolved->regions,
                     parsed_.resolved->ts);
    }
    FlushEvents();
    SpillPrewrites();
  }
}

void StoreWorker::FlushEvents() {
  events_bytes_ = 0;
  if (events_.empty()) return;
  events_of_->DeliverEvents(std::exchange(events_, {}));
}

void StoreWorker::HandleEntries(const CdcEvent& event, StreamId stream,
                                const std::shared_ptr<const void>& owner) {
  const uint64_t request_id = RequestOf(stream, event.request_id);
  Session* session = Find(request_id, event.region_id);
  if (!session) return;
  if (session->subscription != events_of_) {
    FlushEvents();
    events_of_ = session->subscription;
  }
  const bool was_initialized = session->matcher.initialized();
  const size_t events_before = events_.size();
  Status status = AddRows(*session, event, owner);
  session->matcher.Rest();
  session->held.Set(session->matcher.bytes());
  if (!was_initialized && session->matcher.initialized()) {
    --scanning_;
    session->subscription->SetPhase(session->ref, Subscription::Phase::kStreaming);
  }
  if (status.ok()) return;
  events_.resize(std::min(events_before, events_.size()));  // they come again
  if (status.code() == Code::kEventFeedAborted || status.code() == Code::kSorterIo) {
    host_.Abort(session->subscription, std::move(status));
    return;
  }
  LogWarn("region {} at store {}: {}", event.region_id, config_.store, status.ToString());
  Abandon(request_id, event.region_id, std::string(status.message()), Duration::zero());
}

Status StoreWorker::AddRows(Session& session, const CdcEvent& event,
                            const std::shared_ptr<const void>& owner) {
  CdcRowReader rows(event.payload);
  for (CdcRow row; rows.Next(&row);) {
    ++row_counts_[static_cast<size_t>(row.type)];
    if (session.check_keys && row.type != CdcRowType::kInitialized &&
        !InRange(row.key, session.range)) {
      continue;
    }
    size_t before = events_.size();
    RETURN_IF_ERROR(session.matcher.Add(row, owner, &events_));
    RETURN_IF_ERROR(TakeCompleted(session, before));
    while (session.matcher.draining()) {
      before = events_.size();
      RETURN_IF_ERROR(session.matcher.Drain(&events_));
      RETURN_IF_ERROR(TakeCompleted(session, before));
    }
  }
  return rows.status();
}

// Of the events from `before` on.
Status StoreWorker::TakeCompleted(const Session& session, size_t before) {
  for (size_t i = before; i < events_.size(); ++i) {
    events_bytes_ += events_[i].bytes();
    if (events_[i].commit_ts > session.resolved) continue;
    // The listener was told that there is nothing more down there. Registering the region anew
    // would not bring the row back: only starting from an older checkpoint does.
    return Status(Code::kEventFeedAborted,
                  "store {} sent key {} committed at {} after resolving region {} up to {}",
                  config_.store, ToHex(events_[i].key), events_[i].commit_ts, session.region->id,
                  session.resolved);
  }
  if (events_bytes_ >= kDeliverBytes) FlushEvents();
  return Status::Ok();
}

void StoreWorker::HandleResolved(uint64_t request_id, StreamId stream,
                                 const std::vector<uint64_t>& regions, Ts ts) {
  FlushEvents();
  metrics_.resolved_regions.Observe(static_cast<double>(regions.size()));
  const auto request = requests_.find(RequestOf(stream, request_id));
  if (request == requests_.end()) return;
  SubscriptionRef subscription;
  advanced_.clear();
  for (const uint64_t region_id : regions) {
    const auto it = request->second.find(region_id);
    if (it == request->second.end()) continue;
    Session& session = *it->second;
    if (!session.matcher.initialized() || ts <= session.resolved) continue;
    session.resolved = ts;
    subscription = session.subscription;
    advanced_.push_back(session.ref.piece);
  }
  if (subscription) subscription->Advance(advanced_, ts, clock_.Now());
}

void StoreWorker::HandleError(const CdcEvent& event, StreamId stream) {
  FlushEvents();
  const uint64_t request_id = RequestOf(stream, event.request_id);
  const auto session = Take(request_id, event.region_id);
  if (!session) return;
  cdcpb::Error error;
  const bool parsed =
      error.ParseFromArray(event.payload.data(), static_cast<int>(event.payload.size()));
  const std::string text = parsed ? error.ShortDebugString() : "an error that cannot be read";
  const RegionErrorVerdict verdict =
      JudgeRegionError(error, *session->region, config_.store, host_.regions());
  CountRegionError(Metrics(), verdict.kind);
  if (verdict.fatal != Code::kOk) {
    (void)FailPoint("kvClientDelayWhenIncompatible");
    host_.Abort(session->subscription, Status(verdict.fatal, "store {}: {}", config_.store, text));
    return;
  }
  LogDebug("region {} at store {}: {}", event.region_id, config_.store, text);
  if (verdict.registered_already) abandoned_[request_id].push_back(event.region_id);
  host_.Relocate(session->subscription, session->ref, text, verdict.delay);
}

void StoreWorker::Handle(ClosedItem item) {
  FlushEvents();
  const bool unsupported =
      item.status.error_code() == grpc::StatusCode::UNIMPLEMENTED && multiplexing_;
  const std::string reason =
      fmt::format("stream to store {} ended: {}", config_.store, item.status.error_message());
  if (unsupported) {
    LogInfo("store {} has no multiplexed event feed, using one stream per subscription",
            config_.store);
    multiplexing_ = false;
  } else {
    LogInfo("{}", reason);
  }
  FailStream(item.stream, reason, !item.received && !unsupported);
}

void StoreWorker::BreakStream(StreamId stream, std::string reason) {
  LogWarn("store {}: {}", config_.store, reason);
  (void)FailPoint("kvClientStreamCloseDelay");
  transport_->Close(stream);
  FailStream(stream, reason, false);
}

void StoreWorker::FailStream(StreamId stream, const std::string& reason, bool unreachable) {
  ForgetStream(stream);
  if (unreachable) host_.regions().InvalidateStore(config_.store);
  for (auto it = requests_.begin(); it != requests_.end();) {
    Sessions& sessions = it->second;
    if (sessions.empty() || sessions.begin()->second->stream != stream) {
      ++it;
      continue;
    }
    for (const auto& [region_id, session] : sessions) {
      scanning_ -= !session->matcher.initialized();
      if (unreachable) host_.regions().LeaderUnreachable(*session->region);
      host_.Relocate(session->subscription, session->ref, reason, Duration::zero());
    }
    abandoned_.erase(it->first);
    it = requests_.erase(it);
  }
}

StreamId StoreWorker::StreamFor(uint64_t request_id) {
  const uint64_t key = multiplexing_ ? kSharedStreamKey : request_id;
  const auto [it, fresh] = open_streams_.try_emplace(key);
  if (fresh) {
    it->second = StreamId{next_stream_++};
    stream_keys_[it->second] = key;
    transport_->Open(it->second, multiplexing_ ? FeedTransport::Method::kEventFeedV2
                                               : FeedTransport::Method::kEventFeed);
  }
  return it->second;
}

void StoreWorker::ForgetStream(StreamId stream) {
  const auto key = stream_keys_.extract(stream);
  if (!key) return;
  open_streams_.erase(key.mapped());
  if (key.mapped() == kSharedStreamKey) abandoned_.clear();
}

uint64_t StoreWorker::RequestOf(StreamId stream, uint64_t request_id) const {
  const auto key = stream_keys_.find(stream);
  if (key == stream_keys_.end() || key->second == kSharedStreamKey) return request_id;
  return key->second;
}

StoreWorker::Session* StoreWorker::Find(uint64_t request_id, uint64_t region_id) {
  const auto request = requests_.find(request_id);
  if (request == requests_.end()) return nullptr;
  const auto it = request->second.find(region_id);
  return it == request->second.end() ? nullptr : it->second.get();
}

std::unique_ptr<StoreWorker::Session> StoreWorker::Take(uint64_t request_id, uint64_t region_id) {
  const auto request = requests_.find(request_id);
  if (request == requests_.end()) return nullptr;
  const auto it = request->second.find(region_id);
  if (it == request->second.end()) return nullptr;
  auto session = std::move(it->second);
  request->second.erase(it);
  if (request->second.empty()) requests_.erase(request);
  scanning_ -= !session->matcher.initialized();
  return session;
}

void StoreWorker::Abandon(uint64_t request_id, uint64_t region_id, std::string reason,
                          Duration delay_min) {
  if (!multiplexing_) {  // only the end of the stream ends a registration
    if (const Session* session = Find(request_id, region_id)) {
      BreakStream(session->stream, std::move(reason));
    }
    return;
  }
  const auto session = Take(request_id, region_id);
  if (!session) return;
  SendDeregister(session->stream, request_id, region_id);
  abandoned_[request_id].push_back(region_id);
  host_.Relocate(session->subscription, session->ref, std::move(reason), delay_min);
}

}  // namespace cdc
