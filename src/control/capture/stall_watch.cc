#include "control/capture/stall_watch.h"

#include <algorithm>

#include "base/metrics.h"

namespace cdc {
namespace {

constexpr Duration kStalledAfter = 30s;
constexpr Duration kWarnInterval = 60s;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Gauge& GaugeOf(const ChangefeedId& id, const char* kind) {
  return Metrics().Gauge("ticdc_processor_stalled_seconds",
                         "Seconds since the checkpoint or the resolved ts has moved here.",
                         {{"changefeed", id}, {"type", kind}});
}

void Show(Gauge& gauge, Duration since) { gauge.Set(since >= kStalledAfter ? Seconds(since) : 0); }

}  // namespace

std::optional<Stall> StallWatch::Observe(const ChangefeedId& id, Ts checkpoint, Ts resolved,
                                         SteadyTime now) {
  auto found = marks_.find(id);
  if (found == marks_.end())
    found = marks_
                .emplace(id, Mark{.checkpoint = checkpoint,
                                  .resolved = resolved,
                                  .checkpoint_at = now,
                                  .resolved_at = now,
                                  .warned_at = {},
                                  .checkpoint_gauge = &GaugeOf(id, "checkpoint"),
                                  .resolved_gauge = &GaugeOf(id, "resolved")})
                .first;
  Mark& mark = found->second;
  if (checkpoint != mark.checkpoint) mark.checkpoint_at = now;
  if (resolved != mark.resolved) mark.resolved_at = now;
  mark.checkpoint = checkpoint;
  mark.resolved = resolved;
  const Stall stall{now - mark.checkpoint_at, now - mark.resolved_at};
  Show(*mark.checkpoint_gauge, stall.checkpoint);
  Show(*mark.resolved_gauge, stall.resolved);
  if (std::max(stall.checkpoint, stall.resolved) < kStalledAfter) return std::nullopt;
  if (now - mark.warned_at < kWarnInterval) return std::nullopt;
  mark.warned_at = now;
  return stall;
}

void StallWatch::Forget(const ChangefeedId& id) {
  const auto node = marks_.extract(id);
  if (!node) return;
  Show(*node.mapped().checkpoint_gauge, {});
  Show(*node.mapped().resolved_gauge, {});
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
