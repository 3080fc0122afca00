// The series of a changefeed's dataflow, updated once per batch.
#pragma once

#include "base/metrics.h"
#include "model/ids.h"

namespace cdc {

struct DataflowMetrics {
  DataflowMetrics(MetricsRegistry& registry, const ChangefeedId& changefeed)
      : collected(registry.Counter("ticdc_puller_txn_collect_event_count",
                                   "Changes received and given to the sorters.",
                                   {{"changefeed", changefeed}, {"type", "kv"}})),
        consumed(registry.Counter("ticdc_sorter_consume_count",
                                  "Changes read from the sorters, in commit order.",
                                  {{"changefeed", changefeed}, {"type", "kv"}})),
        mount_seconds(registry.Histogram(
            "ticdc_mounter_unmarshal_and_mount", "Time to make rows of a batch of changes.",
            ExponentialBuckets(0.001, 2, 15), {{"changefeed", changefeed}})) {}

  Counter& collected;
  Counter& consumed;
  Histogram& mount_seconds;
};

}  // namespace cdc
