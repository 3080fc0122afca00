// The MySQL sink's series. Names are those that TiCDC's dashboards and alerts use.
#pragma once

#include "base/metrics.h"
#include "model/ids.h"

namespace cdc {

struct MySqlSinkMetrics {
  MySqlSinkMetrics(MetricsRegistry& registry, const ChangefeedId& changefeed)
      : MySqlSinkMetrics(registry, Labels{{"changefeed", changefeed}}) {}

  Counter& total_rows;
  Counter& flushed_rows;
  Gauge& buffered_tasks;
  Histogram& txn_batch_rows;
  Histogram& txn_seconds;
  Histogram& ddl_seconds;
  Histogram& conflict_detect_seconds;
  Histogram& flush_seconds;
  Counter& execution_errors;
  Counter& safe_mode_retries;

 private:
  MySqlSinkMetrics(MetricsRegistry& registry, const Labels& labels)
      : total_rows(
            registry.Counter("ticdc_sink_total_rows_count", "Rows given to the sink.", labels)),
        flushed_rows(registry.Counter("ticdc_sink_total_flushed_rows_count",
                                      "Rows durable downstream.", labels)),
        buffered_tasks(registry.Gauge("ticdc_sink_buffer_chan_size",
                                      "Pieces of work that wait or run.", labels)),
        txn_batch_rows(registry.Histogram("ticdc_sink_txn_batch_size",
                                          "Rows of a downstream transaction.",
                                          ExponentialBuckets(1, 2, 18), labels)),
        txn_seconds(registry.Histogram("ticdc_sink_txn_exec_duration",
                                       "Time to run a downstream transaction.",
                                       ExponentialBuckets(0.002, 2, 18), labels)),
        ddl_seconds(registry.Histogram("ticdc_sink_ddl_exec_duration",
                                       "Time to run a schema change downstream.",
                                       ExponentialBuckets(0.01, 2, 18), labels)),
        conflict_detect_seconds(registry.Histogram("ticdc_sink_conflict_detect_duration",
                                                   "Time to order a batch among the others.",
                                                   ExponentialBuckets(0.001, 2, 20), labels)),
        flush_seconds(registry.Histogram("ticdc_sink_flush_event_duration_seconds",
                                         "Time from a row's arrival until it is durable.",
                                         ExponentialBuckets(0.002, 2, 20), labels)),
        execution_errors(registry.Counter("ticdc_sink_execution_error",
                                          "Statements that failed, retried ones included.",
                                          labels)),
        safe_mode_retries(registry.Counter("ticdc_sink_safe_mode_retries_total",
                                           "Transactions written again as DELETE and REPLACE, "
                                           "because the downstream was not in the "
                                           "state that they start from.",
                                           labels)) {}
};

}  // namespace cdc
