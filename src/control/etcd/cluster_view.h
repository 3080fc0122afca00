// etcd's state as objects.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "control/etcd/etcd_state.h"
#include "control/etcd/key_paths.h"
#include "model/changefeed.h"

namespace cdc {

struct ChangefeedView {
  std::optional<ChangefeedInfo> info;
  std::optional<ChangefeedStatus> status;
  std::map<CaptureId, TaskStatus> tasks;
  std::map<CaptureId, TaskPosition> positions;

  bool empty() const { return !info && !status && tasks.empty() && positions.empty(); }
  // Where replication stands: the status's checkpoint, or the start before the first status.
  Ts Checkpoint() const {
    if (status) return status->checkpoint_ts;
    return info ? info->start_ts : Ts();
  }
};

// Not thread-safe. Only what changed is parsed again. A value that cannot be read is logged and
// counts as absent.
class ClusterView {
 public:
  // With `only`, tasks and positions of other captures are left out.
  explicit ClusterView(KeyPaths paths, std::optional<CaptureId> only = std::nullopt)
      : paths_(std::move(paths)), only_(std::move(only)) {}

  const KeyPaths& paths() const { return paths_; }
  const std::map<CaptureId, CaptureInfo>& captures() const { return captures_; }
  const std::map<ChangefeedId, ChangefeedView>& changefeeds() const { return changefeeds_; }

  void Apply(const EtcdState& state);  // its changed()
  // What the last Apply was about; changefeeds that are gone are among them. Those of which only a
  // checkpoint or position moved on are not in changed() but in moved().
  const std::set<ChangefeedId>& changed() const { return changed_; }
  const std::set<ChangefeedId>& moved() const { return moved_; }
  bool captures_changed() const { return captures_changed_; }

 private:
  void ApplyOne(const ParsedKey& key, const std::string* json);

  const KeyPaths paths_;
  const std::optional<CaptureId> only_;
  std::map<CaptureId, CaptureInfo> captures_;
  std::map<ChangefeedId, ChangefeedView> changefeeds_;
  std::set<ChangefeedId> changed_;
  std::set<ChangefeedId> moved_;
  bool captures_changed_ = false;
};

// The whole cluster as of one moment, for commands and requests.
struct ClusterSnapshot {
  ClusterView view;
  std::optional<CaptureId> owner;
};
Result<ClusterSnapshot> ReadCluster(EtcdClient& client, const KeyPaths& paths);

}  // namespace cdc
