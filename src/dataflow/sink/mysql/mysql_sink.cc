#include "dataflow/sink/mysql/mysql_sink.h"

#include "base/log.h"

namespace cdc {
namespace {

constexpr unsigned kUnknownTimeZone = 1298;

Status CheckSession(Connection& connection, const MySqlSinkConfig& config,
                    const Downstream& downstream) {
  const auto prepared = connection.Execute(RowSessionSql(config, downstream));
  if (prepared) return Status::Ok();
  if (prepared.error().code == kUnknownTimeZone)
    return Status(Code::kLoadTimezone,
                  "the downstream does not know the time zone '{}' (load its time zone tables, or "
                  "run the changefeed in UTC): {}",
                  ServerTimeZone(config.time_zone), prepared.error().ToString());
  return Status(Code::kMySqlQuery, "preparing a session: {}", prepared.error().ToString());
}

}  // namespace

Result<std::unique_ptr<Sink>> MySqlSink::Open(MySqlSinkConfig config, const SinkContext& context,
                                              MetricsRegistry& metrics) {
  auto connection = Connection::Open(ConnectOptionsOf(config));
  if (!connection)
    return Error(Code::kMySqlConnection, "connecting to {}:{} as {}: {}", config.host, config.port,
                 config.user, connection.error().ToString());
  ASSIGN_OR_RETURN(Downstream downstream, ProbeDownstream(**connection));
  RETURN_UNEXPECTED_IF_ERROR(CheckSession(**connection, config, downstream));
  LogInfo("sink opened, changefeed={} downstream={}:{} version={} workers={}", context.changefeed,
          config.host, config.port, downstream.version, config.worker_count);
  RowWriterContext shared{.config = std::move(config),
                          .downstream = std::move(downstream),
                          .replayed_until = context.replay_until,
                          .clock = context.clock,
                          .may_write = context.may_write};
  return std::unique_ptr<Sink>(new MySqlSink(std::move(shared), context.changefeed, metrics));
}

MySqlSink::MySqlSink(RowWriterContext context, const ChangefeedId& changefeed,
                     MetricsRegistry& metrics)
    : metrics_(metrics, changefeed),
      context_(std::move(context)),
      queue_({.rows_max = static_cast<size_t>(context_.config.max_txn_row),
              .whole_transactions = context_.config.whole_transactions,
              .workers = context_.config.worker_count},
             *context_.clock, metrics_),
      ddl_(context_, changefeed) {
  context_.metrics = &metrics_;
  for (int i = 0; i < context_.config.worker_count; ++i)
    writers_.push_back(std::make_unique<RowWriter>(context_));
  for (const std::unique_ptr<RowWriter>& writer : writers_)
    workers_.emplace_back([this, &writer] { RunWorker(*writer, stop_.get_token()); });
}

MySqlSink::~MySqlSink() {
  stop_.request_stop();
  for (const std::unique_ptr<RowWriter>& writer : writers_) writer->Abort();
  workers_.clear();
}

void MySqlSink::RunWorker(RowWriter& writer, std::stop_token stop) {
  while (true) {
    const std::vector<WriteTask*> tasks = queue_.Take(stop);
    if (tasks.empty()) return;
    queue_.Finish(tasks, writer.Write(tasks, stop));
  }
}

void MySqlSink::Write(std::shared_ptr<const RowBatch> batch, Done done) {
  queue_.Add(std::move(batch), std::move(done));
}

Status MySqlSink::ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) {
  const SteadyTime start = context_.clock->Now();
  Status status = ddl_.Execute(ddl, stop);
  metrics_.ddl_seconds.Observe(
      std::chrono::duration<double>(context_.clock->Now() - start).count());
  if (!status.ok()) metrics_.execution_errors.Add();
  return status;
}

Status MySqlSink::Checkpoint(Ts) { return Status::Ok(); }  // rows carry their own progress

}  // namespace cdc
