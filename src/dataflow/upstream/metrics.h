// All series of the upstream.
#pragma once

#include <string>

#include "base/metrics.h"

namespace cdc {

// Of one store. Updated once per message, not per row.
struct StoreMetrics {
  StoreMetrics(MetricsRegistry& registry, const std::string& store)
      : streams(registry.Gauge("ticdc_kvclient_grpc_stream_count",
                               "Event feed streams open to the store.", {{"store", store}})),
        scanning(registry.Gauge("ticdc_kvclient_region_token",
                                "Regions of the store that are being scanned.",
                                {{"store", store}})),
        resolved_regions(registry.Histogram("ticdc_kvclient_batch_resolved_event_size",
                                            "Regions in one resolved ts message.",
                                            ExponentialBuckets(1, 4, 9), {{"store", store}})),
        rows{&Rows(registry, "UNKNOWN"),   &Rows(registry, "PREWRITE"),
             &Rows(registry, "COMMIT"),    &Rows(registry, "ROLLBACK"),
             &Rows(registry, "COMMITTED"), &Rows(registry, "INITIALIZED")} {}

  Gauge& streams;
  Gauge& scanning;
  Histogram& resolved_regions;
  Counter* rows[6];  // indexed by CdcRowType

 private:
  static Counter& Rows(MetricsRegistry& registry, const char* type) {
    return registry.Counter("ticdc_kvclient_pull_event_count", "Rows received from the stores.",
                            {{"type", type}});
  }
};

// Of the whole feed.
struct FeedMetrics {
  explicit FeedMetrics(MetricsRegistry& registry)
      : subscriptions(registry.Gauge("ticdc_kvclient_event_feed_count",
                                     "Spans that are followed: tables and the schema's keys.")),
        locate_seconds(registry.Histogram("ticdc_kvclient_scan_regions_duration_seconds",
                                          "Time to find the regions of a span.",
                                          ExponentialBuckets(0.001, 2, 15))) {}

  Gauge& subscriptions;
  Histogram& locate_seconds;
};

// The watchdog did something about a region that stood still.
inline void CountCure(MetricsRegistry& registry, const char* cure) {
  registry
      .Counter("ticdc_kvclient_region_cures_total",
               "What was tried with regions that make no progress.", {{"cure", cure}})
      .Add();
}

// One more region error of this kind.
inline void CountRegionError(MetricsRegistry& registry, const char* type) {
  registry
      .Counter("ticdc_kvclient_event_feed_error_count", "Region errors of the event feed.",
               {{"type", type}})
      .Add();
}

}  // namespace cdc
