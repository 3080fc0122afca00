// All series of what is spilled to disk.
#pragma once

#include "base/metrics.h"

namespace cdc {

struct SpillMetrics {
  explicit SpillMetrics(MetricsRegistry& registry)
      : disk_bytes(registry.Gauge("ticdc_sorter_on_disk_data_size_gauge",
                                  "Bytes of the files that changes are spilled to.")),
        written_bytes(registry.Counter("ticdc_sorter_spilled_bytes_total",
                                       "Bytes of keys and values written to disk.")),
        files(registry.Counter("ticdc_sorter_spilled_files_total",
                               "Files that changes were spilled to.")) {}

  Gauge& disk_bytes;
  Counter& written_bytes;
  Counter& files;
};

}  // namespace cdc
