// One physical table's way from the sorter to the sink.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "dataflow/dispatcher/metrics.h"
#include "dataflow/dispatcher/worker_pool.h"
#include "dataflow/mounter/mounter.h"
#include "dataflow/sink/sink.h"
#include "dataflow/sorter/sorter.h"

namespace cdc {

// What the tables of one changefeed share. Implemented by Dataflow.
class FlowHost {
 public:
  virtual ~FlowHost() = default;
  // No table may go above this: the schema is known and its DDLs have been handed out as barriers
  // up to here.
  virtual Ts SchemaBound() const = 0;
  virtual Sink& sink() = 0;
  virtual DataflowMetrics& metrics() = 0;
  // Whether the sink may get another batch now. If not, the table is scheduled again when there is
  // room.
  virtual bool AdmitBatch(const std::shared_ptr<Task>& table, TableId id) = 0;
  virtual void BatchSent(size_t bytes) = 0;
  virtual void BatchDone(size_t bytes, size_t rows) = 0;
  // Ends the changefeed's dataflow; only the first error counts.
  virtual void Fail(Status status) = 0;
};

// Reads the table's sorter up to its limit (resolved ts, schema bound, the next DDL that touches
// it), mounts, writes, and keeps account of what the sink has acknowledged.
//
// Threads: Append and AdvanceResolved from the feed, Step on the table's worker, acknowledgements
// from the sink, the rest from
//   anywhere. Held by shared_ptr: acknowledgements keep it alive.
// Order: the checkpoint never passes a change that the sink has not acknowledged, and never goes
// back.
class TableFlow : public Task, public std::enable_shared_from_this<TableFlow> {
 public:
  // Captures changes in (start, target]. `host` outlives all steps and acknowledgements.
  TableFlow(TableId id, Ts start, Ts target, std::unique_ptr<SpanSorter> sorter,
            std::unique_ptr<Mounter> mounter, FlowHost& host);

  Status Append(std::vector<KvEvent> events) { return sorter_->Append(std::move(events)); }
  void AdvanceResolved(Ts resolved) { sorter_->Advance(resolved); }

  // Rows up to `ts` before the DDL at `ts`, rows above it only after FinishDdls(ts). Each above the
  // last one and above SchemaBound().
  void AddBarrier(Ts ts);
  void FinishDdls(Ts ts);

  // Whether Step would find something to do.
  bool HasWork() const;
  bool Step() override;

  Ts Checkpoint() const;
  Ts Resolved() const { return sorter_->resolved(); }
  // See ProcessorPosition::ddl_reached.
  Ts DdlReached() const;
  size_t sorter_bytes() const { return sorter_->bytes(); }
  TableId id() const { return id_; }

  // No step begins after this and no error is reported; returns when a running step has ended. Not
  // from a step.
  void Stop();
  // Whether the sink still has some of its rows: they may yet be written.
  bool InFlight() const;

 private:
  struct SentBatch {
    uint64_t sequence;
    Ts low;  // everything up to here was handed out before this batch
    bool done = false;
  };

  Ts LimitLocked() const;
  Ts CheckpointLocked() const;
  Status WriteNext(Ts limit);
  void Acknowledge(uint64_t sequence, size_t bytes, size_t rows, const Status& status);

  const TableId id_;
  const Ts target_;
  FlowHost& host_;
  const std::unique_ptr<SpanSorter> sorter_;
  const std::unique_ptr<Mounter> mounter_;  // only in Step

  std::mutex step_mutex_;  // held during Step; Stop waits on it

  mutable std::mutex mutex_;  // guards all below
  bool stopped_ = false;
  std::deque<Ts> barriers_;          // of DDLs that have not finished
  std::deque<SentBatch> in_flight_;  // in the order of Write calls
  size_t unanswered_ = 0;            // of them; a failed one stays in in_flight_ for good
  uint64_t next_sequence_ = 0;
  bool reading_ = false;   // events are out of the sorter and not yet in in_flight_
  mutable Ts checkpoint_;  // the highest that was computed
};

}  // namespace cdc
