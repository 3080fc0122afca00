// What a mysql:// (mysql+ssl, tidb, tidb+ssl) sink URI and the changefeed's `sink` section ask for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "config/replica_config.h"
#include "config/uri.h"

namespace cdc {

bool IsMySqlScheme(std::string_view scheme);

// Names, defaults and limits are TiCDC's. Numbers above their limit are lowered to it with a
// warning, as there; all else that is out of range, and every parameter that is not known, is
// refused by name.
//
// Accepted for compatibility, without effect: cache-prep-stmts (rows are sent as text, several
// statements a round trip, so nothing is prepared), batch-replace-enable and batch-replace-size
// (superseded by batch-dml-enable), async-ddl-timeout (a DDL is waited for, however long it takes),
// where-clause (keys are compared as IN lists or OR chains, whichever servers have an index path
// for), enable-ddl-ts (how far schema changes have come is kept in etcd, not downstream).
struct MySqlSinkConfig {
  std::string host;
  uint16_t port = 4000;
  std::string user = "root";
  std::string password;

  // TLS: on with a scheme that ends in +ssl, or with any of the three files. The server's
  // certificate is checked (chain and host name) when `ssl_ca` is set.
  bool tls = false;
  std::string ssl_ca;
  std::string ssl_cert;
  std::string ssl_key;

  int worker_count = 16;                 // connections that write rows; 1 … 1024
  int max_txn_row = 256;                 // rows a downstream transaction; 1 … 2048
  int max_multi_update_row = 40;         // rows a multi-row UPDATE; 1 … 256
  int max_multi_update_row_size = 1024;  // average bytes above which UPDATEs are one a row; ≤ 8192
  bool batch_dml = true;                 // several rows a statement, versions of a row merged
  bool multi_statement = true;           // several statements a round trip
  bool safe_mode = false;                // INSERT → REPLACE, UPDATE → DELETE + REPLACE, always
  bool whole_transactions = false;       // transaction-atomicity=table
  bool has_vector_type = false;          // downstream without VECTOR: such columns become LONGTEXT
  std::string tidb_txn_mode = "optimistic";

  // The zone that rows' TIMESTAMPs are in. The URI may repeat the changefeed's zone or leave it
  // empty; another one would shift values and is refused.
  std::string time_zone;
  std::chrono::milliseconds read_timeout{120'000};
  std::chrono::milliseconds write_timeout{120'000};
  std::chrono::milliseconds dial_timeout{120'000};

  // `changefeed_zone`: the zone rows are decoded in; nullopt where it is not known yet (checks at
  // `changefeed create`). Errors: kSinkUri and kMySqlConfig.
  static Result<MySqlSinkConfig> Make(const Uri& uri, const ReplicaConfig& config,
                                      std::optional<std::string> changefeed_zone);
};

}  // namespace cdc
