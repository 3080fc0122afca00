// From a finished DDL job and what it changed in the meta keys to the event that the changefeed
// sees.
#pragma once

#include <vector>

#include "base/status.h"
#include "dataflow/mounter/ddl_job.h"
#include "dataflow/mounter/filter.h"
#include "dataflow/mounter/schema_catalog.h"
#include "dataflow/mounter/schema_history.h"
#include "model/ddl_event.h"

namespace cdc {

struct BuiltDdl {
  DdlEventPtr event;  // null: of no concern to the changefeed
  std::vector<SchemaHistory::Change> changes;
};

// Brings `catalog` up to date with a job that is done (in the transaction `done`), and tells what
// that means.
//
// What differs from TiDB's jobs: rows follow the job's last table description from
// changes.effective on; a table that loses its key, or comes in by a RENAME from outside the
// filter, can't be captured completely: kTableIneligible or kSyncRename, or left out with a warning
// if the filter says so; left-out tables stay so until they are dropped, also when they get a key.
// Jobs of a kind unknown here pass if they change no captured table's shape, else kUnknownDdl.
// `started_before`: the job ran already at the start ts; if its effect was visible then, there is
// no event.
Result<BuiltDdl> BuildDdl(const DdlJob& job, const MetaChanges& changes, TxnTs done,
                          bool started_before, const Filter& filter, SchemaCatalog* catalog);

}  // namespace cdc
