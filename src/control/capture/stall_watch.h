// Notices when a changefeed stands still on this node.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "control/processor/processor.h"

namespace cdc {

// For how long checkpoint and resolved ts have not moved.
struct Stall {
  Duration checkpoint{};
  Duration resolved{};
};

// Not thread-safe.
class StallWatch {
 public:
  // What a changefeed has reached now. Returns the stall when it is time to warn of it: after half
  // a minute without progress of either, and every minute from then on.
  std::optional<Stall> Observe(const ChangefeedId& id, Ts checkpoint, Ts resolved, SteadyTime now);
  void Forget(const ChangefeedId& id);

 private:
  struct Mark {
    Ts checkpoint;
    Ts resolved;
    SteadyTime checkpoint_at;
    SteadyTime resolved_at;
    SteadyTime warned_at;
    Gauge* checkpoint_gauge;
    Gauge* resolved_gauge;
  };
  std::map<ChangefeedId, Mark> marks_;
};

// One line: what holds the changefeed back, by table, region, store and lock. `tables`: slowest
// first.
std::string DescribeStall(const ChangefeedId& id, const Stall& stall,
                          const std::vector<TableProgress>& tables);

}  // namespace cdc
