// Transactions of the cluster itself, and those that come as requests.
#include <algorithm>

#include "simulator/sim_cluster.h"

namespace cdc {
namespace {

constexpr size_t kSnapshotStep = 1000;
constexpr uint64_t kLockTtlMs = 20'000;

kvrpcpb::PrewriteRequest MakePrewrite(const std::vector<SimMutation>& mutations, Ts start_ts) {
  kvrpcpb::PrewriteRequest request;
  request.set_start_version(start_ts.raw());
  request.set_primary_lock(mutations.front().key);
  request.set_lock_ttl(kLockTtlMs);
  request.set_txn_size(mutations.size());
  for (const SimMutation& mutation : mutations) {
    kvrpcpb::Mutation* added = request.add_mutations();
    added->set_op(mutation.value ? kvrpcpb::Put : kvrpcpb::Del);
    added->set_key(mutation.key);
    if (mutation.value) added->set_value(*mutation.value);
  }
  return request;
}

kvrpcpb::CommitRequest MakeCommit(const std::vector<SimMutation>& mutations, Ts start_ts,
                                  Ts commit_ts) {
  kvrpcpb::CommitRequest request;
  request.set_start_version(start_ts.raw());
  request.set_commit_version(commit_ts.raw());
  for (const SimMutation& mutation : mutations) request.add_keys(mutation.key);
  return request;
}

}  // namespace

void SimCluster::Load(std::string_view key, std::string_view value, Ts commit_ts) {
  std::lock_guard lock(mutex_);
  store_.Load(key, value, commit_ts);
}

void SimCluster::Replay(const std::vector<SimMutation>& mutations, Ts start_ts, Ts commit_ts) {
  kvrpcpb::PrewriteRequest prewrite = MakePrewrite(mutations, start_ts);
  prewrite.set_for_update_ts(commit_ts.Prev().raw());
  for (size_t i = 0; i < mutations.size(); ++i) {
    prewrite.add_pessimistic_actions(kvrpcpb::PrewriteRequest::SKIP_PESSIMISTIC_CHECK);
  }
  const kvrpcpb::CommitRequest commit = MakeCommit(mutations, start_ts, commit_ts);
  kvrpcpb::PrewriteResponse prewritten;
  kvrpcpb::CommitResponse committed;
  std::lock_guard lock(mutex_);
  store_.Prewrite(prewrite, &prewritten);
  store_.Commit(commit, &committed);
  FlushDirty();
}

bool SimCluster::Transact(const std::vector<SimMutation>& mutations, bool one_phase, Ts start_ts) {
  kvrpcpb::PrewriteRequest prewrite = MakePrewrite(mutations, start_ts);
  prewrite.set_try_one_pc(one_phase);
  kvrpcpb::PrewriteResponse prewritten;
  {
    std::lock_guard lock(mutex_);
    store_.Prewrite(prewrite, &prewritten);
    FlushDirty();
  }
  if (!prewritten.errors().empty()) return false;
  if (prewritten.one_pc_commit_ts() != 0) return true;
  const auto commit = MakeCommit(mutations, start_ts, oracle_.Next());
  kvrpcpb::CommitResponse committed;
  std::lock_guard lock(mutex_);
  store_.Commit(commit, &committed);
  FlushDirty();
  return !committed.has_error();
}

void SimCluster::LeaveLocks(const std::vector<SimMutation>& mutations, uint64_t ttl_ms) {
  kvrpcpb::PrewriteRequest prewrite = MakePrewrite(mutations, oracle_.Next());
  prewrite.set_lock_ttl(ttl_ms);
  kvrpcpb::PrewriteResponse ignored;
  std::lock_guard lock(mutex_);
  store_.Prewrite(prewrite, &ignored);
  FlushDirty();
}

void SimCluster::Apply(const std::function<void(MvccStore&)>& act) {
  std::lock_guard lock(mutex_);
  act(store_);
  FlushDirty();
}

std::optional<std::string> SimCluster::Read(const std::string& key, Ts ts) {
  std::lock_guard lock(mutex_);
  const auto it = store_.keys().find(key);
  if (it == store_.keys().end()) return std::nullopt;
  const MvccWrite* version = it->second.Version(ts);
  if (!version || !version->value) return std::nullopt;
  return *version->value;
}

void SimCluster::Snapshot(
    const KeyRange& range, Ts ts,
    const std::function<void(std::string_view key, std::string_view value)>& visit) {
  std::string from = range.start;
  for (bool more = true; more;) {
    std::lock_guard lock(mutex_);
    size_t steps = 0;
    auto it = store_.keys().lower_bound(from);
    const auto inside = [&] {
      return it != store_.keys().end() && (range.end.empty() || it->first < range.end);
    };
    for (; inside() && steps < kSnapshotStep; ++it, ++steps) {
      const MvccWrite* version = it->second.Version(ts);
      if (version && version->value) visit(it->first, *version->value);
    }
    more = inside();
    if (more) from = it->first;
  }
}

bool SimCluster::WithRegion(uint64_t store, const kvrpcpb::Context& context, errorpb::Error* error,
                            const std::function<void(MvccStore&, const KeyRange&)>& act) {
  std::lock_guard lock(mutex_);
  const SimRegion* region = regions_.ById(context.region_id());
  std::optional<SimRegionError> failure;
  if (failing_requests_.first > 0) {
    --failing_requests_.first;
    failure = failing_requests_.second;
  } else if (!region) {
    failure = SimRegionError::kRegionNotFound;
  } else if (region->leader != store) {
    failure = SimRegionError::kNotLeader;
  } else if (region->version != context.region_epoch().version()) {
    failure = SimRegionError::kEpochNotMatch;
  }
  if (!failure) {
    act(store_, region->range);
    FlushDirty();
    return true;
  }
  cdcpb::Error told = MakeError(*failure, region, context.region_id());
  if (told.has_not_leader()) *error->mutable_not_leader() = told.not_leader();
  if (told.has_epoch_not_match()) *error->mutable_epoch_not_match() = told.epoch_not_match();
  if (told.has_region_not_found()) *error->mutable_region_not_found() = told.region_not_found();
  if (told.has_server_is_busy()) *error->mutable_server_is_busy() = told.server_is_busy();
  error->set_message("simulated");
  return false;
}

}  // namespace cdc
