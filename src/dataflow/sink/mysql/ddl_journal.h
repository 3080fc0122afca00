// What the downstream remembers of the last schema change whose effect can't be told from names: a
// row in its table tidb_cdc.ddl_journal_v1 per changefeed, written before the change runs.
#pragma once

#include <expected>
#include <string>

#include "dataflow/sink/mysql/connection.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

// The row stays when the change is done: it is needed until etcd knows of that, and the next one
// takes its place.
class DdlJournal {
 public:
  template <typename T>
  using Outcome = std::expected<T, ServerError>;

  explicit DdlJournal(ChangefeedId changefeed) : changefeed_(std::move(changefeed)) {}

  // Whether the change of `commit_ts` has happened: the rows of `identity_query` are no longer
  // those that were noted before it first ran. Notes them if it never ran; with `may_have_run`
  // false, whatever an older note says. A user who may not write there is warned, and the answer is
  // no.
  Outcome<bool> HasHappened(Connection& connection, Ts commit_ts, const std::string& identity_query,
                            bool may_have_run);

 private:
  Outcome<void> Note(Connection& connection, Ts commit_ts, const std::string& identity);

  const ChangefeedId changefeed_;
};

}  // namespace cdc
