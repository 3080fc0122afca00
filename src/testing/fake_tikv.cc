#include "testing/fake_tikv.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "dataflow/upstream/region_key.h"
#include "testing/fake_tikv_impl.h"
#include "testing/fake_tikv_store.h"

namespace cdc {

FakeTiKv::Impl::Impl(FakePd& pd_in) : pd(pd_in) {}
FakeTiKv::Impl::~Impl() = default;

FakeTiKv::FakeTiKv(FakePd& pd, int stores) : impl_(std::make_unique<Impl>(pd)) {
  FakeRegion all{.id = 2, .leader = 1};
  for (int i = 1; i <= stores; ++i) {
    const auto id = static_cast<uint64_t>(i);
    impl_->stores.push_back(std::make_unique<Impl::Store>(*impl_, id));
    pd.SetStore(id, impl_->stores.back()->address());
    all.stores.push_back(id);
  }
  impl_->regions.push_back(all);
  TellPd();
  impl_->ticker = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      std::lock_guard lock(impl_->mutex);
      impl_->SendResolved();
    }
  });
}

FakeTiKv::~FakeTiKv() {
  impl_->ticker = {};
  for (const auto& store : impl_->stores) store->Stop();
}

// ---- Transactions ----

Ts FakeTiKv::Put(const std::string& key, const std::string& value) {
  return Commit(Prewrite({{key, value}}), {key});
}
Ts FakeTiKv::Delete(const std::string& key) {
  return Commit(Prewrite({{key, std::nullopt}}), {key});
}

Ts FakeTiKv::OnePc(const std::vector<FakeMutation>& mutations) {
  std::lock_guard lock(impl_->mutex);
  const Ts start_ts = impl_->pd.NextTs();
  const Ts commit_ts = impl_->pd.NextTs();
  for (const auto& [key, value] : mutations) {
    auto row = MakeRow(cdcpb::Event::COMMITTED, key, start_ts, commit_ts, value);
    FakeKey& state = impl_->keys[key];
    if (!state.versions.empty()) {
      row.set_old_value(state.versions.rbegin()->second.value.value_or(""));
    }
    state.versions[commit_ts] = {.start_ts = start_ts, .value = value};
    impl_->Emit(row);
  }
  return commit_ts;
}

Ts FakeTiKv::Prewrite(const std::vector<FakeMutation>& mutations,
                      const FakePrewriteOptions& options) {
  std::lock_guard lock(impl_->mutex);
  const Ts start_ts = impl_->pd.NextTs();
  FakeLock prototype{.start_ts = start_ts,
                     .primary = mutations.front().key,
                     .ttl_ms = options.ttl_ms,
                     .pessimistic = options.pessimistic_lock,
                     .async_commit = options.async_commit};
  if (options.async_commit) prototype.min_commit_ts = impl_->pd.NextTs();
  for (size_t i = options.without_primary ? 1 : 0; i < mutations.size(); ++i) {
    FakeLock lock_of_key = prototype;
    lock_of_key.value = mutations[i].value;
    if (i == 0 && options.async_commit) {
      for (size_t k = 1; k < mutations.size(); ++k) {
        lock_of_key.secondaries.push_back(mutations[k].key);
      }
    }
    impl_->AddLock(mutations[i].key, std::move(lock_of_key));
  }
  return start_ts;
}

Ts FakeTiKv::Commit(Ts start_ts, const std::vector<std::string>& keys) {
  std::lock_guard lock(impl_->mutex);
  const Ts commit_ts = impl_->pd.NextTs();
  for (const std::string& key : keys) impl_->CommitKey(key, start_ts, commit_ts);
  return commit_ts;
}
void FakeTiKv::CommitAt(Ts start_ts, Ts commit_ts, const std::vector<std::string>& keys) {
  std::lock_guard lock(impl_->mutex);
  for (const std::string& key : keys) impl_->CommitKey(key, start_ts, commit_ts);
}
void FakeTiKv::Rollback(Ts start_ts, const std::vector<std::string>& keys) {
  std::lock_guard lock(impl_->mutex);
  for (const std::string& key : keys) impl_->RollbackKey(key, start_ts);
}

void FakeTiKv::Heartbeat(const std::string& key) {
  std::lock_guard lock(impl_->mutex);
  const FakeLock& lock_of_key = impl_->keys[key].lock.value();
  impl_->Emit(MakeRow(cdcpb::Event::PREWRITE, key, lock_of_key.start_ts, Ts(), ""));
}

bool FakeTiKv::locked(const std::string& key) const {
  std::lock_guard lock(impl_->mutex);
  const auto it = impl_->keys.find(key);
  return it != impl_->keys.end() && it->second.lock.has_value();
}

std::optional<std::string> FakeTiKv::Read(const std::string& key, Ts ts) const {
  std::lock_guard lock(impl_->mutex);
  const auto it = impl_->keys.find(key);
  if (it == impl_->keys.end()) return std::nullopt;
  const auto version = it->second.versions.upper_bound(ts);
  if (version == it->second.versions.begin()) return std::nullopt;
  return std::prev(version)->second.value;
}

