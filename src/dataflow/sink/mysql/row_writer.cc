#include "dataflow/sink/mysql/row_writer.h"

#include <algorithm>
#include <cctype>

#include "base/backoff.h"
#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "dataflow/sink/sink.h"

namespace cdc {
namespace {

constexpr size_t kRedactedMax = 256;
// A connection that is being opened can't be aborted: this bounds what closing the sink waits for.
constexpr std::chrono::milliseconds kConnectMax = 10s;
// The server ends a session after kWriteWithin of silence; it is not used for long before.
constexpr Duration kIdleMax = Duration(kWriteWithin) / 2;
constexpr size_t kPacketSlack = 1024;  // below max_allowed_packet, for the packet's own header
constexpr size_t kPacketGoal = 4 << 20;

StatementBuilder::Options BuilderOptions(const RowWriterContext& context) {
  return {
      .batch = context.config.batch_dml,
      .multi_update_rows_max = static_cast<size_t>(context.config.max_multi_update_row),
      .multi_update_row_bytes_max = static_cast<size_t>(context.config.max_multi_update_row_size),
      .statement_bytes_max =
          std::clamp<size_t>(context.downstream.packet_bytes_max / 4, 1 << 10, 1 << 20),
      .server = context.downstream.kind};
}

bool IsWordChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
}

}  // namespace

std::string RedactSql(std::string_view sql) {
  std::string out;
  for (size_t i = 0; i < sql.size() && out.size() < kRedactedMax;) {
    const char c = sql[i];
    if (c == '`') {
      const size_t close = std::min(sql.find('`', i + 1), sql.size() - 1);
      out.append(sql, i, close - i + 1);
      i = close + 1;
    } else if (c == '\'') {
      for (++i; i < sql.size() && sql[i] != '\''; ++i)
        if (sql[i] == '\\') ++i;
      ++i;
      out.push_back('?');
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      while (i < sql.size() && (IsWordChar(sql[i]) || (sql[i] == '-' && sql[i - 1] == 'e'))) ++i;
      out.push_back('?');
    } else if (IsWordChar(c)) {
      const size_t begin = i;
      while (i < sql.size() && IsWordChar(sql[i])) ++i;
      if (sql.substr(begin, i - begin) != "x") out.append(sql, begin, i - begin);
    } else {
      out.push_back(c);
      ++i;
    }
  }
  if (out.size() >= kRedactedMax) out += "…";
  return out;
}

RowWriter::RowWriter(const RowWriterContext& context)
    : context_(context), builder_(BuilderOptions(context)) {}

void RowWriter::Abort() {
  std::lock_guard lock(mutex_);
  if (connection_ != nullptr) connection_->Abort();
}

void RowWriter::Disconnect() {
  std::unique_ptr<Connection> old;
  std::lock_guard lock(mutex_);
  old.swap(connection_);
}

RowWriter::Outcome<void> RowWriter::Connect() {
  if (connection_ != nullptr && context_.clock->Now() - used_at_ > kIdleMax) Disconnect();
  if (connection_ != nullptr) return {};
  ConnectOptions options = ConnectOptionsOf(context_.config);
  options.connect_timeout = std::min(options.connect_timeout, kConnectMax);
  auto opened = Connection::Open(options);
  if (!opened) return std::unexpected(Failure{.error = opened.error(), .statement = "connect"});
  const std::string session = RowSessionSql(context_.config, context_.downstream);
  if (auto prepared = (*opened)->Execute(session); !prepared)
    return std::unexpected(Failure{.error = prepared.error(), .statement = session});
  used_at_ = context_.clock->Now();
  std::lock_guard lock(mutex_);
  connection_ = *std::move(opened);
  return {};
}

size_t RowWriter::PacketEnd(const TransactionSql& transaction, size_t begin, size_t end) const {
  if (!context_.config.multi_statement) return begin + 1;
  const std::vector<Statement>& statements = transaction.statements;
  const size_t bytes_max =
      std::min(kPacketGoal, context_.downstream.packet_bytes_max - kPacketSlack);
  size_t i = begin + 1;
  while (i < end && statements[i].begin == statements[i - 1].end + 1 &&
         statements[i].end - statements[begin].begin <= bytes_max)
    ++i;
  return i;
}

