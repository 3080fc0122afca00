#include "control/owner/feed_runner.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"

namespace cdc {
namespace {

// Databases see the checkpoint in their data; message queues and files want to be told.
bool WantsCheckpoints(std::string_view uri) {
  const std::string_view scheme = uri.substr(0, uri.find("://"));
  for (const std::string_view database : {"mysql", "mysql+ssl", "tidb", "tidb+ssl", "blackhole"})
    if (scheme == database) return false;
  return true;
}

Status InjectedOpenError() {
  if (FailPoint("NewChangefeedNoRetryError"))
    return Status(Code::kStartTsBeforeGc, "fail point NewChangefeedNoRetryError");
  if (FailPoint("NewChangefeedRetryError"))
    return Status(Code::kUnexpected, "fail point NewChangefeedRetryError");
  return Status::Ok();
}

}  // namespace

FeedRunner::FeedRunner(FeedRunnerOptions options) : options_(std::move(options)) {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

FeedRunner::~FeedRunner() {
  thread_.request_stop();
  thread_.join();
}

Status FeedRunner::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

SchemaStore* FeedRunner::schema() const {
  std::lock_guard lock(mutex_);
  return schema_ ? &schema_->store() : nullptr;
}

void FeedRunner::ForgetSchemaBefore(Ts ts) {
  SchemaFeed* schema = nullptr;
  {
    std::lock_guard lock(mutex_);
    schema = schema_.get();
  }
  // Without our lock: this waits for callbacks, which take it.
  schema->CollectGarbage(ts);
}

void FeedRunner::Execute(std::vector<DdlEventPtr> ddls) {
  std::lock_guard lock(mutex_);
  if (ddls.empty() || executed_ == ddls.front()->commit_ts || !pending_.empty()) return;
  pending_ = std::move(ddls);
  wakeup_.notify_all();
}

std::optional<Ts> FeedRunner::executed() const {
  std::lock_guard lock(mutex_);
  return executed_;
}

void FeedRunner::SetCheckpoint(Ts ts) {
  std::lock_guard lock(mutex_);
  if (ts <= checkpoint_) return;
  checkpoint_ = ts;
  if (WantsCheckpoints(options_.info.sink_uri)) wakeup_.notify_all();
}

void FeedRunner::Fail(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (error_.ok()) error_ = std::move(status);
  }
  options_.on_change();
}

void FeedRunner::Run(std::stop_token stop) {
  if (Status status = Open(); !status.ok()) return Fail(std::move(status));
  options_.on_change();
  const bool tell = WantsCheckpoints(options_.info.sink_uri);
  while (!stop.stop_requested()) {
    std::vector<DdlEventPtr> ddls;
    Ts checkpoint;
    {
      std::unique_lock lock(mutex_);
      wakeup_.wait(lock, stop,
                   [&] { return !pending_.empty() || (tell && checkpoint_ > told_checkpoint_); });
      if (stop.stop_requested()) return;
      ddls = pending_;
      checkpoint = checkpoint_;
    }
    Status status = tell ? TellCheckpoint(checkpoint) : Status::Ok();
    if (status.ok()) status = ExecuteAll(ddls, stop);
    if (stop.stop_requested()) return;
    if (!status.ok()) return Fail(std::move(status));
    if (ddls.empty()) continue;
    {
      std::lock_guard lock(mutex_);
      executed_ = ddls.front()->commit_ts;
      pending_.clear();
    }
    options_.on_change();
  }
}

Status FeedRunner::Open() {
  RETURN_IF_ERROR(InjectedOpenError());
  ASSIGN_OR_RETURN_STATUS(config_, ReplicaConfig::FromJson(options_.info.config));
  ASSIGN_OR_RETURN_STATUS(uri_, Uri::Parse(options_.info.sink_uri));
  ASSIGN_OR_RETURN_STATUS(
      std::unique_ptr<SchemaFeed> schema,
      options_.seams.open_schema(options_.changefeed, config_, options_.checkpoint,
                                 {.on_error = [this](Status status) { Fail(std::move(status)); }}));
  std::lock_guard lock(mutex_);
  schema_ = std::move(schema);
  return Status::Ok();
}

Status FeedRunner::OpenSinkIfNeeded() {
  if (sink_) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(sink_,
                          options_.seams.open_sink(uri_, {.changefeed = options_.changefeed,
                                                          .cluster = options_.cluster,
                                                          .time_zone = options_.time_zone,
                                                          .config = &config_,
                                                          .clock = options_.clock,
                                                          .replay_until = options_.ddl_started,
                                                          .may_write = options_.may_write}));
  return Status::Ok();
}

Status FeedRunner::TellCheckpoint(Ts ts) {
  if (ts <= told_checkpoint_) return Status::Ok();
  if (FailPoint("InjectEmitCheckpointTsError"))
    return Status(Code::kUnexpected, "fail point InjectEmitCheckpointTsError");
  RETURN_IF_ERROR(OpenSinkIfNeeded());
  TellTables(ts);
  RETURN_IF_ERROR(sink_->Checkpoint(ts));
  told_checkpoint_ = ts;
  return Status::Ok();
}

// At first, and after each schema change.
void FeedRunner::TellTables(Ts ts) {
  if (!tables_changed_) return;
  tables_changed_ = false;
  SchemaStore& schema = schema_->store();  // set before this thread comes here, never changed
  std::vector<TableInfoPtr> tables;
  for (const PhysicalTable& physical :
       schema.CapturedTables(std::min(std::max(ts, last_ddl_), schema.resolved())))
    if (tables.empty() || tables.back() != physical.table) tables.push_back(physical.table);
  sink_->SetTables(tables);
}

Status FeedRunner::ExecuteAll(const std::vector<DdlEventPtr>& ddls, std::stop_token stop) {
  for (const DdlEventPtr& ddl : ddls) {
    tables_changed_ = true;
    last_ddl_ = ddl->commit_ts;
    if (!ddl->replicate) {
      LogInfo("DDL is not replicated, changefeed={} commit_ts={} query={}", options_.changefeed,
              ddl->commit_ts, ddl->query);
      continue;
    }
    RETURN_IF_ERROR(OpenSinkIfNeeded());
    if (!options_.may_write())
      return Status(Code::kLeaseExpired, "this node's lease may have lapsed, it writes no more");
    LogInfo("execute DDL, changefeed={} commit_ts={} query={}", options_.changefeed, ddl->commit_ts,
            ddl->query);
    if (FailPoint("InjectChangefeedDDLBlock"))
      (void)options_.clock->SleepFor(std::chrono::hours(24), stop);
    if (FailPoint("InjectChangefeedDDLError"))
      return Status(Code::kExecDdl, "fail point InjectChangefeedDDLError");
    if (Status status = sink_->ExecuteDdl(*ddl, stop); !status.ok())
      return status.WithContext(
          fmt::format("DDL \"{}\" (commit ts {})", ddl->query, ddl->commit_ts));
  }
  return Status::Ok();
}

}  // namespace cdc
