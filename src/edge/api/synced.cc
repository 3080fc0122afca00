#include "edge/api/synced.h"

namespace cdc {
namespace {

constexpr uint64_t kQuietMs = 300'000;      // synced-status.synced-check-interval
constexpr uint64_t kCheckpointMs = 15'000;  // synced-status.checkpoint-interval

uint64_t MsSince(Ts then, Ts now) {
  return now.unix_ms() - std::min(then.unix_ms(), now.unix_ms());
}

}  // namespace

Ts SyncedWatch::LastSynced(const ChangefeedId& id, uint64_t rows, Ts now) {
  std::lock_guard lock(mutex_);
  const auto [seen, first] = seen_.try_emplace(id, Seen{.rows = rows, .since = now});
  if (seen->second.rows != rows) seen->second = {.rows = rows, .since = now};
  return seen->second.since;
}

OrderedJson SyncedView(Ts checkpoint, Ts resolved, Ts last_synced, Ts now) {
  const bool quiet = MsSince(last_synced, now) > kQuietMs;
  const bool fresh = MsSince(checkpoint, now) < kCheckpointMs;
  const char* info = "The data syncing is not finished, please wait";
  if (quiet && fresh)
    info = "Data syncing is finished";
  else if (quiet && MsSince(checkpoint, resolved) < kCheckpointMs)
    info =
        "Nothing is left of what was received, but the upstream sends no newer resolved ts. If PD "
        "or TiKV are down, data syncing is finished";
  return {{"synced", quiet && fresh},
          {"sink_checkpoint_ts", FormatTsTime(checkpoint)},
          {"puller_resolved_ts", FormatTsTime(resolved)},
          {"last_synced_ts", FormatTsTime(last_synced)},
          {"now_ts", FormatTsTime(now)},
          {"info", info}};
}

}  // namespace cdc
