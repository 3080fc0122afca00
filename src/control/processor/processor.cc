#include "control/processor/processor.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "base/failpoint.h"
#include "base/log.h"
#include "control/processor/schema_feed.h"
#include "dataflow/dispatcher/dataflow.h"

namespace cdc {
namespace {

class ProcessorImpl : public Processor {
 public:
  explicit ProcessorImpl(ProcessorOptions options)
      : options_(std::move(options)),
        ddl_finished_(options_.checkpoint),
        opener_([this](std::stop_token stop) { Open(stop); }) {}

  ~ProcessorImpl() override {
    opener_.request_stop();
    opener_.join();
    // Feeds of tables first: they call into the dataflow; then its work, which reads the schema;
    // then the schema; then the sink, whose last acknowledgements still find their tables.
    subscriptions_.clear();
    if (dataflow_) dataflow_->Stop();
    schema_.reset();
    sink_.reset();
    dataflow_.reset();
  }

  void AddTable(TableId table, Ts start) override {
    if (FailPoint("ProcessorAddTableError"))
      return Fail(Status(Code::kUnexpected, "fail point ProcessorAddTableError"));
    std::lock_guard lock(tables_mutex_);
    if (!wanted_.emplace(table, start).second) return;
    if (opened_) Subscribe(table, start);
  }

  std::optional<Ts> RemoveTable(TableId table) override {
    std::lock_guard lock(tables_mutex_);
    const auto wanted = wanted_.extract(table);
    if (wanted.empty()) return std::nullopt;
    subscriptions_.erase(table);
    if (!opened_) return wanted.mapped();
    return dataflow_->RemoveTable(table);
  }

  bool IsLeaving(TableId table) const override { return opened_ && dataflow_->IsLeaving(table); }

  void SetDdlFinished(Ts ts) override {
    std::lock_guard lock(tables_mutex_);
    ddl_finished_ = std::max(ddl_finished_, ts);
    if (opened_) dataflow_->FinishDdls(ddl_finished_);
  }

  void ForgetSchemaBefore(Ts ts) override {
    if (opened_) schema_->CollectGarbage(ts);
  }

  ProcessorPosition Position() const override {
    ProcessorPosition position{.checkpoint = options_.checkpoint,
                               .resolved = options_.checkpoint,
                               .ddl_reached = options_.checkpoint};
    std::lock_guard lock(tables_mutex_);
    if (opened_) {
      position.checkpoint = dataflow_->Checkpoint();
      position.resolved = dataflow_->Resolved();
      position.ddl_reached = dataflow_->DdlReached();
      position.rows = dataflow_->rows_written();
    }
    std::lock_guard error_lock(error_mutex_);
    position.error = error_;
    return position;
  }

  std::vector<TableId> Tables() const override {
    std::lock_guard lock(tables_mutex_);
    std::vector<TableId> tables;
    for (const auto& [table, start] : wanted_) tables.push_back(table);
    return tables;
  }

  std::vector<TableProgress> Progress() const override {
    std::lock_guard lock(tables_mutex_);
    std::vector<TableProgress> progress;
    for (const auto& [table, subscription] : subscriptions_) {
      const TableFlow& flow = *subscription->flow;
      progress.push_back({.table = table,
                          .checkpoint = flow.Checkpoint(),
                          .resolved = flow.Resolved(),
                          .sorter_bytes = flow.sorter_bytes(),
                          .feed = options_.tikv->feed().Progress(subscription->id)});
    }
    std::ranges::sort(progress, {}, &TableProgress::checkpoint);
    return progress;
  }

 private:
  // One table's subscription; hands what comes to the dataflow.
  struct Subscription : FeedListener {
    Subscription(ProcessorImpl& owner, std::shared_ptr<TableFlow> flow)
        : owner(owner), flow(std::move(flow)) {}
    ~Subscription() override {
      stop.request_stop();
      owner.options_.tikv->feed().Unsubscribe(id);
    }
    void OnEvents(std::vector<KvEvent> events) override {
      Status status = owner.dataflow_->Append(*flow, std::move(events), stop.get_token());
      if (!status.ok()) owner.Fail(std::move(status));
    }
    void OnResolved(Ts resolved) override {
      (void)FailPoint("ProcessorSyncResolvedPreEmit");
      if (FailPoint("ProcessorSyncResolvedError"))
        return owner.Fail(Status(Code::kUnexpected, "fail point ProcessorSyncResolvedError"));
      owner.dataflow_->AdvanceResolved(*flow, resolved);
    }
    void OnFailure(Status status) override { owner.Fail(std::move(status)); }

