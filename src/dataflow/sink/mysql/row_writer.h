// Writes rows over one connection: builds a transaction, runs it, and does it again until it holds.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "dataflow/sink/mysql/metrics.h"
#include "dataflow/sink/mysql/mysql_sink_config.h"
#include "dataflow/sink/mysql/server_error.h"
#include "dataflow/sink/mysql/session.h"
#include "dataflow/sink/mysql/statement_builder.h"
#include "dataflow/sink/mysql/write_queue.h"

namespace cdc {

// What all writers of a sink share; outlives them.
struct RowWriterContext {
  MySqlSinkConfig config;
  Downstream downstream;
  // Rows up to here may be downstream already, from a run before this one.
  Ts replayed_until;
  Clock* clock = nullptr;
  MySqlSinkMetrics* metrics = nullptr;
  std::function<bool()> may_write;
};

// Threads: Write from one; Abort from any. The connection is opened when it is first needed, and
// again after it was lost.
class RowWriter {
 public:
  explicit RowWriter(const RowWriterContext& context);

  // Returns when the rows are durable, or will not be: after kTriesMax failures that could have
  // passed, at once after others (kMySqlTxn, kMySqlConnection, kMySqlDuplicateEntry), when nothing
  // may be written any more (kLeaseExpired), or stopped (kStopped).
  Status Write(const std::vector<WriteTask*>& tasks, std::stop_token stop);
  // Breaks the connection, so that a Write that waits for the server comes back.
  void Abort();

  static constexpr int kTriesMax = 8;

 private:
  // Why a transaction must be run again, or not.
  struct Failure {
    enum class Kind { kRowCount, kServer, kFenced } kind = Kind::kServer;
    ServerError error;
    std::string statement;  // without its values
    const TableInfo* table = nullptr;
  };
  template <typename T>
  using Outcome = std::expected<T, Failure>;

  Outcome<void> Connect();
  Outcome<void> Run(const TransactionSql& transaction);
  Outcome<void> Send(const TransactionSql& transaction, size_t begin, size_t end);
  size_t PacketEnd(const TransactionSql& transaction, size_t begin, size_t end) const;
  void Disconnect();
  void RollBack(const ServerError& error);
  // The mode to go on with, or the error to end with.
  Result<StatementBuilder::Mode> React(const Failure& failure, StatementBuilder::Mode mode);
  // What fail points ask for.
  Status InjectedFault(std::stop_token stop);
  static Failure InjectedLoss();
  static Status ToStatus(const Failure& failure);

  const RowWriterContext& context_;
  StatementBuilder builder_;
  std::vector<const RowChange*> rows_;
  std::vector<uint64_t> affected_;

  std::mutex mutex_;  // guards the pointer, for Abort; the connection is the writing thread's
  std::unique_ptr<Connection> connection_;
  SteadyTime used_at_;  // the writing thread's: when the server last heard of us, or before
};

// `sql` with every value replaced by '?', cut to a length that suits a log line.
std::string RedactSql(std::string_view sql);

}  // namespace cdc
