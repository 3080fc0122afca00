// blackhole://: takes everything, writes nothing. For measuring what comes before a sink.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/metrics.h"
#include "dataflow/sink/sink.h"

namespace cdc {

// Owns nothing; thread-safe. Write acknowledges before it returns, on the caller's thread: there
// is no other. Rows and bytes are counted in ticdc_sink_total_rows_count and
// ticdc_sink_total_bytes_count.
class BlackholeSink final : public Sink {
 public:
  BlackholeSink(const ChangefeedId& changefeed, MetricsRegistry& metrics);

  void Write(std::shared_ptr<const RowBatch> batch, Done done) override;
  Status ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) override;
  Status Checkpoint(Ts ts) override;

  uint64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  // Refuses every parameter by name: there are none.
  static Status Validate(const Uri& uri);

 private:
  std::atomic<uint64_t> rows_{0};
  std::atomic<uint64_t> bytes_{0};
  Counter& rows_total_;
  Counter& bytes_total_;
};

}  // namespace cdc