    ProcessorImpl& owner;
    const std::shared_ptr<TableFlow> flow;
    SubscriptionId id{};
    std::stop_source stop;
  };

  void Open(std::stop_token stop) {
    Status status = TryOpen(stop);
    if (!status.ok() && !stop.stop_requested()) Fail(std::move(status));
  }

  Status TryOpen(std::stop_token stop) {
    ASSIGN_OR_RETURN_STATUS(filter_, Filter::Create(options_.config));
    ASSIGN_OR_RETURN_STATUS(const Ts now, options_.tikv->pd().GetTs());
    ASSIGN_OR_RETURN_STATUS(sink_, OpenSink(options_.sink_uri, {.changefeed = options_.changefeed,
                                                                .cluster = options_.cluster,
                                                                .time_zone = options_.time_zone,
                                                                .config = &options_.config,
                                                                .clock = options_.clock,
                                                                .replay_until = now,
                                                                .may_write = options_.may_write}));
    ASSIGN_OR_RETURN_STATUS(
        auto schema,
        options_.schemas->Open(options_.changefeed, options_.config, options_.checkpoint,
                               {.on_advance = [this] { SchemaAdvanced(); },
                                .on_error = [this](Status status) { Fail(std::move(status)); }}));
    if (stop.stop_requested()) return Status(Code::kStopped, "the processor was stopped");
    std::lock_guard lock(tables_mutex_);
    schema_ = std::move(schema);
    dataflow_ = std::make_unique<Dataflow>(DataflowOptions{
        .changefeed = options_.changefeed,
        .start = options_.checkpoint,
        .target = options_.target,
        .memory_quota = options_.config.memory_quota,
        .node_sorter_quota = options_.memory ? options_.memory->sorters : nullptr,
        .node_sink_quota = options_.memory ? options_.memory->sinks : nullptr,
        .sorters = options_.sorters,
        .schema = &schema_->store(),
        .sink = sink_.get(),
        .workers = options_.workers,
        .make_mounter =
            [this](TableId table) {
              return Mounter::Create(table, schema_->store(), *filter_, options_.time_zone,
                                     RowIntegrityOf(options_.config.integrity));
            },
        .on_error = [this](Status status) { Fail(std::move(status)); }});
    dataflow_->FinishDdls(ddl_finished_);
    dataflow_->AdvanceSchema();
    opened_ = true;
    for (const auto& [table, start] : wanted_) Subscribe(table, start);
    return Status::Ok();
  }

  void Subscribe(TableId table, Ts start) {
    auto flow = dataflow_->AddTable(table, start);
    if (!flow) return Fail(flow.error());
    auto& subscription = subscriptions_[table];
    subscription = std::make_unique<Subscription>(*this, *flow);
    subscription->id =
        options_.tikv->feed().Subscribe({.table = table, .range = RecordRange(table)}, start,
                                        subscription.get(), options_.config.bdr_mode);
  }

  void SchemaAdvanced() {
    // Not under tables_mutex_: the feed's thread must not wait for one who unsubscribes under it.
    if (opened_) dataflow_->AdvanceSchema();
  }

  void Fail(Status status) {
    std::lock_guard lock(error_mutex_);
    if (error_) return;
    LogError("processor failed, changefeed={} error=\"{}\"", options_.changefeed,
             status.ToString());
    error_ = std::move(status);
  }

  const ProcessorOptions options_;
  std::unique_ptr<Filter> filter_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<SchemaFeed> schema_;
  std::unique_ptr<Dataflow> dataflow_;
  std::atomic<bool> opened_{false};  // the four above are set and constant until the destructor

  mutable std::mutex tables_mutex_;  // guards the next three; no feed callback takes it
  std::map<TableId, Ts> wanted_;     // table → start ts
  std::map<TableId, std::unique_ptr<Subscription>> subscriptions_;
  Ts ddl_finished_;

  mutable std::mutex error_mutex_;  // guards error_
  std::optional<Status> error_;

  std::jthread opener_;  // last: starts when all else is there
};

}  // namespace

std::unique_ptr<Processor> Processor::Start(ProcessorOptions options) {
  return std::make_unique<ProcessorImpl>(std::move(options));
}

}  // namespace cdc
