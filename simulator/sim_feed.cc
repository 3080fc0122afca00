// The change feed: registrations, live changes, resolved timestamps.
#include <algorithm>
#include <charconv>

#include "dataflow/upstream/region_key.h"
#include "simulator/sim_cluster.h"
#include "simulator/synthetic_table.h"

namespace cdc {
namespace {

// Rows of one downstream are sent once they are so many, or the step is over.
constexpr size_t kRowsBytes = 256 << 10;

wire::RowType RowTypeOf(MvccChange::Kind kind) {
  switch (kind) {
    case MvccChange::Kind::kPrewrite:
      return wire::RowType::kPrewrite;
    case MvccChange::Kind::kCommit:
      return wire::RowType::kCommit;
    case MvccChange::Kind::kRollback:
      return wire::RowType::kRollback;
    case MvccChange::Kind::kCommitted:
      return wire::RowType::kCommitted;
  }
  return wire::RowType::kPrewrite;
}

// "4.0.8" and up understand ResolvedTs; a client that does not tell is taken to be new.
bool UnderstandsBatches(std::string_view version) {
  int parts[3] = {0, 0, 0};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (int& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc()) return true;
    at = next + (next < end && *next == '.' ? 1 : 0);
  }
  return std::tie(parts[0], parts[1], parts[2]) >= std::tuple(4, 0, 8);
}

}  // namespace

// ---- Live changes ----

void SimCluster::OnChange(const MvccChange& change) {
  const SimRegion& region = regions_.Of(change.key);
  if (region.downstreams.empty()) return;
  wire::Row row{.type = RowTypeOf(change.kind),
                .op = change.op == kvrpcpb::Put ? wire::RowOp::kPut : wire::RowOp::kDelete,
                .start_ts = change.start_ts,
                .commit_ts = change.commit_ts,
                .key = change.key,
                .txn_source = change.txn_source};
  if (change.value) row.value = *change.value;
  for (const auto& downstream : region.downstreams) {
    if (!downstream->Wants(change.key)) continue;
    if (downstream->filter_loop && change.txn_source != 0) continue;
    const bool old_value = downstream->old_value && change.old_value;
    row.old_value = old_value ? std::string_view(*change.old_value) : std::string_view();
    AddRow(downstream.get(), row);
  }
}

void SimCluster::AddRow(Downstream* downstream, const wire::Row& row) {
  wire::AppendRow(&downstream->rows, row);
  if (!downstream->dirty) {
    downstream->dirty = true;
    dirty_.push_back(downstream);
  }
  if (downstream->rows.size() < kRowsBytes) return;
  std::string event;
  wire::AppendEvent(&event, downstream->region_id, downstream->request_id, downstream->rows);
  downstream->rows.clear();
  downstream->stream->Append(std::move(event));
}

void SimCluster::FlushDirty() {
  std::vector<std::shared_ptr<Downstream>> congested;
  std::string event;
  for (Downstream* downstream : dirty_) {
    downstream->dirty = false;
    if (!downstream->rows.empty()) {
      event.clear();
      wire::AppendEvent(&event, downstream->region_id, downstream->request_id, downstream->rows);
      downstream->rows.clear();
      downstream->stream->Append(std::string_view(event));
    }
    if (downstream->stream->queued_bytes() <= options_.feed_queue_bytes) continue;
    const auto& all = downstream->region->downstreams;
    congested.push_back(*std::ranges::find(all, downstream, &std::shared_ptr<Downstream>::get));
  }
  dirty_.clear();
  for (const auto& downstream : congested) {
    SendError(*downstream,
              MakeError(SimRegionError::kCongested, downstream->region, downstream->region_id));
    Drop(downstream);
  }
}

// ---- Resolved timestamps ----

void SimCluster::CapResolved(Ts cap) {
  std::lock_guard lock(mutex_);
  resolved_cap_ = cap;
}

