// The owner's series of one changefeed.
#pragma once

#include <map>
#include <string>

#include "base/metrics.h"
#include "control/etcd/cluster_view.h"
#include "control/owner/feed_state.h"

namespace cdc {

// Looked up once: a cluster has many changefeeds, which are shown every second. Not thread-safe.
class OwnerFeedMetrics {
 public:
  OwnerFeedMetrics(MetricsRegistry& registry, const ChangefeedId& changefeed)
      : registry_(registry),
        changefeed_(changefeed),
        status_(Gauge("ticdc_owner_status", "State of the changefeed.")),
        checkpoint_(Gauge("ticdc_owner_checkpoint_ts", "Checkpoint of the changefeed, Unix ms.")),
        checkpoint_lag_(
            Gauge("ticdc_owner_checkpoint_ts_lag", "Seconds that the checkpoint is behind.")),
        resolved_(Gauge("ticdc_owner_resolved_ts", "Resolved ts of the changefeed, Unix ms.")),
        resolved_lag_(
            Gauge("ticdc_owner_resolved_ts_lag", "Seconds that the resolved ts is behind.")) {}

  void Show(const ChangefeedView& view, FeedState state, int64_t now_ms) {
    status_.Set(FeedStateNumber(state));
    if (!view.status) return;
    const auto ms = [](Ts ts) { return static_cast<double>(ts.unix_ms()); };
    const auto lag = [&](Ts ts) { return (static_cast<double>(now_ms) - ms(ts)) / 1000; };
    checkpoint_.Set(ms(view.status->checkpoint_ts));
    checkpoint_lag_.Set(lag(view.status->checkpoint_ts));
    resolved_.Set(ms(view.status->resolved_ts));
    resolved_lag_.Set(lag(view.status->resolved_ts));
    for (const auto& [capture, task] : view.tasks) tables_.try_emplace(capture);
    for (auto& [capture, tables] : tables_) {
      const auto task = view.tasks.find(capture);
      if (tables == nullptr)
        tables = &registry_.Gauge(
            "ticdc_owner_maintain_table_num", "Tables that a capture has been given.",
            {{"changefeed", changefeed_}, {"capture", capture}, {"type", "total"}});
      tables->Set(task == view.tasks.end() ? 0 : static_cast<double>(task->second.tables.size()));
    }
  }

 private:
  cdc::Gauge& Gauge(const char* name, const char* help) {
    return registry_.Gauge(name, help, {{"changefeed", changefeed_}});
  }

  MetricsRegistry& registry_;
  const ChangefeedId changefeed_;
  cdc::Gauge& status_;
  cdc::Gauge& checkpoint_;
  cdc::Gauge& checkpoint_lag_;
  cdc::Gauge& resolved_;
  cdc::Gauge& resolved_lag_;
  std::map<CaptureId, cdc::Gauge*> tables_;
};

}  // namespace cdc
