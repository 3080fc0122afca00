// One changefeed's dataflow on this node: from the region feed through sorter and mounter into the
// sink.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/status.h"
#include "config/replica_config.h"
#include "config/uri.h"
#include "dataflow/dispatcher/worker_pool.h"
#include "dataflow/sorter/sorter.h"
#include "dataflow/upstream/region_feed.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

class SchemaFeeds;

struct ProcessorOptions {
  ChangefeedId changefeed;
  std::string cluster = "default";  // see SinkContext
  ReplicaConfig config;
  Uri sink_uri;
  std::string time_zone;       // IANA name; "" for the machine's
  Ts checkpoint;               // of the whole changefeed: the schema is read as of here
  Ts target = Ts::Max();       // nothing above it is written
  TiKvClient* tikv = nullptr;  // this and the next three outlive the processor
  SchemaFeeds* schemas = nullptr;
  WorkerPool* workers = nullptr;
  const MemoryBudget* memory = nullptr;  // the node's, and its sorters; null: the changefeed has
  SorterPool* sorters = nullptr;         // its own limits only, and does not spill
  Clock* clock = nullptr;
  std::function<bool()> may_write = [] { return true; };  // see SinkContext
};

// What the processor has reached, for its task position in etcd.
struct ProcessorPosition {
  Ts checkpoint;  // min over its tables of what the sink has acknowledged, and the schema's
                  // resolved ts
  Ts resolved;    // min over its tables of what has been received
  // For every DDL with commit ts <= this, all tables here that it touches have been written up to
  // the DDL.
  Ts ddl_reached;
  uint64_t rows = 0;            // written since the start
  std::optional<Status> error;  // set: the dataflow has stopped and does not recover
};

struct TableProgress {
  TableId table{};
  Ts checkpoint;
  Ts resolved;
  size_t sorter_bytes = 0;
  SpanProgress feed;
};

// Threads: all calls from any thread, none blocks on the network. Opening (schema snapshot, sink
// connection) goes on in a thread of
//   its own; tables may be added meanwhile, and Position() stays at the start until then.
// Order: a table that a DDL touches passes the DDL's commit ts only after SetDdlFinished(ts) with
// that ts or a later one. Errors: the first one stops the dataflow and shows in Position().
class Processor {
 public:
  static std::unique_ptr<Processor> Start(ProcessorOptions options);
  virtual ~Processor() =
      default;  // ends the subscriptions, drops what is not yet written, joins its threads

  // Captures this physical table's changes after `start`. No effect if it is here already.
  virtual void AddTable(TableId table, Ts start) = 0;
  // Stops capturing; what is not yet written is dropped. Returns the table's checkpoint; nullopt if
  // it is not here.
  virtual std::optional<Ts> RemoveTable(TableId table) = 0;
  // Whether rows of a removed table are with the sink and may yet be written: until they are not,
  // nobody else may write it.
  virtual bool IsLeaving(TableId table) const = 0;
  // All DDLs with commit ts <= `ts` have run downstream. Monotonic.
  virtual void SetDdlFinished(Ts ts) = 0;
  // No table will be added that starts before `ts`. Monotonic; costs a pass over the schema.
  virtual void ForgetSchemaBefore(Ts ts) = 0;

  virtual ProcessorPosition Position() const = 0;
  virtual std::vector<TableId> Tables() const = 0;
  virtual std::vector<TableProgress> Progress()
      const = 0;  // slowest first; costs a pass over the tables
};

}  // namespace cdc
