// Rows and schema changes into a MySQL-compatible server.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/uri.h"
#include "dataflow/sink/mysql/connection.h"
#include "dataflow/sink/mysql/ddl_executor.h"
#include "dataflow/sink/mysql/row_writer.h"
#include "edge/consumer/consumed_event.h"
#include "edge/consumer/row_sql.h"

namespace cdc {

// One connection, which is opened again when it was lost. What is applied twice ends up the same,
// except rows of tables without any key. Threads: one at a time.
// Errors: those of the MySQL sink.
class RowApplier {
 public:
  // `time_zone`: the zone that TIMESTAMP values of the messages are in. `goes_on`: a run before
  // this one may have applied what it did not take note of.
  static Result<std::unique_ptr<RowApplier>> Open(const Uri& uri, const std::string& time_zone,
                                                  bool goes_on, Clock& clock);

  // In order; returns when all of it is durable.
  Status Apply(std::span<const ConsumedEvent> events, std::stop_token stop);

  static constexpr size_t kTransactionRowsMax = 500;
  static constexpr size_t kTransactionBytesMax = size_t{1} << 20;
  static constexpr int kTriesMax = 8;

 private:
  RowApplier(RowWriterContext context);

  Status ApplyRows(std::span<const ConsumedEvent> rows, std::stop_token stop);
  Status ApplyTransaction(std::span<const ConsumedEvent> rows, std::stop_token stop);
  Status ApplyDdl(const ConsumedDdl& ddl, std::stop_token stop);
  Result<const DownstreamTable*> TableOf(const ConsumedRow& row);
  Status Connect();
  // Tries again what a lost connection or a busy server failed.
  template <typename Call>
  Status Persist(std::stop_token stop, const char* what, Call call);

  RowWriterContext context_;
  DdlExecutor ddl_;
  std::unique_ptr<Connection> connection_;
  std::map<std::pair<std::string, std::string>, DownstreamTable> tables_;  // until the next DDL
};

}  // namespace cdc
