// What the owner holds for one running changefeed: its schema history and the way DDLs go
// downstream.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/replica_config.h"
#include "config/uri.h"
#include "control/processor/schema_feed.h"
#include "dataflow/sink/sink.h"
#include "model/changefeed.h"

namespace cdc {

// How a runner gets at the world; tests put fakes here.
struct FeedRunnerSeams {
  std::function<Result<std::unique_ptr<SchemaFeed>>(const ChangefeedId& changefeed,
                                                    const ReplicaConfig& config, Ts start,
                                                    SchemaFeed::Callbacks callbacks)>
      open_schema;
  std::function<Result<std::unique_ptr<Sink>>(const Uri& uri, const SinkContext& context)>
      open_sink;
};

struct FeedRunnerOptions {
  ChangefeedId changefeed;
  std::string cluster = "default";  // see SinkContext
  ChangefeedInfo info;
  Ts checkpoint;   // the schema is read as of here
  Ts ddl_started;  // an owner before this one may have run the DDLs up to here
  std::string time_zone;
  Clock* clock = nullptr;  // outlives the runner
  std::function<bool()> may_write = [] { return true; };
  std::function<void()> on_change = [] {};  // something below has news; on any thread
  FeedRunnerSeams seams;
};

// Threads: all calls from the owner's thread, none blocks but the destructor. Opening and DDLs go
// on
//   on a thread of the runner's own.
// Errors: the first one ends what goes on here and shows in error().
class FeedRunner {
 public:
  explicit FeedRunner(FeedRunnerOptions options);
  ~FeedRunner();  // gives up a DDL that is under way
  FeedRunner(const FeedRunner&) = delete;
  FeedRunner& operator=(const FeedRunner&) = delete;

  Status error() const;
  // Null until open.
  SchemaStore* schema() const;
  // The schema before `ts` is not asked for any more; once it is open.
  void ForgetSchemaBefore(Ts ts);
  Ts opened_at() const { return options_.checkpoint; }

  // Executes the DDLs, all of one ts, in order; no effect while they are being executed or were
  // last.
  void Execute(std::vector<DdlEventPtr> ddls);
  // The ts of the last DDLs that were executed.
  std::optional<Ts> executed() const;
  // Everything up to `ts` is durable downstream; told to the sink as soon as may be.
  void SetCheckpoint(Ts ts);

 private:
  void Run(std::stop_token stop);
  Status Open();
  Status OpenSinkIfNeeded();
  Status ExecuteAll(const std::vector<DdlEventPtr>& ddls, std::stop_token stop);
  Status TellCheckpoint(Ts ts);
  void TellTables(Ts ts);
  void Fail(Status status);

  const FeedRunnerOptions options_;
  ReplicaConfig config_;  // these six belong to the thread once it runs
  Uri uri_;
  std::unique_ptr<Sink> sink_;  // opened for the first DDL or checkpoint that needs it
  Ts told_checkpoint_;
  bool tables_changed_ = true;  // since the sink was told
  Ts last_ddl_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any wakeup_;
  Status error_;
  std::unique_ptr<SchemaFeed> schema_;
  std::vector<DdlEventPtr> pending_;
  std::optional<Ts> executed_;
  Ts checkpoint_;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace cdc
