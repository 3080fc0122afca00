// What a downstream server is, and how a session with it is set up so that rows and schema changes
// arrive as they were upstream.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/status.h"
#include "dataflow/sink/mysql/connection.h"
#include "dataflow/sink/mysql/mysql_sink_config.h"

namespace cdc {

enum class ServerKind { kMySql, kMariaDb, kTiDb };

struct Downstream {
  ServerKind kind = ServerKind::kMySql;
  std::string version;
  size_t packet_bytes_max = 4 << 20;  // max_allowed_packet
  std::set<std::string> variables;    // of those that SessionSql may set: the ones that exist

  bool is_tidb() const { return kind == ServerKind::kTiDb; }
  bool is_mariadb() const { return kind == ServerKind::kMariaDb; }
  bool has(const char* variable) const { return variables.contains(variable); }
};

ConnectOptions ConnectOptionsOf(const MySqlSinkConfig& config);

// Asks the server what it is. Errors: kMySqlQuery.
Result<Downstream> ProbeDownstream(Connection& connection);

// The name a server understands for the zone: offsets for the names of UTC, else the name itself;
// "" (this machine's zone) becomes its name. Servers know other names only when their time zone
// tables are loaded.
std::string ServerTimeZone(const std::string& zone);

// sql_mode of sessions that write rows. Strict, so that no value is cut silently; zero and invalid
// dates, and 0 for AUTO_INCREMENT columns, are values like others.
inline constexpr char kRowSqlMode[] =
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,"
    "NO_ENGINE_SUBSTITUTION";
// The same without strictness, for rows that hold the ENUM error value (index 0, ''), which strict
// sessions refuse.
inline constexpr char kLenientRowSqlMode[] =
    "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";

// Statements, joined by ';', that prepare a session for writing rows / for schema changes.
std::string RowSessionSql(const MySqlSinkConfig& config, const Downstream& downstream);
std::string DdlSessionSql(const MySqlSinkConfig& config, const Downstream& downstream);

}  // namespace cdc