void SimCluster::TickResolved() {
  if (hold_resolved_) return;
  std::lock_guard lock(mutex_);
  Ts now = oracle_.Next();
  store_.ObserveTs(now);
  const uint64_t delay_ms = std::min<uint64_t>(resolved_delay_ms_, now.unix_ms());
  if (delay_ms != 0) now = Ts::FromUnixMs(now.unix_ms() - delay_ms);
  now = std::min(now, resolved_cap_);
  FindOldestLocks();
  for (const auto& [stream, downstreams] : streams_) {
    TickResolvedOf(stream.get(), downstreams, now);
  }
}

// One pass over all locks, of stored and of synthetic rows, which come in the order of the regions.
void SimCluster::FindOldestLocks() {
  ++tick_;
  const auto note = [this](SimRegion* region, Ts start_ts) {
    if (region->oldest_lock_tick != tick_) region->oldest_lock = Ts::Max();
    region->oldest_lock_tick = tick_;
    region->oldest_lock = std::min(region->oldest_lock, start_ts);
  };
  SimRegion* region = nullptr;
  for (const auto& [key, start_ts] : store_.locks()) {
    if (!region || !region->Contains(key)) region = &regions_.Of(key);
    note(region, start_ts);
  }
  for (const auto& [key, table] : synthetic_) {
    table->VisitOpen([&](const SyntheticTable::Txn& txn) {
      ForRuns(*table, txn.first, txn.rows,
              [&](SimRegion& run, uint64_t, uint64_t) { note(&run, txn.start_ts); });
    });
  }
}

void SimCluster::TickResolvedOf(FeedStream* stream, const Downstreams& downstreams, Ts now) {
  std::vector<uint64_t> same;  // regions of one request that are resolved up to now
  uint64_t request = 0;
  std::string out;
  const auto flush = [&] {
    if (same.empty()) return;
    out.clear();
    wire::AppendResolved(&out, request, now, same);
    stream->AppendResolved(out);
    same.clear();
  };
  for (const auto& [id, downstream] : downstreams) {
    if (id.first != request) flush();
    request = id.first;
    if (!downstream->initialized) continue;
    const SimRegion& region = *downstream->region;
    const bool locked = region.oldest_lock_tick == tick_;
    const Ts resolved = locked ? std::min(now, region.oldest_lock) : now;
    if (resolved <= downstream->resolved) continue;
    downstream->resolved = resolved;
    if (resolved == now && downstream->batch_resolved) {
      same.push_back(id.second);
    } else if (downstream->batch_resolved) {
      out.clear();
      wire::AppendResolved(&out, id.first, resolved, std::array{id.second});
      stream->AppendResolved(out);
    } else {
      out.clear();
      wire::AppendResolvedEvent(&out, id.second, downstream->request_id, resolved);
      stream->AppendResolved(out);
    }
  }
  flush();
}

// ---- Registrations ----

void SimCluster::OpenStream(const std::shared_ptr<FeedStream>& stream) {
  std::lock_guard lock(mutex_);
  streams_.try_emplace(stream);
}

void SimCluster::CloseStream(const std::shared_ptr<FeedStream>& stream) {
  stream->Close();
  std::lock_guard lock(mutex_);
  const auto node = streams_.extract(stream);
  if (!node) return;
  for (const auto& [id, downstream] : node.mapped()) Drop(downstream);
}

std::vector<std::shared_ptr<FeedStream>> SimCluster::Streams(uint64_t store) {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FeedStream>> found;
  for (const auto& [stream, downstreams] : streams_) {
    if (store == 0 || stream->store() == store) found.push_back(stream);
  }
  return found;
}

// Forgets a registration. Its scan, if there is one, ends by itself.
void SimCluster::Drop(const std::shared_ptr<Downstream>& downstream) {
  if (downstream->gone) return;
  downstream->gone = true;
  std::erase(dirty_, downstream.get());
  std::erase(downstream->region->downstreams, downstream);
  downstream->region = nullptr;
  const auto stream = streams_.find(downstream->stream);
  if (stream == streams_.end()) return;
  std::erase_if(stream->second, [&](const auto& entry) { return entry.second == downstream; });
}

