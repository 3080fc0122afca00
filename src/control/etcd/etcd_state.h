// A consistent local copy of a part of etcd, and the changes that a tick makes to it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/etcd/etcd_client.h"

namespace cdc {

// All keys of a prefix as of one revision. Not thread-safe.
class EtcdState {
 public:
  struct Value {
    std::string value;
    int64_t mod_revision = 0;
    int64_t create_revision = 0;
  };

  int64_t revision() const { return revision_; }
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }
  // Keys whose value is new, changed or gone since ClearChanges; may repeat.
  const std::vector<std::string>& changed() const { return changed_; }
  const Value* Find(std::string_view key) const {
    const auto it = values_.find(key);
    return it == values_.end() ? nullptr : &it->second;
  }

  void Apply(const EtcdWatchBatch& batch);
  // Takes over a new snapshot; only what differs counts as changed.
  void Replace(const EtcdRange& snapshot);
  void ClearChanges() { changed_.clear(); }

 private:
  void Set(const EtcdKv& kv);
  int64_t revision_ = 0;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> changed_;
};

// One change of one key, based on the value that the state had.
struct EtcdPatch {
  std::string key;
  std::optional<std::string> value;  // nullopt: delete
  int64_t mod_revision = 0;          // that the key must still have; 0: must not exist
};

// The changes of one tick: at most one per key, none that changes nothing.
class EtcdPatches {
 public:
  // `state` outlives this.
  explicit EtcdPatches(const EtcdState& state) : state_(state) {}
  void Set(const std::string& key, std::string value);
  void Delete(const std::string& key);
  // Without those that the state has already.
  std::vector<EtcdPatch> Take();

 private:
  const EtcdState& state_;
  std::map<std::string, std::optional<std::string>> wanted_;
};

}  // namespace cdc
