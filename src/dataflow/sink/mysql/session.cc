#include "dataflow/sink/mysql/session.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "dataflow/sink/sink.h"

namespace cdc {
namespace {

struct Setting {
  const char* variable;
  const char* value;
};

// Set where the server has them; which these are is tried once.
constexpr std::array kCommonSettings = {
    Setting{"tidb_placement_mode", "'IGNORE'"}, Setting{"tidb_enable_external_ts_read", "OFF"},
    Setting{"tidb_cdc_write_source", "1"},
    Setting{"check_constraint_checks", "0"},  // MariaDB: the upstream has checked already
};
constexpr std::array kRowSettings = {
    Setting{"allow_auto_random_explicit_insert", "1"},
    Setting{"autocommit", "1"},
    Setting{"sql_safe_updates", "0"},
};
constexpr std::array kDdlSettings = {
    Setting{"explicit_defaults_for_timestamp", "1"},  // as in TiDB, always
    Setting{"innodb_strict_mode", "0"},  // options InnoDB can't follow are warnings, as in TiDB
    Setting{"tidb_allow_remove_auto_inc", "1"},
    Setting{"sql_require_primary_key", "0"},
    Setting{"max_statement_time", "0"},
};
constexpr const char* kIsolation[] = {"transaction_isolation", "tx_isolation"};
constexpr const char* kTxnMode = "tidb_txn_mode";

std::string ProbeSql() {
  std::string sql =
      "SHOW SESSION VARIABLES WHERE Variable_name IN ('version','version_comment',"
      "'max_allowed_packet','tidb_txn_mode','transaction_isolation','tx_isolation'";
  const auto add = [&sql](const auto& settings) {
    for (const Setting& setting : settings) sql += fmt::format(",'{}'", setting.variable);
  };
  add(kCommonSettings);
  add(kRowSettings);
  add(kDdlSettings);
  return sql + ")";
}

template <typename Settings>
void AppendSettings(const Settings& settings, const Downstream& downstream, std::string* sql) {
  for (const Setting& setting : settings)
    if (downstream.has(setting.variable))
      *sql += fmt::format(",SESSION {}={}", setting.variable, setting.value);
}

std::string BaseSql(const MySqlSinkConfig& config, const Downstream& downstream,
                    const char* sql_mode) {
  // wait_timeout: what a process that stood still sends when it wakes finds no session any more.
  std::string sql = fmt::format(
      "SET SESSION sql_mode='{}',SESSION time_zone='{}',SESSION foreign_key_checks=0,"
      "SESSION wait_timeout={}",
      sql_mode, ServerTimeZone(config.time_zone), kWriteWithin.count());
  for (const char* isolation : kIsolation) {
    if (!downstream.has(isolation)) continue;
    sql += fmt::format(",SESSION {}='READ-COMMITTED'", isolation);
    break;
  }
  if (downstream.has(kTxnMode))
    sql += fmt::format(",SESSION {}='{}'", kTxnMode, config.tidb_txn_mode);
  AppendSettings(kCommonSettings, downstream, &sql);
  return sql;
}

// The name behind this machine's /etc/localtime; UTC where it can't be told.
std::string MachineTimeZone() {
  if (const char* zone = std::getenv("TZ"); zone != nullptr && *zone != '\0' && *zone != ':')
    return zone;
  std::error_code error;
  const std::string target = std::filesystem::canonical("/etc/localtime", error).string();
  constexpr std::string_view kDirectory = "/zoneinfo/";
  const size_t at = target.find(kDirectory);
  return error || at == std::string::npos ? "UTC" : target.substr(at + kDirectory.size());
}

// Which of the settings the server takes: some show a variable that a session may not set.
template <typename Settings>
void ProbeSettings(const Settings& settings, Connection& connection, Downstream* downstream) {
  for (const Setting& setting : settings) {
    if (!downstream->has(setting.variable)) continue;
    if (!connection.Execute(fmt::format("SET SESSION {}={}", setting.variable, setting.value)))
      downstream->variables.erase(setting.variable);
  }
}

}  // namespace

ConnectOptions ConnectOptionsOf(const MySqlSinkConfig& config) {
  return {.host = config.host,
          .port = config.port,
          .user = config.user,
          .password = config.password,
          .tls = config.tls,
          .ssl_ca = config.ssl_ca,
          .ssl_cert = config.ssl_cert,
          .ssl_key = config.ssl_key,
          .connect_timeout = config.dial_timeout,
          .read_timeout = config.read_timeout,
          .write_timeout = config.write_timeout};
}

Result<Downstream> ProbeDownstream(Connection& connection) {
  Downstream downstream;
  const auto rows = connection.Query(ProbeSql());
  if (!rows) return Error(Code::kMySqlQuery, "reading variables: {}", rows.error().ToString());
  for (const Connection::Row& row : *rows) {
    if (row.size() != 2 || !row[0] || !row[1]) continue;
    downstream.variables.insert(*row[0]);
    if (*row[0] == "version") downstream.version = *row[1];
    if (*row[0] == "max_allowed_packet")
      std::from_chars(row[1]->data(), row[1]->data() + row[1]->size(), downstream.packet_bytes_max);
  }
  ProbeSettings(kCommonSettings, connection, &downstream);
  ProbeSettings(kRowSettings, connection, &downstream);
  ProbeSettings(kDdlSettings, connection, &downstream);
  if (downstream.version.find("TiDB") != std::string::npos)
    downstream.kind = ServerKind::kTiDb;
  else if (downstream.version.find("MariaDB") != std::string::npos)
    downstream.kind = ServerKind::kMariaDb;
  return downstream;
}

std::string ServerTimeZone(const std::string& zone) {
  const std::string name = zone.empty() || zone == "System" || zone == "SYSTEM" || zone == "Local"
                               ? MachineTimeZone()
                               : zone;
  for (const std::string_view utc : {"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu",
                                     "GMT", "Etc/GMT", "UCT", "Zulu", "Universal"})
    if (name == utc) return "+00:00";
  return name;
}

std::string RowSessionSql(const MySqlSinkConfig& config, const Downstream& downstream) {
  std::string sql = BaseSql(config, downstream, kRowSqlMode);
  AppendSettings(kRowSettings, downstream, &sql);
  return sql;
}

std::string DdlSessionSql(const MySqlSinkConfig& config, const Downstream& downstream) {
  std::string sql = BaseSql(config, downstream, kLenientRowSqlMode);
  AppendSettings(kDdlSettings, downstream, &sql);
  return sql;
}

}  // namespace cdc