void SimCluster::SendError(const Downstream& downstream, const cdcpb::Error& error) {
  std::string out;
  wire::AppendError(&out, downstream.region_id, downstream.request_id, error.SerializeAsString());
  downstream.stream->Append(std::string_view(out));
}

void SimCluster::Request(const std::shared_ptr<FeedStream>& stream, bool multiplexing,
                         const cdcpb::ChangeDataRequest& request) {
  std::lock_guard lock(mutex_);
  if (!streams_.contains(stream)) return;
  if (request.has_deregister()) {
    Deregister(stream, request);
  } else {
    Register(stream, multiplexing, request);
  }
}

void SimCluster::Register(const std::shared_ptr<FeedStream>& stream, bool multiplexing,
                          const cdcpb::ChangeDataRequest& request) {
  ++registrations_;
  auto downstream = std::make_shared<Downstream>();
  downstream->region_id = request.region_id();
  downstream->request_id = request.request_id();
  downstream->stream = stream;
  SimRegion* region = regions_.ById(request.region_id());
  const auto refuse = [&](SimRegionError error) {
    SendError(*downstream, MakeError(error, region, request.region_id()));
  };
  Downstreams& downstreams = streams_[stream];
  const std::pair id{multiplexing ? request.request_id() : 0, request.region_id()};
  if (failing_registrations_.first > 0) {
    --failing_registrations_.first;
    return refuse(failing_registrations_.second);
  }
  const uint64_t cluster = request.header().cluster_id();
  if (cluster != 0 && cluster != options_.cluster_id) {
    return refuse(SimRegionError::kClusterIdMismatch);
  }
  if (!region) return refuse(SimRegionError::kRegionNotFound);
  if (region->leader != stream->store()) return refuse(SimRegionError::kNotLeader);
  if (region->version != request.region_epoch().version()) {
    return refuse(SimRegionError::kEpochNotMatch);
  }
  if (downstreams.contains(id)) return refuse(SimRegionError::kDuplicateRequest);
  const auto start = DecodeRegionKey(request.start_key());
  const auto end = DecodeRegionKey(request.end_key());
  downstream->range = region->range;
  if (start) downstream->range.start = std::max(*start, region->range.start);
  if (end && !end->empty() && (region->range.end.empty() || *end < region->range.end)) {
    downstream->range.end = *end;
  }
  downstream->checkpoint = Ts(request.checkpoint_ts());
  downstream->old_value = request.extra_op() == kvrpcpb::ReadOldValue;
  downstream->filter_loop = request.filter_loop();
  downstream->batch_resolved = UnderstandsBatches(request.header().ticdc_version());
  downstream->registered_at = store_.sequence();
  downstream->region = region;
  region->downstreams.push_back(downstream);
  downstreams[id] = downstream;
  std::lock_guard lock(scans_mutex_);
  scans_.push_back(std::move(downstream));
  scans_filled_.notify_one();
}

void SimCluster::Deregister(const std::shared_ptr<FeedStream>& stream,
                            const cdcpb::ChangeDataRequest& request) {
  std::vector<std::shared_ptr<Downstream>> leaving;
  for (const auto& [id, downstream] : streams_[stream]) {
    if (id.first != request.request_id()) continue;
    if (request.region_id() != 0 && id.second != request.region_id()) continue;
    leaving.push_back(downstream);
  }
  for (const auto& downstream : leaving) {
    // TiKV ends what it is told to end with an error that names the region.
    SendError(*downstream, MakeError(SimRegionError::kRegionNotFound, downstream->region,
                                     downstream->region_id));
    Drop(downstream);
  }
}

}  // namespace cdc