std::vector<KvEvent> FakeTiKv::Committed(const KeyRange& range, Ts after, Ts upto) const {
  std::lock_guard lock(impl_->mutex);
  std::vector<KvEvent> events;
  for (const auto& [key, state] : impl_->keys) {
    if (key < range.start || (!range.end.empty() && key >= range.end)) continue;
    std::string old_value;
    for (const auto& [commit_ts, version] : state.versions) {
      auto owner = std::make_shared<std::array<std::string, 3>>(
          std::array{key, version.value.value_or(""), old_value});
      if (commit_ts > after && commit_ts <= upto) {
        events.push_back({.op = version.value ? KvOp::kPut : KvOp::kDelete,
                          .start_ts = version.start_ts,
                          .commit_ts = commit_ts,
                          .key = (*owner)[0],
                          .value = (*owner)[1],
                          .old_value = (*owner)[2],
                          .owner = owner});
      }
      old_value = version.value.value_or("");
    }
  }
  std::ranges::sort(events, CommitOrder);
  return events;
}

// ---- Regions ----

void FakeTiKv::TellPd() {
  std::lock_guard lock(impl_->mutex);
  impl_->pd.SetRegions(impl_->regions);
}

std::vector<FakeRegion> FakeTiKv::regions() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->regions;
}

void FakeTiKv::Split(const std::string& key, bool pd_knows) {
  {
    std::lock_guard lock(impl_->mutex);
    FakeRegion& left = impl_->RegionOf(key);
    if (left.start == key) return;
    FakeRegion right = left;
    right.id = impl_->next_region_id++;
    right.start = key;
    right.version = ++left.version;
    left.end = key;
    const uint64_t id = left.id;
    const auto place = impl_->regions.begin() + (&left - impl_->regions.data()) + 1;
    impl_->regions.insert(place, right);
    impl_->FailRegion(id, RegionError::kEpochNotMatch);
  }
  if (pd_knows) TellPd();
}

void FakeTiKv::Merge(const std::string& key_of_left, bool pd_knows) {
  {
    std::lock_guard lock(impl_->mutex);
    FakeRegion& left = impl_->RegionOf(key_of_left);
    const auto index = static_cast<size_t>(&left - impl_->regions.data());
    if (index + 1 >= impl_->regions.size()) return;
    FakeRegion& right = impl_->regions[index + 1];
    right.start = left.start;
    right.version = std::max(left.version, right.version) + 1;
    const uint64_t gone = left.id;
    const uint64_t stays = right.id;
    impl_->regions.erase(impl_->regions.begin() + static_cast<ptrdiff_t>(index));
    impl_->FailRegion(gone, RegionError::kRegionNotFound);
    impl_->FailRegion(stays, RegionError::kEpochNotMatch);
  }
  if (pd_knows) TellPd();
}

void FakeTiKv::MoveLeader(const std::string& key, uint64_t store, bool pd_knows) {
  {
    std::lock_guard lock(impl_->mutex);
    FakeRegion& region = impl_->RegionOf(key);
    region.leader = store;
    impl_->FailRegion(region.id, RegionError::kNotLeader);
  }
  if (pd_knows) TellPd();
}

// ---- Faults ----

void FakeTiKv::FailSubscriptions(const std::string& key, RegionError error) {
  std::lock_guard lock(impl_->mutex);
  impl_->FailRegion(impl_->RegionOf(key).id, error);
}
void FakeTiKv::FailNextKvRequests(int count, RegionError error) {
  std::lock_guard lock(impl_->mutex);
  impl_->kv_failures_left = count;
  impl_->kv_failure = error;
}
void FakeTiKv::BreakStreams(uint64_t store) {
  std::lock_guard lock(impl_->mutex);
  for (FakeConnection* connection : impl_->connections) {
    if (connection->store == store) connection->context->TryCancel();
  }
}
void FakeTiKv::StopStore(uint64_t store) { impl_->stores[store - 1]->Stop(); }
void FakeTiKv::RefuseV2(bool on) {
  std::lock_guard lock(impl_->mutex);
  impl_->refuse_v2 = on;
}
void FakeTiKv::HoldResolved(bool on) {
  std::lock_guard lock(impl_->mutex);
  impl_->hold_resolved = on;
}
void FakeTiKv::HoldScans(bool on) {
  std::lock_guard lock(impl_->mutex);
  impl_->hold_scans = on;
  if (!on) impl_->ReleaseScans();
}
void FakeTiKv::SendGarbage(uint64_t store) {
  std::lock_guard lock(impl_->mutex);
  for (FakeConnection* connection : impl_->connections) {
    if (connection->store != store) continue;
    const grpc::Slice slice("\x0a\xff\xff\xff\x0f what is this");
    connection->outgoing.emplace_back(&slice, 1);
    connection->queued.notify_all();
  }
}

int FakeTiKv::registrations() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->registrations;
}
int FakeTiKv::subscriptions() const {
  std::lock_guard lock(impl_->mutex);
  size_t count = 0;
  for (const FakeConnection* connection : impl_->connections) {
    count += connection->subscriptions.size();
  }
  return static_cast<int>(count);
}
int FakeTiKv::streams() const {
  std::lock_guard lock(impl_->mutex);
  return static_cast<int>(impl_->connections.size());
}

}  // namespace cdc
