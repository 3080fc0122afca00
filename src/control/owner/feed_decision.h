// What the owner does next for one running changefeed, as a pure function: which tables run where,
// which DDL is executed, how far the checkpoint is.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "model/changefeed.h"
#include "model/ddl_event.h"

namespace cdc {

struct FeedView {
  ChangefeedStatus status;
  Ts target = Ts::Max();
  std::set<CaptureId> captures;  // that live
  std::map<CaptureId, TaskStatus> tasks;
  std::map<CaptureId, TaskPosition> positions;
  Ts schema_resolved;             // up to here the DDLs below are complete
  std::vector<DdlEventPtr> ddls;  // all with commit_ts > status.checkpoint_ts, in order
  // The tables that are captured once all DDLs up to max(checkpoint, ddl_finished_ts) have run.
  std::vector<TableId> tables;
  std::optional<Ts> executed;                // the DDLs of this ts have been executed
  std::map<TableId, CaptureId> targets;      // where tables shall go by hand
  bool rebalance = false;                    // even the number of tables per capture out
  std::map<CaptureId, size_t> other_tables;  // of other changefeeds: it decides between equals
};

struct FeedDecision {
  ChangefeedStatus status;
  std::map<CaptureId, TaskStatus> tasks;  // of the captures that live; others' go
  std::vector<DdlEventPtr> execute;       // these share one ts; `status` says that it has started
  bool finished = false;                  // the target is reached
  bool balanced = false;                  // nothing is left to do for `rebalance`
};

// Invariants (for any history of views that follow its decisions):
//   A table is in the tasks of at most one capture; it moves only when the old one has let it go.
//   The checkpoint never goes back, never passes a table that is not yet running, nor a DDL that is
//   not finished. DDLs are started one at a time in commit order, each after every table that it
//   touches has been written up to it.
FeedDecision DecideFeed(const FeedView& view);

// From where a table that runs nowhere starts: the checkpoint, or the last DDL after it that
// touched the table and is being or has been executed: the table's rows up to that DDL are written
// already.
Ts TableStart(TableId table, const ChangefeedStatus& status, const std::vector<DdlEventPtr>& ddls);

}  // namespace cdc
