// mysql:// and tidb://: applies rows and schema changes to a MySQL-compatible database.
#pragma once

#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "dataflow/sink/mysql/ddl_executor.h"
#include "dataflow/sink/mysql/row_writer.h"
#include "dataflow/sink/mysql/write_queue.h"
#include "dataflow/sink/sink.h"

namespace cdc {

// Owns `worker_count` threads with a connection each, and one connection for schema changes.
// Threads and order: see Sink. `done` runs on a worker thread; on the closing thread for what the
// destructor drops.
//
// At least once: after a crash the same rows come again, and end in the same state. Rows met out of
// place (a duplicate key, an UPDATE or DELETE that matches no row) are written again as DELETE and
// REPLACE. Tables without a primary or unique NOT NULL key have nothing to recognise a row by: a
// replay may leave such a row twice.
class MySqlSink final : public Sink {
 public:
  // Connects, finds out what the server is and whether it takes the session settings. Errors:
  // kMySqlConnection, kMySqlQuery, kLoadTimezone.
  static Result<std::unique_ptr<Sink>> Open(MySqlSinkConfig config, const SinkContext& context,
                                            MetricsRegistry& metrics);
  ~MySqlSink() override;

  void Write(std::shared_ptr<const RowBatch> batch, Done done) override;
  Status ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) override;
  Status Checkpoint(Ts ts) override;

 private:
  MySqlSink(RowWriterContext context, const ChangefeedId& changefeed, MetricsRegistry& metrics);
  void RunWorker(RowWriter& writer, std::stop_token stop);

  MySqlSinkMetrics metrics_;
  RowWriterContext context_;
  WriteQueue queue_;
  DdlExecutor ddl_;
  std::vector<std::unique_ptr<RowWriter>> writers_;
  std::stop_source stop_;
  std::vector<std::jthread> workers_;
};

}  // namespace cdc
