#include "control/capture/stall_watch.h"

#include <algorithm>

#include "base/metrics.h"

namespace cdc {
namespace {

constexpr Duration kStalledAfter = 30s;
constexpr Duration kWarnInterval = 60s;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void Show(const ChangefeedId& id, const char* kind, Duration since) {
  Metrics()
      .Gauge("ticdc_processor_stalled_seconds",
             "Seconds since the checkpoint or the resolved ts has moved here.",
             {{"changefeed", id}, {"type", kind}})
      .Set(since >= kStalledAfter ? Seconds(since) : 0);
}

}  // namespace

std::optional<Stall> StallWatch::Observe(const ChangefeedId& id, Ts checkpoint, Ts resolved,
                                         SteadyTime now) {
  Mark& mark = marks_.try_emplace(id, Mark{checkpoint, resolved, now, now, {}}).first->second;
  if (checkpoint != mark.checkpoint) mark.checkpoint_at = now;
  if (resolved != mark.resolved) mark.resolved_at = now;
  mark.checkpoint = checkpoint;
  mark.resolved = resolved;
  const Stall stall{now - mark.checkpoint_at, now - mark.resolved_at};
  Show(id, "checkpoint", stall.checkpoint);
  Show(id, "resolved", stall.resolved);
  if (std::max(stall.checkpoint, stall.resolved) < kStalledAfter) return std::nullopt;
  if (now - mark.warned_at < kWarnInterval) return std::nullopt;
  mark.warned_at = now;
  return stall;
}

void StallWatch::Forget(const ChangefeedId& id) {
  marks_.erase(id);
  Show(id, "checkpoint", {});
  Show(id, "resolved", {});
}

std::string DescribeStall(const ChangefeedId& id, const Stall& stall,
                          const std::vector<TableProgress>& tables) {
  std::string text =
      fmt::format("no progress, changefeed={} checkpoint_for={:.0f}s resolved_for={:.0f}s", id,
                  Seconds(stall.checkpoint), Seconds(stall.resolved));
  if (tables.empty()) return text + " tables=0";
  const auto slowest = std::ranges::min_element(tables, {}, &TableProgress::resolved);
  const bool sink =
      tables.front().resolved > tables.front().checkpoint && stall.resolved < stall.checkpoint;
  // What has come in and does not go out is up to the sink; else what does not come in.
  const TableProgress& table = sink ? tables.front() : *slowest;
  text += fmt::format(" table={} checkpoint={} resolved={} waiting_bytes={}", Raw(table.table),
                      table.checkpoint, table.resolved, table.sorter_bytes);
  if (sink) return text + " held_by=\"the sink, or a DDL\"";
  return text + fmt::format(" region={} store={} region_resolved={} held_by=\"{}\"",
                            Raw(table.feed.slowest_region), Raw(table.feed.slowest_store),
                            table.feed.slowest_resolved, table.feed.reason);
}

}  // namespace cdc