RowWriter::Outcome<void> RowWriter::Send(const TransactionSql& transaction, size_t begin,
                                         size_t end) {
  const std::vector<Statement>& statements = transaction.statements;
  const std::string_view text = *transaction.text;
  const auto sql = [&](const Statement& s) { return text.substr(s.begin, s.end - s.begin); };
  bool counts_match = true;
  Failure mismatch{.kind = Failure::Kind::kRowCount};
  while (begin < end) {
    const size_t packet_end = PacketEnd(transaction, begin, end);
    const Statement& first = statements[begin];
    const size_t bytes = statements[packet_end - 1].end - first.begin;
    if (bytes > context_.downstream.packet_bytes_max - kPacketSlack)
      return std::unexpected(
          Failure{.error = {1153, "08S01",
                            fmt::format("a statement of {} bytes, but max_allowed_packet is {}",
                                        bytes, context_.downstream.packet_bytes_max)},
                  .statement = RedactSql(sql(first)),
                  .table = first.table});
    // Between this and the packet's arrival the server hears nothing of us: if that lasts too long,
    // the session ends and with it the transaction.
    if (!context_.may_write()) return std::unexpected(Failure{.kind = Failure::Kind::kFenced});
    auto done = connection_->Execute(text.substr(first.begin, bytes), &affected_);
    used_at_ = context_.clock->Now();
    if (!done) {
      const Statement& failed =
          statements[std::min(begin + done.error().statement, packet_end - 1)];
      return std::unexpected(Failure{
          .error = done.error(), .statement = RedactSql(sql(failed)), .table = failed.table});
    }
    for (size_t i = begin; i < packet_end && i - begin < affected_.size() && counts_match; ++i) {
      const int64_t expected = statements[i].rows_expected;
      const auto found = static_cast<int64_t>(affected_[i - begin]);
      if (expected == Statement::kAnyCount || expected == found) continue;
      counts_match = false;
      mismatch.error.message = fmt::format("{} rows matched of {}", found, expected);
      mismatch.statement = RedactSql(sql(statements[i]));
      mismatch.table = statements[i].table;
    }
    begin = packet_end;
  }
  if (!counts_match) return std::unexpected(std::move(mismatch));
  return {};
}

RowWriter::Outcome<void> RowWriter::Run(const TransactionSql& transaction) {
  if (auto connected = Connect(); !connected) return connected;
  const size_t count = transaction.statements.size();
  if (count == 0) return {};
  const size_t unchecked = transaction.check_before_commit ? count - 1 : count;
  auto sent = Send(transaction, 0, unchecked);
  if (sent && unchecked < count) sent = Send(transaction, unchecked, count);
  if (!sent) RollBack(sent.error().error);
  return sent;
}

// Leaves the connection without a transaction and with its session settings as they were, or closes
// it.
void RowWriter::RollBack(const ServerError& error) {
  if (connection_ == nullptr) return;
  if (error.code != 0 && ClassifyError(error) == ErrorKind::kConnectionLost) return Disconnect();
  const std::string sql = fmt::format("ROLLBACK;SET SESSION sql_mode='{}'", kRowSqlMode);
  if (!connection_->Execute(sql)) Disconnect();
}

Status RowWriter::ToStatus(const Failure& failure) {
  const Code code = failure.kind == Failure::Kind::kRowCount ? Code::kRowCount
                    : ClassifyError(failure.error) == ErrorKind::kDuplicateEntry
                        ? Code::kMySqlDuplicateEntry
                    : failure.statement == "connect" ? Code::kMySqlConnection
                                                     : Code::kMySqlTxn;
  const std::string table =
      failure.table == nullptr
          ? ""
          : fmt::format(" table {}.{}", failure.table->schema, failure.table->name);
  return Status(code, "{};{} statement {}", failure.error.ToString(), table, failure.statement);
}

