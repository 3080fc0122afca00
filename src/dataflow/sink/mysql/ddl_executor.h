// Runs schema changes on the downstream.
#pragma once

#include <stop_token>
#include <string>

#include "base/status.h"
#include "dataflow/sink/mysql/connection.h"
#include "dataflow/sink/mysql/ddl_journal.h"
#include "dataflow/sink/mysql/ddl_plan.h"
#include "dataflow/sink/mysql/row_writer.h"
#include "model/ddl_event.h"
#include "model/ids.h"

namespace cdc {

// Threads: one at a time. Each change gets a connection of its own, without a read timeout.
//
// Safe to run again with the same event after a crash: what the downstream has already is
// recognised by its error codes, renames by the names that exist, changes that a second run would
// undo by the journal (ddl_journal.h).
class DdlExecutor {
 public:
  DdlExecutor(const RowWriterContext& context, ChangefeedId changefeed);

  // Returns when the change has taken effect, however long that takes. On `stop` kills the
  // statement and returns kStopped. What the downstream refuses for good ends at once in kExecDdl
  // with the statement and the server's words; what may pass is tried kTriesMax times.
  Status Execute(const DdlEvent& ddl, std::stop_token stop);

  static constexpr int kTriesMax = 20;

 private:
  template <typename T>
  using Outcome = std::expected<T, ServerError>;

  Status RunPlan(const DdlEvent& ddl, const DdlPlan& plan, std::stop_token stop);
  Outcome<void> TryOnce(const DdlEvent& ddl, const DdlPlan& plan, bool may_have_run,
                        std::stop_token stop);
  Outcome<void> CheckMayWrite() const;
  Outcome<bool> HasHappened(Connection& connection, const DdlEvent& ddl, const DdlPlan& plan,
                            bool may_have_run);
  Outcome<void> PrepareSession(Connection& connection, const DdlPlan& plan);
  Outcome<void> RunStatement(Connection& connection, const DdlEvent& ddl, const DdlPlan& plan,
                             const std::string& statement);
  void Kill(uint64_t server_thread_id);

  const RowWriterContext& context_;
  const ChangefeedId changefeed_;
  DdlJournal journal_;
};

}  // namespace cdc
