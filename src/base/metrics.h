// Metrics: prometheus-cpp behind a few calls. Each module declares its series in one struct
// (`metrics.h` of the module).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cdc {

using Labels = std::map<std::string, std::string>;

// Thread-safe; lock-free to update.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount = 1) = 0;
  virtual double Value() const = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double amount) = 0;
  virtual double Value() const = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// Owns all series; the same name and labels give the same series. Thread-safe. References live as
// long as the registry.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  cdc::Counter& Counter(const std::string& name, const std::string& help,
                        const Labels& labels = {});
  cdc::Gauge& Gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  cdc::Histogram& Histogram(const std::string& name, const std::string& help,
                            const std::vector<double>& buckets, const Labels& labels = {});
  // The text exposition format that Prometheus scrapes.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// 1 ms … 2^count ms, in seconds.
std::vector<double> ExponentialBuckets(double start, double factor, int count);

// The process's registry.
MetricsRegistry& Metrics();

}  // namespace cdc
