#include "control/etcd/etcd_state.h"

#include <set>

namespace cdc {

void EtcdState::Set(const EtcdKv& kv) {
  Value& value = values_[kv.key];
  if (value.mod_revision >= kv.mod_revision) return;
  value = {kv.value, kv.mod_revision, kv.create_revision};
  changed_.push_back(kv.key);
}

void EtcdState::Apply(const EtcdWatchBatch& batch) {
  for (const EtcdEvent& event : batch.events) {
    if (!event.deleted) {
      Set(event.kv);
    } else if (const auto it = values_.find(event.kv.key); it != values_.end()) {
      values_.erase(it);
      changed_.push_back(event.kv.key);
    }
  }
  revision_ = std::max(revision_, batch.revision);
}

void EtcdState::Replace(const EtcdRange& snapshot) {
  std::set<std::string_view> kept;
  for (const EtcdKv& kv : snapshot.kvs) kept.insert(kv.key);
  for (auto it = values_.begin(); it != values_.end();) {
    if (kept.contains(it->first)) {
      ++it;
      continue;
    }
    changed_.push_back(it->first);
    it = values_.erase(it);
  }
  for (const EtcdKv& kv : snapshot.kvs) Set(kv);
  revision_ = snapshot.revision;
}

void EtcdPatches::Set(const std::string& key, std::string value) {
  wanted_[key] = std::move(value);
}

void EtcdPatches::Delete(const std::string& key) { wanted_[key] = std::nullopt; }

std::vector<EtcdPatch> EtcdPatches::Take() {
  std::vector<EtcdPatch> patches;
  for (auto& [key, value] : wanted_) {
    const EtcdState::Value* now = state_.Find(key);
    const bool same = now ? (value && *value == now->value) : !value;
    if (!same) patches.push_back({key, std::move(value), now ? now->mod_revision : 0});
  }
  wanted_.clear();
  return patches;
}

}  // namespace cdc
