#include "edge/replay/replay.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include <sys/resource.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "dataflow/dispatcher/dataflow.h"
#include "dataflow/sink/kafka/file_queue.h"
#include "dataflow/sink/kafka/kafka_sink.h"
#include "testing/recording.h"

namespace cdc {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double PeakRssMib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

Result<ReplicaConfig> LoadConfig(const ReplayOptions& options, const RecordingMeta& meta) {
  if (options.config_file.empty()) {
    ReplicaConfig config;
    config.filter.rules = meta.filter;
    return config;
  }
  std::ifstream file(options.config_file);
  if (!file)
    return Error(Code::kInvalidReplicaConfig, "cannot read the config file {}",
                 options.config_file);
  std::stringstream text;
  text << file.rdbuf();
  return ReplicaConfig::FromToml(text.str(), options.config_file);
}

// The table id of a record key, nothing for other keys.
std::optional<TableId> RecordTable(std::string_view key) {
  if (key.size() < 11 || key[0] != 't' || key.substr(9, 2) != "_r") return std::nullopt;
  return TableId(static_cast<int64_t>(LoadBigEndian64(key.data() + 1) ^ (uint64_t{1} << 63)));
}

// One run. Members in dependency order; the destructor of the sink comes before that of the
// dataflow (see Dataflow::Stop).
class Replayer {
 public:
  explicit Replayer(const ReplayOptions& options)
      : options_(options),
        workers_(options.workers > 0 ? options.workers
                                     : static_cast<int>(std::thread::hardware_concurrency())) {}

  ~Replayer() {
    if (dataflow_) dataflow_->Stop();
    sink_.reset();
  }

  Status Load() {
    ASSIGN_OR_RETURN_STATUS(recording_, Recording::Open(options_.recording));
    ASSIGN_OR_RETURN_STATUS(config_, LoadConfig(options_, recording_->meta()));
    RETURN_IF_ERROR(config_.Validate());
    ASSIGN_OR_RETURN_STATUS(filter_, Filter::Create(config_));
    ASSIGN_OR_RETURN_STATUS(
        schema_, SchemaStore::Open(recording_->base(), recording_->meta().start_ts, *filter_));
    const std::vector<Span> ddl_spans = schema_->DdlSpans();
    RETURN_IF_ERROR(recording_->ReadTransactions([&](std::vector<KvEvent> events) {
      std::vector<KvEvent> ddl_events;
      for (KvEvent& event : events) {
        const bool is_ddl = std::ranges::any_of(ddl_spans, [&](const Span& span) {
          return event.key >= span.range.start && event.key < span.range.end;
        });
        if (is_ddl)
          ddl_events.push_back(std::move(event));
        else if (const auto table = RecordTable(event.key))
          rows_[*table].push_back(std::move(event));
      }
      if (!ddl_events.empty()) schema_->Append(std::move(ddl_events));
      return Status::Ok();
    }));
    return schema_->Advance(recording_->meta().end_ts);
  }

  Result<ReplayResult> Run() {
    ASSIGN_OR_RETURN(const Uri uri, Uri::Parse(options_.sink_uri));
    RETURN_UNEXPECTED_IF_ERROR(OpenSinkFor(uri));
    const double cpu_before = CpuSeconds();
    const SteadyTime begin = SystemClock().Now();
    StartDataflow();
    ReplayResult result;
    for (const DdlEventPtr& ddl : dataflow_->PendingDdls()) {
      RETURN_UNEXPECTED_IF_ERROR(
          WaitUntil([&] { return dataflow_->DdlReached() >= ddl->commit_ts; }));
      if (ddl->replicate) {
        RETURN_UNEXPECTED_IF_ERROR(sink_->ExecuteDdl(*ddl, {}));
        ++result.ddls;
      }
      for (const TableId table : ddl->dropped) dataflow_->RemoveTable(table);
      dataflow_->FinishDdls(ddl->commit_ts);
      for (const TableId table : ddl->added)
        RETURN_UNEXPECTED_IF_ERROR(Feed(table, ddl->commit_ts));
    }
    const Ts end = recording_->meta().end_ts;
    RETURN_UNEXPECTED_IF_ERROR(WaitUntil([&] { return dataflow_->Checkpoint() >= end; }));
    RETURN_UNEXPECTED_IF_ERROR(sink_->Checkpoint(end));
    result.rows = dataflow_->rows_written();
    result.wall_seconds = std::chrono::duration<double>(SystemClock().Now() - begin).count();
    result.cpu_seconds = CpuSeconds() - cpu_before;
    result.peak_rss_mib = PeakRssMib();
    return result;
  }