Result<StatementBuilder::Mode> RowWriter::React(const Failure& failure,
                                                StatementBuilder::Mode mode) {
  using Mode = StatementBuilder::Mode;
  context_.metrics->execution_errors.Add();
  const ErrorKind kind = failure.kind == Failure::Kind::kRowCount ? ErrorKind::kDuplicateEntry
                                                                  : ClassifyError(failure.error);
  static LogLimiter limiter(10s);
  switch (kind) {
    case ErrorKind::kDuplicateEntry:
      if (mode == Mode::kSafe) return Unexpected(ToStatus(failure));
      context_.metrics->safe_mode_retries.Add();
      if (limiter.Allow())
        LogWarn("rows met a downstream in another state and are written again in safe mode: {}",
                ToStatus(failure).message());
      return Mode::kSafe;
    case ErrorKind::kConnectionLost:
      // Whether the transaction was applied is unknown.
      return failure.statement == "connect" ? mode : Mode::kSafe;
    case ErrorKind::kRetryable:
      return mode;
    case ErrorKind::kFatal:
      break;
  }
  return Unexpected(ToStatus(failure));
}

Status RowWriter::InjectedFault(std::stop_token stop) {
  if (FailPoint("MySQLSinkHangLongTime"))
    (void)context_.clock->SleepFor(std::chrono::hours(1), std::move(stop));
  if (FailPoint("SinkFlushDMLPanic")) CDC_CHECK(false, "fail point SinkFlushDMLPanic");
  if (FailPoint("MySQLSinkExecDMLError"))
    return Status(Code::kMySqlTxn, "fail point MySQLSinkExecDMLError");
  return Status::Ok();
}

RowWriter::Failure RowWriter::InjectedLoss() {
  return {.error = {.code = 2013, .message = "fail point MySQLSinkTxnRandomError"}};
}

Status RowWriter::Write(const std::vector<WriteTask*>& tasks, std::stop_token stop) {
  using Mode = StatementBuilder::Mode;
  rows_.clear();
  bool replayed = false;
  for (const WriteTask* task : tasks)
    for (const WriteTask::Segment& segment : task->segments)
      for (size_t i = segment.begin; i < segment.end; ++i) {
        rows_.push_back(&segment.batch->rows().rows[i]);
        replayed = replayed || rows_.back()->commit_ts <= context_.replayed_until;
      }
  if (rows_.empty()) return Status::Ok();
  Mode mode = context_.config.safe_mode ? Mode::kSafe : replayed ? Mode::kReplace : Mode::kPlain;
  Backoff backoff({.first = 10ms, .max = 20s, .factor = 4.0});
  const Status fenced(Code::kLeaseExpired, "this node may not write any more");
  while (true) {
    if (stop.stop_requested()) return Status(Code::kStopped, "the sink was closed");
    if (!context_.may_write()) return fenced;
    RETURN_IF_ERROR(InjectedFault(stop));
    const SteadyTime start = context_.clock->Now();
    const auto done = FailPoint("MySQLSinkTxnRandomError") ? std::unexpected(InjectedLoss())
                                                           : Run(builder_.Build(rows_, mode));
    if (done) {
      context_.metrics->txn_batch_rows.Observe(static_cast<double>(rows_.size()));
      context_.metrics->txn_seconds.Observe(
          std::chrono::duration<double>(context_.clock->Now() - start).count());
      return Status::Ok();
    }
    if (stop.stop_requested()) return Status(Code::kStopped, "the sink was closed");
    if (done.error().kind == Failure::Kind::kFenced) return fenced;
    const auto next = React(done.error(), mode);
    if (!next) return next.error();
    // A change of state downstream is answered at once; only waiting can cure the rest.
    const bool at_once = done.error().kind == Failure::Kind::kRowCount ||
                         ClassifyError(done.error().error) == ErrorKind::kDuplicateEntry;
    mode = *next;
    if (at_once) continue;
    const Duration delay = backoff.Next();
    if (backoff.tries() >= kTriesMax)
      return ToStatus(done.error()).WithContext(fmt::format("gave up after {} tries", kTriesMax));
    LogWarn("writing rows failed and is tried again, try={} delay_ms={}: {}", backoff.tries(),
            std::chrono::duration_cast<std::chrono::milliseconds>(delay).count(),
            ToStatus(done.error()).message());
    if (!context_.clock->SleepFor(delay, stop))
      return Status(Code::kStopped, "the sink was closed");
  }
}

}  // namespace cdc
