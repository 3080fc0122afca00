// Reading at a timestamp.
#include <algorithm>

#include "simulator/mvcc_store.h"

namespace cdc {

bool MvccStore::Blocks(const MvccLock& lock, Ts version, const kvrpcpb::Context& context) {
  if (!lock.changes() || lock.start_ts > version || lock.min_commit_ts > version) return false;
  if (context.isolation_level() == kvrpcpb::RC) return false;
  const uint64_t start_ts = lock.start_ts.raw();
  return std::ranges::find(context.resolved_locks(), start_ts) == context.resolved_locks().end() &&
         std::ranges::find(context.committed_locks(), start_ts) == context.committed_locks().end();
}

// The value visible at `version`, null if there is none. The key's lock does not block the reader.
const MvccValue* MvccStore::Read(const MvccKey& state, Ts version,
                                 const kvrpcpb::Context& context) {
  if (state.lock && state.lock->changes()) {
    const auto& committed = context.committed_locks();
    if (std::ranges::find(committed, state.lock->start_ts.raw()) != committed.end()) {
      return state.lock->value ? &state.lock->value : nullptr;
    }
  }
  const MvccWrite* write = state.Version(version);
  return write && write->value ? &write->value : nullptr;
}

void MvccStore::Get(const kvrpcpb::GetRequest& request, kvrpcpb::GetResponse* response) {
  const Ts version(request.version());
  if (version != Ts::Max()) ObserveTs(version);
  response->set_not_found(true);
  const auto it = keys_.find(request.key());
  if (it == keys_.end()) return;
  const MvccKey& state = it->second;
  // What has no timestamp reads the last version; its own primary does not stop it.
  const bool latest = version == Ts::Max() && state.lock && state.lock->primary == request.key();
  if (state.lock && !latest && Blocks(*state.lock, version, request.context())) {
    *response->mutable_error()->mutable_locked() = Describe(it->first, *state.lock);
    return;
  }
  const MvccValue* value = Read(state, version, request.context());
  if (!value) return;
  response->set_not_found(false);
  response->set_value(**value);
}

void MvccStore::BatchGet(const kvrpcpb::BatchGetRequest& request,
                         kvrpcpb::BatchGetResponse* response) {
  const Ts version(request.version());
  if (version != Ts::Max()) ObserveTs(version);
  for (const std::string& key : request.keys()) {
    const auto it = keys_.find(key);
    if (it == keys_.end()) continue;
    const MvccKey& state = it->second;
    if (state.lock && Blocks(*state.lock, version, request.context())) {
      kvrpcpb::KvPair* pair = response->add_pairs();
      pair->set_key(key);
      *pair->mutable_error()->mutable_locked() = Describe(key, *state.lock);
      continue;
    }
    const MvccValue* value = Read(state, version, request.context());
    if (!value) continue;
    kvrpcpb::KvPair* pair = response->add_pairs();
    pair->set_key(key);
    pair->set_value(**value);
  }
}

void MvccStore::Scan(const kvrpcpb::ScanRequest& request, const KeyRange& region,
                     kvrpcpb::ScanResponse* response) {
  const Ts version(request.version());
  if (version != Ts::Max()) ObserveTs(version);
  const auto add = [&](const std::string& key, const MvccKey& state) {
    if (state.lock && Blocks(*state.lock, version, request.context())) {
      kvrpcpb::KvPair* pair = response->add_pairs();
      pair->set_key(key);
      *pair->mutable_error()->mutable_locked() = Describe(key, *state.lock);
      return;
    }
    const MvccValue* value = Read(state, version, request.context());
    if (!value) return;
    kvrpcpb::KvPair* pair = response->add_pairs();
    pair->set_key(key);
    if (!request.key_only()) pair->set_value(**value);
  };
  const auto full = [&] {
    return static_cast<uint32_t>(response->pairs_size()) >= request.limit();
  };
  if (request.reverse()) {  // from start_key, exclusive, down to end_key
    const bool unbounded = request.start_key().empty();
    std::string from = unbounded ? region.end : request.start_key();
    if (!region.end.empty()) from = std::min(from, region.end);
    const std::string& to = std::max(request.end_key(), region.start);
    auto it = from.empty() ? keys_.end() : keys_.lower_bound(from);
    while (it != keys_.begin() && !full()) {
      --it;
      if (it->first < to) break;
      add(it->first, it->second);
    }
    return;
  }
  for (auto it = keys_.lower_bound(std::max(request.start_key(), region.start)); it != keys_.end();
       ++it) {
    if (!request.end_key().empty() && it->first >= request.end_key()) break;
    if (!region.end.empty() && it->first >= region.end) break;
    if (full()) break;
    add(it->first, it->second);
  }
}

}  // namespace cdc
