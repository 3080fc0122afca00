#include "dataflow/sink/mysql/ddl_executor.h"

#include <fmt/format.h>

#include "base/backoff.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "dataflow/sink/mysql/server_error.h"
#include "dataflow/sink/mysql/sql_writer.h"

namespace cdc {
namespace {

constexpr unsigned kUnknownTimeZone = 1298;

}  // namespace

DdlExecutor::DdlExecutor(const RowWriterContext& context, ChangefeedId changefeed)
    : context_(context), changefeed_(changefeed), journal_(std::move(changefeed)) {}

Status DdlExecutor::Execute(const DdlEvent& ddl, std::stop_token stop) {
  ASSIGN_OR_RETURN_STATUS(const DdlPlan plan, PlanDdl(ddl, context_.downstream, context_.config));
  for (const std::string& part : plan.left_out)
    LogWarn("the downstream can't hold it and goes without, changefeed={} commit_ts={} part={}",
            changefeed_, ddl.commit_ts, part);
  if (!plan.skip_reason.empty()) {
    LogInfo("ddl skipped, changefeed={} commit_ts={} reason={} query={}", changefeed_,
            ddl.commit_ts, plan.skip_reason, ddl.query);
    return Status::Ok();
  }
  Status status = RunPlan(ddl, plan, stop);
  if (status.ok())
    LogInfo("ddl executed, changefeed={} commit_ts={} query={}", changefeed_, ddl.commit_ts,
            ddl.query);
  return status;
}

Status DdlExecutor::RunPlan(const DdlEvent& ddl, const DdlPlan& plan, std::stop_token stop) {
  Backoff backoff({.first = 10ms, .max = 20s, .factor = 3.0});
  while (true) {
    if (stop.stop_requested()) return Status(Code::kStopped, "the ddl was stopped");
    const Status fenced(Code::kLeaseExpired, "this node may not write any more");
    if (!context_.may_write()) return fenced;
    if (FailPoint("MySQLSinkExecDDLDelay"))
      (void)context_.clock->SleepFor(std::chrono::hours(1), stop);
    const bool may_have_run = backoff.tries() > 0 || ddl.commit_ts <= context_.replayed_until;
    const auto done = TryOnce(ddl, plan, may_have_run, stop);
    if (done) return Status::Ok();
    if (stop.stop_requested()) return Status(Code::kStopped, "the ddl was stopped");
    if (!context_.may_write()) return fenced;
    const ErrorKind kind = ClassifyError(done.error());
    const Duration delay = backoff.Next();
    if ((kind != ErrorKind::kConnectionLost && kind != ErrorKind::kRetryable) ||
        backoff.tries() >= kTriesMax)
      return Status(Code::kExecDdl, "{}; query: {}", done.error().ToString(), ddl.query);
    LogWarn("ddl failed and is tried again, changefeed={} try={} error={} query={}", changefeed_,
            backoff.tries(), done.error().ToString(), ddl.query);
    if (!context_.clock->SleepFor(delay, stop))
      return Status(Code::kStopped, "the ddl was stopped");
  }
}

DdlExecutor::Outcome<void> DdlExecutor::TryOnce(const DdlEvent& ddl, const DdlPlan& plan,
                                                bool may_have_run, std::stop_token stop) {
  ConnectOptions options = ConnectOptionsOf(context_.config);
  options.read_timeout = {};
  auto opened = Connection::Open(options);
  if (!opened) return std::unexpected(opened.error());
  Connection& connection = **opened;
  const std::stop_callback abort(stop, [&connection] { connection.Abort(); });
  if (auto prepared = PrepareSession(connection, plan); !prepared) return prepared;
  if (auto may = CheckMayWrite(); !may) return may;  // a journal may be written
  const auto happened = HasHappened(connection, ddl, plan, may_have_run);
  if (!happened) return std::unexpected(happened.error());
  if (*happened) {
    LogInfo("ddl had been executed before, changefeed={} commit_ts={} query={}", changefeed_,
            ddl.commit_ts, ddl.query);
    return {};
  }
  const uint64_t id = connection.server_thread_id();
  for (const std::string& statement : plan.statements) {
    if (auto done = RunStatement(connection, ddl, plan, statement); !done) {
      // The server goes on with a statement whose client has left.
      if (stop.stop_requested()) Kill(id);
      return done;
    }
  }
  return {};
}

// As late as can be: the server ends a session in which it hears nothing for kWriteWithin.
DdlExecutor::Outcome<void> DdlExecutor::CheckMayWrite() const {
  if (context_.may_write()) return {};
  return std::unexpected(ServerError{.message = "this node may not write any more"});
}

DdlExecutor::Outcome<bool> DdlExecutor::HasHappened(Connection& connection, const DdlEvent& ddl,
                                                    const DdlPlan& plan, bool may_have_run) {
  if (!plan.done_check.empty()) {
    const auto rows = connection.Query(plan.done_check);
    if (!rows) return std::unexpected(rows.error());
    return !rows->empty();
  }
  if (plan.identity.empty()) return false;
  return journal_.HasHappened(connection, ddl.commit_ts, plan.identity, may_have_run);
}

DdlExecutor::Outcome<void> DdlExecutor::RunStatement(Connection& connection, const DdlEvent& ddl,
                                                     const DdlPlan& plan,
                                                     const std::string& statement) {
  if (auto may = CheckMayWrite(); !may) return may;
  auto done = connection.Execute(statement);
  if (done) return done;
  if (IsDdlAlreadyDone(done.error(), ddl.type)) {
    LogInfo("ddl is in effect already, changefeed={} commit_ts={} answer={} query={}", changefeed_,
            ddl.commit_ts, done.error().ToString(), ddl.query);
    return {};
  }
  if (!plan.fallback.empty() && ClassifyError(done.error()) == ErrorKind::kFatal) {
    LogInfo("ddl is run in another form, changefeed={} commit_ts={} answer={} query={}",
            changefeed_, ddl.commit_ts, done.error().ToString(), plan.fallback);
    if (auto may = CheckMayWrite(); !may) return may;
    return connection.Execute(plan.fallback);
  }
  return done;
}

DdlExecutor::Outcome<void> DdlExecutor::PrepareSession(Connection& connection,
                                                       const DdlPlan& plan) {
  if (auto set = connection.Execute(DdlSessionSql(context_.config, context_.downstream)); !set)
    return set;
  if (!plan.use_schema.empty())
    if (auto set = connection.Execute("USE " + QuoteIdentifier(plan.use_schema)); !set) return set;
  if (!plan.time_zone.empty()) {
    const auto set = connection.Execute("SET SESSION time_zone=" + QuoteText(plan.time_zone));
    if (!set && set.error().code != kUnknownTimeZone) return set;
    if (!set)
      LogWarn(
          "the downstream does not know a ddl's time zone; the changefeed's is used, "
          "changefeed={} time_zone={}",
          changefeed_, plan.time_zone);
  }
  if (!plan.timestamp.empty())
    if (auto set = connection.Execute("SET SESSION timestamp=" + plan.timestamp); !set) return set;
  return connection.Execute("SET SESSION sql_mode=" + QuoteText(plan.sql_mode));
}

void DdlExecutor::Kill(uint64_t server_thread_id) {
  ConnectOptions options = ConnectOptionsOf(context_.config);
  options.connect_timeout = options.read_timeout = options.write_timeout = 5s;
  const auto opened = Connection::Open(options);
  if (!opened) return;
  const char* statement = context_.downstream.is_tidb() ? "KILL TIDB QUERY {}" : "KILL QUERY {}";
  (void)(*opened)->Execute(fmt::format(fmt::runtime(statement), server_thread_id));
}

}  // namespace cdc
