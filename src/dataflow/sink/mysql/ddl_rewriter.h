// A statement in TiDB's dialect as one for MySQL or MariaDB.
#pragma once

#include <string>
#include <string_view>

#include "dataflow/sink/mysql/session.h"

namespace cdc {

// Clauses that only TiDB has end up in TiDB's special comments (/*T![feature] … */), which other
// servers pass over: CLUSTERED, AUTO_RANDOM, SHARD_ROW_ID_BITS, PRE_SPLIT_REGIONS, AUTO_ID_CACHE,
// TTL…, PLACEMENT POLICY, GLOBAL indexes, AFFINITY, STATS_…, ATTRIBUTES. Character sets named
// without a collation get the collation that TiDB gives them: other servers have other defaults.
//
// For MariaDB also: VISIBLE and INVISIBLE indexes are NOT IGNORED and IGNORED, DROP CHECK is DROP
// CONSTRAINT, ENFORCED and WITH VALIDATION go without saying, WITHOUT VALIDATION is left out, NO
// CYCLE is NOCYCLE, and collations and character sets it lacks become the nearest it has
// (MariaDbCollation).
//
// `text_for_vectors`: the type VECTOR becomes LONGTEXT. Comments inside of what is rewritten are
// lost, others stay.
std::string RewriteForServer(std::string_view sql, uint64_t sql_mode, ServerKind server,
                             bool text_for_vectors);

// The collation of a character set in TiDB, "" if it needs none to be named.
std::string_view TidbDefaultCollation(std::string_view charset);
// UCA 9.0 collations as UCA 14.0 ones, gb18030's as utf8mb4's. No data is lost; rare characters may
// compare differently.
std::string MariaDbCollation(std::string_view collation);
std::string MariaDbCharset(std::string_view charset);

}  // namespace cdc
