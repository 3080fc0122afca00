// etcd's state as objects.
#pragma once

#include <map>
#include <optional>

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
  explicit ClusterView(KeyPaths paths) : paths_(std::move(paths)) {}

  const KeyPaths& paths() const { return paths_; }
  const std::map<CaptureId, CaptureInfo>& captures() const { return captures_; }
  const std::map<ChangefeedId, ChangefeedView>& changefeeds() const { return changefeeds_; }

  void Apply(const EtcdState& state);  // its changed()

 private:
  void ApplyOne(const ParsedKey& key, const std::string* json);

  const KeyPaths paths_;
  std::map<CaptureId, CaptureInfo> captures_;
  std::map<ChangefeedId, ChangefeedView> changefeeds_;
};

// The whole cluster as of one moment, for commands and requests.
struct ClusterSnapshot {
  ClusterView view;
  std::optional<CaptureId> owner;
};
Result<ClusterSnapshot> ReadCluster(EtcdClient& client, const KeyPaths& paths);

}  // namespace cdc
