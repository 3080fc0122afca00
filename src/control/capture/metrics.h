// The series of one changefeed on this node.
#pragma once

#include <string>

#include "base/metrics.h"
#include "control/processor/processor.h"

namespace cdc {

// Looked up once, shown every second.
class ProcessorMetrics {
 public:
  ProcessorMetrics(MetricsRegistry& registry, const ChangefeedId& changefeed,
                   const std::string& capture)
      : ProcessorMetrics(registry, Labels{{"changefeed", changefeed}, {"capture", capture}}) {}

  void Show(const ProcessorPosition& position, int64_t now_ms) {
    const auto ms = [](Ts ts) { return static_cast<double>(ts.unix_ms()); };
    const auto lag = [&](Ts ts) { return (static_cast<double>(now_ms) - ms(ts)) / 1000; };
    checkpoint_.Set(ms(position.checkpoint));
    checkpoint_lag_.Set(lag(position.checkpoint));
    resolved_.Set(ms(position.resolved));
    resolved_lag_.Set(lag(position.resolved));
  }
  void CountError() { errors_.Add(); }

 private:
  ProcessorMetrics(MetricsRegistry& registry, const Labels& labels)
      : checkpoint_(registry.Gauge("ticdc_processor_checkpoint_ts",
                                   "Checkpoint of the processor, Unix ms.", labels)),
        checkpoint_lag_(registry.Gauge("ticdc_processor_checkpoint_ts_lag",
                                       "Seconds that the checkpoint is behind.", labels)),
        resolved_(registry.Gauge("ticdc_processor_resolved_ts",
                                 "Resolved ts of the processor, Unix ms.", labels)),
        resolved_lag_(registry.Gauge("ticdc_processor_resolved_ts_lag",
                                     "Seconds that the resolved ts is behind.", labels)),
        errors_(registry.Counter("ticdc_processor_exit_with_error_count",
                                 "Processors that ended with an error.", labels)) {}

  Gauge& checkpoint_;
  Gauge& checkpoint_lag_;
  Gauge& resolved_;
  Gauge& resolved_lag_;
  Counter& errors_;
};

}  // namespace cdc
