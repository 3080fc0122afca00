#include "dataflow/sink/blackhole/blackhole_sink.h"

#include "base/log.h"

namespace cdc {

BlackholeSink::BlackholeSink(const ChangefeedId& changefeed, MetricsRegistry& metrics)
    : rows_total_(metrics.Counter("ticdc_sink_total_rows_count", "Rows given to the sink.",
                                  {{"changefeed", changefeed}})),
      bytes_total_(metrics.Counter("ticdc_sink_total_bytes_count",
                                   "Bytes of the rows given to the sink.",
                                   {{"changefeed", changefeed}})) {}

void BlackholeSink::Write(std::shared_ptr<const RowBatch> batch, Done done) {
  rows_.fetch_add(batch->rows.size(), std::memory_order_relaxed);
  bytes_.fetch_add(batch->bytes, std::memory_order_relaxed);
  rows_total_.Add(static_cast<double>(batch->rows.size()));
  bytes_total_.Add(static_cast<double>(batch->bytes));
  batch.reset();
  done(Status::Ok());
}

Status BlackholeSink::ExecuteDdl(const DdlEvent& ddl, std::stop_token) {
  LogDebug("ddl swallowed, commit_ts={} query={}", ddl.commit_ts, ddl.query);
  return Status::Ok();
}

Status BlackholeSink::Checkpoint(Ts) { return Status::Ok(); }

Status BlackholeSink::Validate(const Uri& uri) {
  if (!uri.params.empty())
    return Status(Code::kSinkUri, "unknown parameter '{}' for a blackhole sink",
                  uri.params.begin()->first);
  return Status::Ok();
}

}  // namespace cdc
