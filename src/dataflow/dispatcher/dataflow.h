// All tables of one changefeed on this node, and what they share: schema bound, barriers, memory,
// the sink.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_quota.h"
#include "dataflow/dispatcher/table_flow.h"

namespace cdc {

struct DataflowOptions {
  ChangefeedId changefeed;  // for metrics
  Ts start;                 // DDLs at or below it are of no concern
  Ts target = Ts::Max();
  size_t memory_quota =
      size_t{1} << 30;  // bytes: half for the sorters, half on the way to the sink
  // The node's, of which these are parts; none: no other limit.
  std::shared_ptr<MemoryQuota> node_sorter_quota;
  std::shared_ptr<MemoryQuota> node_sink_quota;
  SorterPool* sorters = nullptr;  // null: one of its own, that does not spill
  // With memory and disk full, for so long nothing but a resolved ts from another store can help.
  Duration disk_full_patience = 10s;
  const SchemaStore* schema = nullptr;  // this and the next two outlive the dataflow
  Sink* sink = nullptr;
  WorkerPool* workers = nullptr;
  std::function<Result<std::unique_ptr<Mounter>>(TableId)> make_mounter;
  std::function<void(Status)> on_error = [](const Status&) {
  };  // once, from any thread, must not block
};

// Threads: everything from any thread. Locks are never held while the sink, the feed or the mounter
// is called.
class Dataflow : private FlowHost {
 public:
  explicit Dataflow(DataflowOptions options);
  // Stops all tables: no write begins after it. Then end the sink, then the dataflow: the sink's
  // last acknowledgements still come.
  void Stop();

  // The flow to feed; the same one if the table is here already.
  Result<std::shared_ptr<TableFlow>> AddTable(TableId id, Ts start);
  // Stops the table and drops what is not yet written; its checkpoint, nullopt if it is not here.
  std::optional<Ts> RemoveTable(TableId id);
  // Whether rows of a removed table are with the sink and may yet be written.
  bool IsLeaving(TableId id) const;

  // For the feed's side: appends and advances. When the memory quota is used up it waits a moment
  // for the sink, then has sorters spill; when the disk is full, too, it waits as long as something
  // can still be written, and fails with kDiskFull when nothing can.
  Status Append(TableFlow& table, std::vector<KvEvent> events, std::stop_token stop);
  void AdvanceResolved(TableFlow& table, Ts resolved);

  // The schema store's resolved ts moved: takes its new DDLs as barriers, lets the tables go on.
  void AdvanceSchema();
  // All DDLs up to `ts` have run downstream.
  void FinishDdls(Ts ts);

  Ts Checkpoint() const;  // min over the tables and the schema bound
  Ts Resolved() const;    // the same of what has been received
  Ts DdlReached() const;  // see ProcessorPosition
  uint64_t rows_written() const { return rows_written_.load(); }
  // DDLs that are known and not finished, in order.
  std::vector<DdlEventPtr> PendingDdls() const;
  std::vector<std::shared_ptr<TableFlow>> Tables() const;

 private:
  Ts SchemaBound() const override { return Ts(schema_bound_.load()); }
  Sink& sink() override { return *options_.sink; }
  DataflowMetrics& metrics() override { return metrics_; }
  bool AdmitBatch(const std::shared_ptr<Task>& table, TableId id) override;
  void BatchSent(size_t bytes) override;
  void BatchDone(size_t bytes, size_t rows) override;
  void Fail(Status status) override;
  void Schedule(const std::shared_ptr<TableFlow>& table);
  bool CanDrain() const;
  bool SinkHasRoom() const;
  Status WaitForRoom(size_t bytes, std::stop_token stop);

  const DataflowOptions options_;
  const std::unique_ptr<SorterPool> own_sorters_;  // null if options_ has them
  SorterPool& sorters_;
  DataflowMetrics metrics_;
  const std::shared_ptr<MemoryQuota>
      sorter_quota_;  // shared: tables may outlive us in a worker's queue
  MemoryQuota sink_quota_;
  std::atomic<uint64_t> schema_bound_;
  std::atomic<uint64_t> rows_written_{0};
  std::atomic<bool> failed_{false};

  mutable std::mutex mutex_;  // guards all below
  std::map<TableId, std::shared_ptr<TableFlow>> tables_;
  std::map<TableId, std::shared_ptr<TableFlow>> leaving_;  // the last removed of each id
  std::vector<DdlEventPtr> pending_ddls_;                  // by commit ts
  Ts ddl_finished_;
  struct Parked {
    std::shared_ptr<Task> task;
    TableId id;
  };
  std::vector<Parked> parked_;  // wait for room in sink_quota_
};

}  // namespace cdc