 private:
  Status OpenSinkFor(const Uri& uri) {
    const SinkContext context = {.changefeed = "replay",
                                 .time_zone = options_.time_zone,
                                 .config = &config_,
                                 .clock = &SystemClock()};
    if (options_.out.empty()) {
      ASSIGN_OR_RETURN_STATUS(sink_, OpenSink(uri, context));
      return Status::Ok();
    }
    ASSIGN_OR_RETURN_STATUS(KafkaSinkConfig config, KafkaSinkConfig::Make(uri, config_, "replay"));
    if (!config.brokerless())
      return Status(Code::kSinkUri, "--out goes with a sink URI kafka://-/topic?protocol=...");
    ASSIGN_OR_RETURN_STATUS(auto queue, FileQueue::Open(config, options_.out));
    ASSIGN_OR_RETURN_STATUS(
        sink_, KafkaSink::Make(std::move(config), context, std::move(queue), Metrics()));
    return Status::Ok();
  }

  void StartDataflow() {
    const RecordingMeta& meta = recording_->meta();
    dataflow_ = std::make_unique<Dataflow>(
        DataflowOptions{.start = meta.start_ts,
                        .target = meta.end_ts,
                        .memory_quota = config_.memory_quota,
                        .schema = schema_.get(),
                        .sink = sink_.get(),
                        .workers = &workers_,
                        .make_mounter =
                            [this](TableId table) {
                              return Mounter::Create(table, *schema_, *filter_, options_.time_zone,
                                                     RowIntegrityOf(config_.integrity));
                            },
                        .on_error =
                            [this](Status status) {
                              std::lock_guard lock(error_mutex_);
                              error_ = std::move(status);
                            }});
    dataflow_->AdvanceSchema();
    for (const PhysicalTable& table : schema_->CapturedTables(meta.start_ts))
      if (Status status = Feed(table.id, meta.start_ts); !status.ok()) {
        std::lock_guard lock(error_mutex_);
        error_ = std::move(status);
      }
  }

  Status Feed(TableId table, Ts start) {
    ASSIGN_OR_RETURN_STATUS(const std::shared_ptr<TableFlow> flow,
                            dataflow_->AddTable(table, start));
    // By commit ts, as they were recorded.
    std::vector<KvEvent>& rows = rows_[table];
    const auto first = std::ranges::upper_bound(rows, start, {}, &KvEvent::commit_ts);
    const auto last =
        std::ranges::upper_bound(rows, EndOfLife(table, start), {}, &KvEvent::commit_ts);
    std::vector<KvEvent> events(std::make_move_iterator(first), std::make_move_iterator(last));
    rows.erase(rows.begin(), last);
    RETURN_IF_ERROR(flow->Append(std::move(events)));
    dataflow_->AdvanceResolved(*flow, recording_->meta().end_ts);
    return Status::Ok();
  }

  // The DDL that drops the table; FLASHBACK may give its id another life after it.
  Ts EndOfLife(TableId table, Ts start) const {
    for (const DdlEventPtr& ddl : dataflow_->PendingDdls())
      if (ddl->commit_ts > start && std::ranges::find(ddl->dropped, table) != ddl->dropped.end())
        return ddl->commit_ts;
    return recording_->meta().end_ts;
  }

  template <typename Condition>
  Status WaitUntil(Condition condition) {
    while (!condition()) {
      {
        std::lock_guard lock(error_mutex_);
        if (error_) return *error_;
      }
      SystemClock().SleepFor(1ms, {});
    }
    return Status::Ok();
  }

  const ReplayOptions& options_;
  std::unique_ptr<Recording> recording_;
  ReplicaConfig config_;
  std::unique_ptr<Filter> filter_;
  std::unique_ptr<SchemaStore> schema_;
  std::map<TableId, std::vector<KvEvent>> rows_;
  std::unique_ptr<Dataflow> dataflow_;
  std::unique_ptr<Sink> sink_;
  WorkerPool workers_;

  std::mutex error_mutex_;  // guards error_
  std::optional<Status> error_;
};

}  // namespace

Result<ReplayResult> Replay(const ReplayOptions& options) {
  Replayer replayer(options);
  RETURN_UNEXPECTED_IF_ERROR(replayer.Load());
  return replayer.Run();
}

}  // namespace cdc
