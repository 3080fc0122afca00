#include "edge/consumer/row_applier.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "base/backoff.h"
#include "base/log.h"
#include "dataflow/sink/mysql/server_error.h"
#include "dataflow/sink/mysql/session.h"
#include "dataflow/sink/mysql/sql_writer.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {
namespace {

const ChangefeedId& ConsumerId() {
  static const ChangefeedId id = "kafka-consumer";
  return id;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string Where(const ConsumedRow& row) {
  return fmt::format("TABLE_SCHEMA={} AND TABLE_NAME={}", QuoteText(row.schema),
                     QuoteText(row.table));
}

bool IsBinaryType(const std::string& type) {
  return type == "binary" || type == "varbinary" || type.ends_with("blob");
}

Connection::Outcome<DownstreamTable> Describe(Connection& connection, const ConsumedRow& row) {
  DownstreamTable table;
  const auto columns = connection.Query(
      "SELECT COLUMN_NAME,DATA_TYPE,GENERATION_EXPRESSION,NUMERIC_PRECISION,NUMERIC_SCALE,"
      "COLUMN_TYPE,DATETIME_PRECISION FROM "
      "information_schema.COLUMNS WHERE " +
      Where(row));
  if (!columns) return std::unexpected(columns.error());
  for (const Connection::Row& column : *columns) {
    const std::string type = Lower(column[1].value_or(""));
    DownstreamTable::Column& out = table.columns[Lower(column[0].value_or(""))];
    out.type = type;
    out.binary = IsBinaryType(type);
    out.generated = column[2].has_value() && !column[2]->empty();
    out.is_unsigned = column[5].value_or("").find("unsigned") != std::string::npos;
    out.fraction_digits = std::atoi(column[6].value_or("0").c_str());
    // NULL scale: a FLOAT without (M,D).
    if (type == "float" && column[3] && column[4]) {
      const int digits = std::atoi(column[3]->c_str());
      const int scale = std::atoi(column[4]->c_str());
      out.float_max = std::pow(10.0, digits - scale) - std::pow(10.0, -scale);
    }
  }
  const auto keys = connection.Query(
      "SELECT INDEX_NAME,COLUMN_NAME,NULLABLE,SUB_PART FROM information_schema.STATISTICS WHERE "
      "NON_UNIQUE=0 AND " +
      Where(row) + " ORDER BY INDEX_NAME<>'PRIMARY',INDEX_NAME,SEQ_IN_INDEX");
  if (!keys) return std::unexpected(keys.error());
  std::map<std::string, bool> usable;
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> parts;
  for (const Connection::Row& part : *keys) {
    const std::string index = part[0].value_or("");
    if (!parts.contains(index)) {
      order.push_back(index);
      usable[index] = true;
    }
    parts[index].push_back(Lower(part[1].value_or("")));
    // NULL for an expression; a prefix may be shared by rows that differ behind it, but not here.
    usable[index] &= part[1].has_value() && part[2].value_or("") != "YES";
  }
  const auto first = std::ranges::find_if(order, [&](const auto& index) { return usable[index]; });
  if (first != order.end()) table.key = parts[*first];
  return table;
}

}  // namespace

Result<std::unique_ptr<RowApplier>> RowApplier::Open(const Uri& uri, const std::string& time_zone,
                                                     bool goes_on, Clock& clock) {
  RowWriterContext context;
  if (goes_on) context.replayed_until = Ts::Max();
  ASSIGN_OR_RETURN(context.config, MySqlSinkConfig::Make(uri, ReplicaConfig{}, time_zone));
  context.clock = &clock;
  context.may_write = [] { return true; };
  auto applier = std::unique_ptr<RowApplier>(new RowApplier(std::move(context)));
  RETURN_UNEXPECTED_IF_ERROR(applier->Connect());
  return applier;
}

RowApplier::RowApplier(RowWriterContext context)
    : context_(std::move(context)), ddl_(context_, ConsumerId()) {}

Status RowApplier::Connect() {
  if (connection_) return Status::Ok();
  auto opened = Connection::Open(ConnectOptionsOf(context_.config));
  if (!opened)
    return Status(Code::kMySqlConnection, "connecting to {}:{}: {}", context_.config.host,
                  context_.config.port, opened.error().ToString());
  ASSIGN_OR_RETURN_STATUS(context_.downstream, ProbeDownstream(**opened));
  if (auto set = (*opened)->Execute(RowSessionSql(context_.config, context_.downstream)); !set)
    return Status(Code::kMySqlQuery, "preparing a session: {}", set.error().ToString());
  connection_ = std::move(*opened);
  return Status::Ok();
}

template <typename Call>
Status RowApplier::Persist(std::stop_token stop, const char* what, Call call) {
  Backoff backoff({.first = 10ms, .max = 5s, .factor = 3.0});
  while (true) {
    if (stop.stop_requested()) return Status(Code::kStopped, "stopped while {}", what);
    Status status = Connect();
    bool may_pass = !status.ok();  // a server that restarts
    if (status.ok()) {
      auto done = call();
      if (done) return Status::Ok();
      const ErrorKind kind = ClassifyError(done.error());
      may_pass = kind == ErrorKind::kConnectionLost || kind == ErrorKind::kRetryable;
      connection_.reset();
      status = Status(Code::kMySqlTxn, "{}: {}", what, done.error().ToString());
    }
    const Duration delay = backoff.Next();
    if (!may_pass || backoff.tries() > kTriesMax) return status;
    LogWarn("downstream failed, trying again, error=\"{}\"", status.ToString());
    context_.clock->SleepFor(delay, stop);
  }
}

Result<const DownstreamTable*> RowApplier::TableOf(const ConsumedRow& row) {
  const auto key = std::pair(row.schema, row.table);
  if (const auto found = tables_.find(key); found != tables_.end()) return &found->second;
  DownstreamTable table;
  RETURN_UNEXPECTED_IF_ERROR(
      Persist({}, "reading a table's description", [&]() -> Connection::Outcome<void> {
        auto described = Describe(*connection_, row);
        if (!described) return std::unexpected(described.error());
        table = *std::move(described);
        return {};
      }));
  if (table.columns.empty())
    return Error(Code::kSchemaTableMiss, "the downstream has no table {}.{}", row.schema,
                 row.table);
  return &tables_.emplace(key, std::move(table)).first->second;
}

Status RowApplier::ApplyTransaction(std::span<const ConsumedEvent> rows, std::stop_token stop) {
  RowSql sql;
  for (const ConsumedEvent& event : rows) {
    const auto& row = std::get<ConsumedRow>(event);
    ASSIGN_OR_RETURN_STATUS(const DownstreamTable* table, TableOf(row));
    if (Status added = sql.Add(row, *table); !added.ok())
      return added.WithContext(
          fmt::format("row of {}.{} at {}", row.schema, row.table, row.commit_ts));
  }
  std::string text;
  if (sql.has_enum_error()) text += fmt::format("SET SESSION sql_mode='{}';", kLenientRowSqlMode);
  text += "BEGIN;" + sql.Finish() + "COMMIT";
  if (sql.has_enum_error()) text += fmt::format(";SET SESSION sql_mode='{}'", kRowSqlMode);
  return Persist(stop, "writing rows", [&] { return connection_->Execute(text); });
}

Status RowApplier::ApplyRows(std::span<const ConsumedEvent> rows, std::stop_token stop) {
  while (!rows.empty()) {
    size_t count = 0;
    size_t bytes = 0;
    while (count < rows.size() && count < kTransactionRowsMax && bytes < kTransactionBytesMax) {
      const auto& row = std::get<ConsumedRow>(rows[count++]);
      for (const auto* columns : {&row.before, &row.after})
        for (const ConsumedColumn& column : *columns) bytes += column.value.text.size() + 8;
    }
    RETURN_IF_ERROR(ApplyTransaction(rows.first(count), stop));
    rows = rows.subspan(count);
  }
  return Status::Ok();
}

Status RowApplier::ApplyDdl(const ConsumedDdl& ddl, std::stop_token stop) {
  DdlEvent event;
  event.type = ddl.type;
  event.commit_ts = event.start_ts = event.done_ts = ddl.commit_ts;
  event.query = ddl.query;
  event.schema = ddl.schema;
  event.table = ddl.table;
  // The names tell whether it has happened, should a run before this one have ended in it.
  if (const auto rename = RenameOfQuery(ddl.query)) {
    auto before = std::make_shared<TableInfo>();
    before->schema = rename->schema;
    before->name = rename->table;
    auto after = std::make_shared<TableInfo>();
    after->schema = rename->new_schema;
    after->name = rename->new_table;
    event.tables.push_back({.before = std::move(before), .after = std::move(after)});
  }
  RETURN_IF_ERROR(ddl_.Execute(event, stop));
  tables_.clear();
  return Status::Ok();
}

Status RowApplier::Apply(std::span<const ConsumedEvent> events, std::stop_token stop) {
  while (!events.empty()) {
    const auto is_row = [](const ConsumedEvent& event) {
      return std::holds_alternative<ConsumedRow>(event);
    };
    const auto end = std::ranges::find_if_not(events, is_row);
    const auto rows = static_cast<size_t>(end - events.begin());
    RETURN_IF_ERROR(ApplyRows(events.first(rows), stop));
    events = events.subspan(rows);
    if (events.empty()) break;
    RETURN_IF_ERROR(ApplyDdl(std::get<ConsumedDdl>(events.front()), stop));
    events = events.subspan(1);
  }
  return Status::Ok();
}

}  // namespace cdc
