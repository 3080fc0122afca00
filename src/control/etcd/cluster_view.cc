#include "control/etcd/cluster_view.h"

#include "base/log.h"

namespace cdc {
namespace {

template <typename T>
std::optional<T> Read(const std::string* json) {
  if (json == nullptr) return std::nullopt;
  auto value = T::FromJson(*json);
  if (value) return *std::move(value);
  LogWarn("etcd holds a value that cannot be read: {}", value.error().ToString());
  return std::nullopt;
}

template <typename T>
void SetOrErase(std::map<std::string, T>* map, const std::string& key, std::optional<T> value) {
  if (value)
    map->insert_or_assign(key, *std::move(value));
  else
    map->erase(key);
}

}  // namespace

void ClusterView::Apply(const EtcdState& state) {
  changed_.clear();
  captures_changed_ = false;
  for (const std::string& key : state.changed()) {
    const auto parsed = paths_.Parse(key);
    if (!parsed) continue;
    const EtcdState::Value* value = state.Find(key);
    ApplyOne(*parsed, value ? &value->value : nullptr);
  }
}

void ClusterView::ApplyOne(const ParsedKey& key, const std::string* json) {
  using Kind = ParsedKey::Kind;
  if (key.kind == Kind::kOwner) return;
  const bool of_task = key.kind == Kind::kTaskStatus || key.kind == Kind::kTaskPosition;
  if (of_task && only_ && key.capture != *only_) return;
  if (key.kind == Kind::kCapture) captures_changed_ = true;
  if (key.kind == Kind::kCapture)
    return SetOrErase(&captures_, key.capture, Read<CaptureInfo>(json));
  changed_.insert(key.changefeed);
  ChangefeedView& feed = changefeeds_[key.changefeed];
  switch (key.kind) {
    case Kind::kInfo:
      feed.info = Read<ChangefeedInfo>(json);
      break;
    case Kind::kStatus:
      feed.status = Read<ChangefeedStatus>(json);
      break;
    case Kind::kTaskStatus:
      SetOrErase(&feed.tasks, key.capture, Read<TaskStatus>(json));
      break;
    case Kind::kTaskPosition:
      SetOrErase(&feed.positions, key.capture, Read<TaskPosition>(json));
      break;
    case Kind::kOwner:
    case Kind::kCapture:
      break;
  }
  if (feed.empty()) changefeeds_.erase(key.changefeed);
}

Result<ClusterSnapshot> ReadCluster(EtcdClient& client, const KeyPaths& paths) {
  ASSIGN_OR_RETURN(const EtcdRange range, client.GetPrefix(paths.prefix()));
  EtcdState state;
  state.Replace(range);
  ClusterSnapshot snapshot{ClusterView(paths), std::nullopt};
  snapshot.view.Apply(state);
  int64_t first = 0;
  for (const EtcdKv& kv : range.kvs) {
    const auto key = paths.Parse(kv.key);
    if (!key || key->kind != ParsedKey::Kind::kOwner) continue;
    if (first != 0 && kv.create_revision > first) continue;
    first = kv.create_revision;
    snapshot.owner = kv.value;
  }
  return snapshot;
}

}  // namespace cdc
