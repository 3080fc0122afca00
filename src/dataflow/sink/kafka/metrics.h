// The Kafka sink's series. Names are those that TiCDC's dashboards and alerts use.
#pragma once

#include "base/metrics.h"
#include "model/ids.h"

namespace cdc {

struct KafkaSinkMetrics {
  KafkaSinkMetrics(MetricsRegistry& registry, const ChangefeedId& changefeed)
      : KafkaSinkMetrics(registry, Labels{{"changefeed", changefeed}}) {}

  Counter& total_rows;
  Counter& flushed_rows;
  Gauge& waiting_batches;
  Histogram& flush_seconds;
  Histogram& ddl_seconds;
  Counter& watermarks;
  Counter& errors;

 private:
  KafkaSinkMetrics(MetricsRegistry& registry, const Labels& labels)
      : total_rows(
            registry.Counter("ticdc_sink_total_rows_count", "Rows given to the sink.", labels)),
        flushed_rows(registry.Counter("ticdc_sink_total_flushed_rows_count",
                                      "Rows durable downstream.", labels)),
        waiting_batches(registry.Gauge("ticdc_sink_buffer_chan_size",
                                       "Batches that wait for room among the messages.", labels)),
        flush_seconds(registry.Histogram("ticdc_sink_flush_event_duration_seconds",
                                         "Time from a batch's arrival until it is durable.",
                                         ExponentialBuckets(0.002, 2, 20), labels)),
        ddl_seconds(registry.Histogram("ticdc_sink_ddl_exec_duration",
                                       "Time until a schema change's messages are durable.",
                                       ExponentialBuckets(0.01, 2, 18), labels)),
        watermarks(registry.Counter("ticdc_sink_mq_checkpoint_ts_message_count",
                                    "Watermarks sent to all partitions.", labels)),
        errors(registry.Counter("ticdc_sink_execution_error", "Deliveries that failed.", labels)) {}
};

}  // namespace cdc
