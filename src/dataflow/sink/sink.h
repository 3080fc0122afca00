// The seam between the dispatcher and what takes a changefeed's changes.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/replica_config.h"
#include "config/uri.h"
#include "model/ddl_event.h"
#include "model/row.h"

namespace cdc {

// One changefeed's way to its downstream on this node.
//
// Threads: Write and Checkpoint from any thread, one call at a time per physical table; ExecuteDdl
// from one thread. Order: batches of one physical table are applied in the order of Write calls; so
// are rows of the same key across tables of
//   the same downstream table (partitions) as far as their commit ts says. Between tables there is
//   no order.
// Errors: a sink retries by itself what may pass; what it reports through `done` or returns ends
// the changefeed's run.
class Sink {
 public:
  using Done = std::function<void(Status)>;

  // Stops: fails what is not yet written with kStopped, joins its threads.
  virtual ~Sink() = default;

  // Takes the batch; never blocks (the caller keeps within its byte budget). `done` runs exactly
  // once, on a thread of the sink, when all rows are durable downstream or will never be; it must
  // not block or call the sink.
  virtual void Write(std::shared_ptr<const RowBatch> batch, Done done) = 0;

  // Runs a schema change downstream and returns when it took effect there. Blocks, for hours if
  // need be; gives up on `stop`. Safe to call again with the same event after a crash. All rows
  // before it have been acknowledged, none after it was written.
  virtual Status ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) = 0;

  // Everything up to `ts` is durable downstream: message queues pass it on as a watermark. Never
  // goes back.
  virtual Status Checkpoint(Ts ts) = 0;
  // All tables that the changefeed replicates from now on, on any node: checkpoints reach the
  // consumers of each. Called by the one who calls Checkpoint, before it; never blocks.
  virtual void SetTables(const std::vector<TableInfoPtr>& /*tables*/) {}
};

// What may_write has allowed takes effect within this, or not at all: a lease counts as lost so
// long before it can lapse. A sink has its downstream refuse what comes later, where it can.
inline constexpr std::chrono::seconds kWriteWithin{1};

struct SinkContext {
  ChangefeedId changefeed;
  std::string cluster = "default";  // the id of ours, as messages name their source
  std::string time_zone;            // the changefeed's, an IANA name or "" for the machine's
  const ReplicaConfig* config;      // outlives the sink
  Clock* clock;                     // outlives the sink
  // A run before this one may have applied what was committed up to here: an insert may find its
  // row there already, an update or a delete nothing to do, a schema change may have taken effect.
  Ts replay_until;
  // False once this node's lease may have lapsed: nothing may be written downstream any more.
  // Checked before every write.
  std::function<bool()> may_write = [] { return true; };
};

// Opens the sink for the URI's scheme: connects, checks the configuration (unknown parameters are
// refused by name).
Result<std::unique_ptr<Sink>> OpenSink(const Uri& uri, const SinkContext& context);
// The checks of OpenSink that need no connection: for `changefeed create`.
Status ValidateSinkUri(const Uri& uri, const ReplicaConfig& config);
// Whether the sink can take rows of these tables as the configuration says: rules that dispatch
// them and select their columns fit them. Errors: kDispatcher, kColumnSelector, those of
// ValidateSinkUri.
Status ValidateSinkTables(const Uri& uri, const ReplicaConfig& config,
                          std::span<const TableInfoPtr> tables);

}  // namespace cdc
