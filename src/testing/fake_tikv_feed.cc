// The change feed of FakeTiKv: what is sent to subscriptions, and when.
#include <algorithm>

#include "dataflow/upstream/region_key.h"
#include "testing/fake_tikv_impl.h"

namespace cdc {
namespace {

bool InRange(const std::string& key, const KeyRange& range) {
  return key >= range.start && (range.end.empty() || key < range.end);
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

cdcpb::Event::Row MakeRow(cdcpb::Event::LogType type, const std::string& key, Ts start_ts,
                          Ts commit_ts, const std::optional<std::string>& value) {
  cdcpb::Event::Row row;
  row.set_type(type);
  row.set_op_type(value ? cdcpb::Event::Row::PUT : cdcpb::Event::Row::DELETE);
  row.set_key(key);
  row.set_start_ts(start_ts.raw());
  row.set_commit_ts(commit_ts.raw());
  if (value) row.set_value(*value);
  return row;
}

void FakeConnection::Queue(const cdcpb::ChangeDataEvent& event) {
  outgoing.push_back(ToBuffer(event.SerializeAsString()));
  queued.notify_all();
}

FakeRegion& FakeTiKv::Impl::RegionOf(const std::string& key) {
  auto it = std::ranges::upper_bound(regions, key, {}, &FakeRegion::start);
  return *std::prev(it);
}

FakeRegion* FakeTiKv::Impl::RegionById(uint64_t id) {
  const auto it = std::ranges::find(regions, id, &FakeRegion::id);
  return it == regions.end() ? nullptr : &*it;
}

cdcpb::Error FakeTiKv::Impl::MakeError(RegionError error, const FakeRegion& region) const {
  cdcpb::Error out;
  switch (error) {
    case RegionError::kNotLeader:
      out.mutable_not_leader()->set_region_id(region.id);
      if (region.leader != 0) {
        out.mutable_not_leader()->mutable_leader()->set_store_id(region.leader);
        out.mutable_not_leader()->mutable_leader()->set_id(region.id * 100 + region.leader);
      }
      break;
    case RegionError::kEpochNotMatch:
      out.mutable_epoch_not_match();
      for (size_t i = 0; i < regions.size(); ++i) {
        // The region and, as after a split, its right neighbour.
        const FakeRegion& current = regions[i];
        if (current.id != region.id && (i == 0 || regions[i - 1].id != region.id)) continue;
        metapb::Region* told = out.mutable_epoch_not_match()->add_current_regions();
        told->set_id(current.id);
        told->set_start_key(EncodeRegionKey(current.start));
        told->set_end_key(EncodeRegionKey(current.end));
        told->mutable_region_epoch()->set_version(current.version);
        told->mutable_region_epoch()->set_conf_ver(1);
        for (const uint64_t store : current.stores) {
          metapb::Peer* peer = told->add_peers();
          peer->set_store_id(store);
          peer->set_id(current.id * 100 + store);
        }
      }
      break;
    case RegionError::kRegionNotFound:
      out.mutable_region_not_found()->set_region_id(region.id);
      break;
    case RegionError::kServerIsBusy:
      out.mutable_server_is_busy()->set_reason("too many pending regions");
      break;
    case RegionError::kDuplicateRequest:
      out.mutable_duplicate_request()->set_region_id(region.id);
      break;
    case RegionError::kCompatibility:
      out.mutable_compatibility()->set_required_version("99.0.0");
      break;
    case RegionError::kClusterIdMismatch:
      out.mutable_cluster_id_mismatch()->set_current(1);
      break;
    case RegionError::kCongested:
      out.mutable_congested()->set_region_id(region.id);
      break;
    case RegionError::kUnknown:
      break;
  }
  return out;
}

void FakeTiKv::Impl::SendError(FakeConnection& connection, const FakeSubscription& subscription,
                               const cdcpb::Error& error) {
  cdcpb::ChangeDataEvent out;
  cdcpb::Event* event = out.add_events();
  event->set_region_id(subscription.region_id);
  event->set_request_id(subscription.request_id);
  *event->mutable_error() = error;
  connection.Queue(out);
}

void FakeTiKv::Impl::FailRegion(uint64_t region_id, RegionError error) {
  const FakeRegion* region = RegionById(region_id);
  const cdcpb::Error told = MakeError(error, region ? *region : FakeRegion{.id = region_id});
  for (FakeConnection* connection : connections) {
    std::erase_if(connection->subscriptions, [&](const auto& entry) {
      if (entry.second.region_id != region_id) return false;
      SendError(*connection, entry.second, told);
      return true;
    });
  }
}

void FakeTiKv::Impl::SendRows(FakeConnection& connection, const FakeSubscription& subscription,
                              const std::vector<cdcpb::Event::Row>& rows) {
  cdcpb::ChangeDataEvent out;
  cdcpb::Event* event = out.add_events();
  event->set_region_id(subscription.region_id);
  event->set_request_id(subscription.request_id);
  for (const auto& row : rows) *event->mutable_entries()->add_entries() = row;
  connection.Queue(out);
}

void FakeTiKv::Impl::Emit(const cdcpb::Event::Row& row) {
  for (FakeConnection* connection : connections) {
    for (auto& [id, subscription] : connection->subscriptions) {
      if (InRange(row.key(), subscription.range)) SendRows(*connection, subscription, {row});
    }
  }
}

std::vector<cdcpb::Event::Row> FakeTiKv::Impl::Scan(const KeyRange& range, Ts checkpoint) const {
  std::vector<cdcpb::Event::Row> rows;
  for (const auto& [key, state] : keys) {
    if (!InRange(key, range)) continue;
    if (state.lock && !state.lock->pessimistic) {
      auto row =
          MakeRow(cdcpb::Event::PREWRITE, key, state.lock->start_ts, Ts(), state.lock->value);
      if (!state.versions.empty()) {
        row.set_old_value(state.versions.rbegin()->second.value.value_or(""));
      }
      rows.push_back(std::move(row));
    }
    std::string old_value;
    for (const auto& [commit_ts, version] : state.versions) {
      auto row = MakeRow(cdcpb::Event::COMMITTED, key, version.start_ts, commit_ts, version.value);
      row.set_old_value(old_value);
      old_value = version.value.value_or("");
      if (commit_ts > checkpoint) rows.push_back(std::move(row));
    }
  }
  cdcpb::Event::Row initialized;
  initialized.set_type(cdcpb::Event::INITIALIZED);
  rows.push_back(std::move(initialized));
  return rows;
}

void FakeTiKv::Impl::Register(FakeConnection& connection, const cdcpb::ChangeDataRequest& request) {
  ++registrations;
  FakeSubscription subscription{.region_id = request.region_id(),
                                .request_id = request.request_id()};
  const FakeRegion* region = RegionById(request.region_id());
  const auto refuse = [&](RegionError error) {
    const FakeRegion unknown{.id = request.region_id()};
    SendError(connection, subscription, MakeError(error, region ? *region : unknown));
  };
  if (request.header().cluster_id() != pd.cluster_id()) {
    return refuse(RegionError::kClusterIdMismatch);
  }
  if (!region) return refuse(RegionError::kRegionNotFound);
  if (region->leader != connection.store) return refuse(RegionError::kNotLeader);
  if (region->version != request.region_epoch().version()) {
    return refuse(RegionError::kEpochNotMatch);
  }
  for (const auto& [id, other] : connection.subscriptions) {
    const bool same = id.second == request.region_id() &&
                      (id.first == request.request_id() || !connection.multiplexing);
    if (same) return refuse(RegionError::kDuplicateRequest);
  }
  subscription.range = {.start = DecodeRegionKey(request.start_key()).value(),
                        .end = DecodeRegionKey(request.end_key()).value()};
  subscription.range.start = std::max(subscription.range.start, region->start);
  if (!region->end.empty() &&
      (subscription.range.end.empty() || subscription.range.end > region->end)) {
    subscription.range.end = region->end;
  }
  auto rows = Scan(subscription.range, Ts(request.checkpoint_ts()));
  if (hold_scans) {
    subscription.held_scan = std::move(rows);
  } else {
    SendRows(connection, subscription, rows);
    subscription.initialized = true;
  }
  connection.subscriptions[{request.request_id(), request.region_id()}] = std::move(subscription);
}

void FakeTiKv::Impl::ReleaseScans() {
  for (FakeConnection* connection : connections) {
    for (auto& [id, subscription] : connection->subscriptions) {
      if (subscription.initialized) continue;
      SendRows(*connection, subscription, subscription.held_scan);
      subscription.held_scan.clear();
      subscription.initialized = true;
    }
  }
}

void FakeTiKv::Impl::Deregister(FakeConnection& connection,
                                const cdcpb::ChangeDataRequest& request) {
  std::erase_if(connection.subscriptions, [&](const auto& entry) {
    const FakeSubscription& subscription = entry.second;
    if (subscription.request_id != request.request_id()) return false;
    if (request.region_id() != 0 && subscription.region_id != request.region_id()) return false;
    SendError(connection, subscription,
              MakeError(RegionError::kRegionNotFound, {.id = subscription.region_id}));
    return true;
  });
}

void FakeTiKv::Impl::SendResolved() {
  if (hold_resolved) return;
  const Ts now = pd.NextTs();
  for (FakeConnection* connection : connections) {
    for (const auto& [id, subscription] : connection->subscriptions) {
      if (!subscription.initialized) continue;
      Ts resolved = now;
      for (const auto& [key, state] : keys) {
        if (!state.lock || state.lock->pessimistic || !InRange(key, subscription.range)) continue;
        resolved = std::min(resolved, state.lock->start_ts);
      }
      cdcpb::ChangeDataEvent out;
      out.mutable_resolved_ts()->set_ts(resolved.raw());
      out.mutable_resolved_ts()->add_regions(subscription.region_id);
      if (connection->multiplexing) {
        out.mutable_resolved_ts()->set_request_id(subscription.request_id);
      }
      connection->Queue(out);
    }
  }
}

void FakeTiKv::Impl::AddLock(const std::string& key, FakeLock lock) {
  FakeKey& state = keys[key];
  if (!lock.pessimistic) {
    auto row = MakeRow(cdcpb::Event::PREWRITE, key, lock.start_ts, Ts(), lock.value);
    if (!state.versions.empty()) {
      row.set_old_value(state.versions.rbegin()->second.value.value_or(""));
    }
    Emit(row);
  }
  state.lock = std::move(lock);
}

void FakeTiKv::Impl::CommitKey(const std::string& key, Ts start_ts, Ts commit_ts) {
  FakeKey& state = keys[key];
  if (!state.lock || state.lock->start_ts != start_ts) return;
  auto row = MakeRow(cdcpb::Event::COMMIT, key, start_ts, commit_ts, state.lock->value);
  row.clear_value();
  state.versions[commit_ts] = {.start_ts = start_ts, .value = state.lock->value};
  state.lock.reset();
  Emit(row);
}

void FakeTiKv::Impl::RollbackKey(const std::string& key, Ts start_ts) {
  FakeKey& state = keys[key];
  if (state.lock && state.lock->start_ts == start_ts) state.lock.reset();
  state.rolled_back.insert(start_ts);
  Emit(MakeRow(cdcpb::Event::ROLLBACK, key, start_ts, Ts(), std::nullopt));
}

}  // namespace cdc
