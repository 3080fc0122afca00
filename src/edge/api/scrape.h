// What /metrics answers: the registry's series, and those that are only worth computing when
// somebody looks.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "base/metrics.h"
#include "control/capture/capture.h"

namespace cdc {

// Thread-safe. `capture` and `metrics` outlive it.
class Scrape {
 public:
  Scrape(Capture& capture, MetricsRegistry& metrics) : capture_(capture), metrics_(metrics) {}

  // All series in Prometheus' text format.
  std::string Text();

 private:
  void UpdateProcess();
  void UpdateProcessors();

  Capture& capture_;
  MetricsRegistry& metrics_;
  std::mutex mutex_;              // guards the one below
  std::set<ChangefeedId> shown_;  // whose series must go to zero when they end here
};

}  // namespace cdc
