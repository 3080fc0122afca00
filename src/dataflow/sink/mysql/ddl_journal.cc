#include "dataflow/sink/mysql/ddl_journal.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "dataflow/sink/mysql/sql_writer.h"

namespace cdc {
namespace {

constexpr unsigned kNoSuchDatabase = 1049;
constexpr unsigned kNoSuchTable = 1146;

bool IsDenied(const ServerError& error) {
  constexpr unsigned kDenied[] = {1044, 1142, 1227};  // a database, a table, a privilege
  return std::ranges::find(kDenied, error.code) != std::end(kDenied);
}

std::expected<std::string, ServerError> Identity(Connection& connection, const std::string& query) {
  auto rows = connection.Query(query);
  if (!rows) return std::unexpected(rows.error());
  std::ranges::sort(*rows);
  std::string identity;
  for (const Connection::Row& row : *rows) identity += row.front().value_or("") + "\n";
  return identity;
}

}  // namespace

DdlJournal::Outcome<bool> DdlJournal::HasHappened(Connection& connection, Ts commit_ts,
                                                  const std::string& identity_query,
                                                  bool may_have_run) {
  const auto identity = Identity(connection, identity_query);
  if (identity && may_have_run) {
    const auto noted = connection.Query(
        fmt::format("SELECT identity FROM tidb_cdc.ddl_journal_v1 WHERE changefeed={} AND "
                    "commit_ts={}",
                    QuoteText(changefeed_), commit_ts));
    if (noted && !noted->empty()) return noted->front().front() != *identity;
    if (!noted && noted.error().code != kNoSuchTable && noted.error().code != kNoSuchDatabase &&
        !IsDenied(noted.error()))
      return std::unexpected(noted.error());
  }
  const auto done = identity ? Note(connection, commit_ts, *identity)
                             : Outcome<void>(std::unexpected(identity.error()));
  if (done) return false;
  if (!IsDenied(done.error())) return std::unexpected(done.error());
  LogWarn(
      "the downstream's user may not keep the ddl journal (it needs CREATE, INSERT, SELECT and "
      "DELETE on tidb_cdc.* and PROCESS): should the owner crash during this ddl, it may be run "
      "twice, changefeed={} commit_ts={} error={}",
      changefeed_, commit_ts, done.error().ToString());
  return false;
}

DdlJournal::Outcome<void> DdlJournal::Note(Connection& connection, Ts commit_ts,
                                           const std::string& identity) {
  return connection.Execute(fmt::format(
      "CREATE DATABASE IF NOT EXISTS tidb_cdc;"
      "CREATE TABLE IF NOT EXISTS tidb_cdc.ddl_journal_v1 (changefeed VARCHAR(256) PRIMARY KEY,"
      "commit_ts BIGINT UNSIGNED NOT NULL,identity LONGTEXT NOT NULL) "
      "DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin;"
      "REPLACE INTO tidb_cdc.ddl_journal_v1 VALUES ({},{},{})",
      QuoteText(changefeed_), commit_ts, QuoteText(identity)));
}

}  // namespace cdc
