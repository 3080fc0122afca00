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

// Whether nothing differs but how far things have come.
bool OnlyMoved(const std::optional<ChangefeedStatus>& before,
               const std::optional<ChangefeedStatus>& after) {
  if (!before || !after) return false;
  ChangefeedStatus same = *before;
  same.checkpoint_ts = after->checkpoint_ts;
  same.resolved_ts = after->resolved_ts;
  return same == *after;
}

bool OnlyMoved(const std::map<CaptureId, TaskPosition>& before, const CaptureId& capture,
               const std::optional<TaskPosition>& after) {
  const auto found = before.find(capture);
  return found != before.end() && after && found->second.error == after->error;
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
  moved_.clear();
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
  ChangefeedView& feed = changefeeds_[key.changefeed];
  bool only_moved = false;
  switch (key.kind) {
    case Kind::kInfo:
      feed.info = Read<ChangefeedInfo>(json);
      break;
    case Kind::kStatus: {
      auto status = Read<ChangefeedStatus>(json);
      only_moved = OnlyMoved(feed.status, status);
      feed.status = status;
      break;
    }
    case Kind::kTaskStatus:
      SetOrErase(&feed.tasks, key.capture, Read<TaskStatus>(json));
      break;
    case Kind::kTaskPosition: {
      auto position = Read<TaskPosition>(json);
      only_moved = OnlyMoved(feed.positions, key.capture, position);
      SetOrErase(&feed.positions, key.capture, std::move(position));
      break;
    }
    case Kind::kOwner:
    case Kind::kCapture:
      break;
  }
  (only_moved ? moved_ : changed_).insert(key.changefeed);
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
