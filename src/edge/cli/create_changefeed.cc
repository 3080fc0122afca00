#include "edge/cli/create_changefeed.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include <fmt/ranges.h>

#include "config/replica_config.h"
#include "config/uri.h"
#include "dataflow/mounter/schema_store.h"
#include "dataflow/sink/sink.h"
#include "edge/api/version.h"
#include "model/changefeed.h"
#include "model/uuid.h"

namespace cdc {
namespace {

constexpr std::chrono::seconds kCreatingTtl{600};
constexpr uint64_t kLargeGapMs = 86'400'000;

Result<ReplicaConfig> LoadConfig(const CreateFlags& flags) {
  ReplicaConfig config;
  if (!flags.config.empty()) {
    std::ifstream file(flags.config);
    if (!file) return Error(Code::kInvalidReplicaConfig, "cannot read {}", flags.config);
    std::stringstream text;
    text << file.rdbuf();
    ASSIGN_OR_RETURN(config, ReplicaConfig::FromToml(text.str(), flags.config));
  }
  if (flags.disable_gc_check) config.check_gc_safe_point = false;
  RETURN_UNEXPECTED_IF_ERROR(config.Validate());
  return config;
}

Status CheckFlags(const CreateFlags& flags) {
  if (flags.sink_uri.empty())
    return Status(Code::kSinkUri,
                  "--sink-uri is missing, e.g. --sink-uri=mysql://root:password@127.0.0.1:3306/");
  if (!flags.sort_dir.empty())
    return Status(Code::kInvalidReplicaConfig,
                  "--sort-dir is no setting of a changefeed, use `cdc server --data-dir`");
  if (flags.sort_engine != "unified" && flags.sort_engine != "memory" &&
      flags.sort_engine != "file")
    return Status(Code::kInvalidReplicaConfig, "unknown sort engine \"{}\", use unified or memory",
                  flags.sort_engine);
  if (flags.target_ts != 0 && flags.start_ts != 0 && flags.target_ts <= flags.start_ts)
    return Status(Code::kTargetTsBeforeStartTs, "target-ts {} must be greater than start-ts {}",
                  flags.target_ts, flags.start_ts);
  return Status::Ok();
}

// PD's service safe point that keeps the data while the changefeed is being made. Taken away again
// unless it was kept.
class CreatingSafePoint {
 public:
  CreatingSafePoint(PdClient& pd, const ChangefeedId& id)
      : pd_(pd), service_("ticdc-creating-" + id) {}
  ~CreatingSafePoint() {
    if (set_ && !keep_)
      (void)pd_.UpdateServiceGcSafePoint(service_, std::chrono::seconds(0), Ts::Max());
  }

  Status Set(Ts start) {
    ASSIGN_OR_RETURN_STATUS(const Ts kept,
                            pd_.UpdateServiceGcSafePoint(service_, kCreatingTtl, start));
    set_ = true;
    if (start < kept)
      return Status(Code::kStartTsBeforeGc,
                    "start-ts {} is earlier than the GC safe point {}: the changes between them "
                    "may be gone",
                    start, kept);
    return Status::Ok();
  }
  void Keep() { keep_ = true; }

 private:
  PdClient& pd_;
  const std::string service_;
  bool set_ = false;
  bool keep_ = false;
};

Status CheckTables(SnapshotReader& snapshot, const ReplicaConfig& config, Ts start,
                   bool no_confirm) {
  ASSIGN_OR_RETURN_STATUS(const auto filter, Filter::Create(config));
  ASSIGN_OR_RETURN_STATUS(const auto schema, SchemaStore::Open(snapshot, start, *filter));
  std::vector<std::string> names;
  for (const TableInfoPtr& table : schema->IneligibleTables(start))
    names.push_back(table->schema + "." + table->name);
  if (names.empty()) return Status::Ok();
  std::printf("[WARN] %s: %s\n",
              config.force_replicate
                  ? "these tables have no usable key, their rows may be doubled after a restart"
                  : "these tables have no usable key and are not replicated",
              fmt::format("{}", fmt::join(names, ", ")).c_str());
  if (config.force_replicate || config.ignore_ineligible_table || no_confirm) return Status::Ok();
  if (Confirm("Continue without those tables?")) return Status::Ok();
  return Status(Code::kCliAborted, "nothing was created");
}

Status CheckSink(const std::string& text, const ReplicaConfig& config, const std::string& zone) {
  ASSIGN_OR_RETURN_STATUS(const Uri uri, Uri::Parse(text));
  RETURN_IF_ERROR(ValidateSinkUri(uri, config));
  const auto sink = OpenSink(
      uri,
      {.changefeed = "cli-verify", .time_zone = zone, .config = &config, .clock = &SystemClock()});
  return sink ? Status::Ok() : sink.error().WithContext("cannot open the sink");
}

Result<Ts> CheckStart(PdClient& pd, const CreateFlags& flags) {
  ASSIGN_OR_RETURN(const Ts now, pd.GetTs());
  if (flags.start_ts == 0) {
    if (flags.target_ts != 0 && Ts(flags.target_ts) <= now)
      return Error(Code::kTargetTsBeforeStartTs,
                   "target-ts {} must be greater than the start, which is now ({})",
                   flags.target_ts, now);
    return now;
  }
  const Ts start(flags.start_ts);
  if (start > now)
    return Error(Code::kInvalidStartTs, "start-ts {} is in the future, it is {} now", start, now);
  if (start.unix_ms() + kLargeGapMs < now.unix_ms() && !flags.no_confirm &&
      !Confirm(fmt::format("start-ts is {} hours back. A big data gap takes long to catch up. "
                           "Continue?",
                           (now.unix_ms() - start.unix_ms()) / 3'600'000)))
    return Error(Code::kCliAborted, "nothing was created");
  return start;
}

Status CheckNew(const ClusterSnapshot& cluster, const ChangefeedId& id) {
  const auto found = cluster.view.changefeeds().find(id);
  if (found == cluster.view.changefeeds().end()) return Status::Ok();
  if (found->second.info)
    return Status(Code::kChangefeedExists, "changefeed {} exists already", id);
  return Status(Code::kChangefeedDeletionUnfinished,
                "a removed changefeed {} has not been cleaned up yet", id);
}

Status Save(CliContext& context, const ChangefeedId& id, const ChangefeedInfo& info) {
  using Target = EtcdCompare::Target;
  ASSIGN_OR_RETURN_STATUS(EtcdClient * etcd, context.Etcd());
  const std::string key = context.paths().Info(id);
  ASSIGN_OR_RETURN_STATUS(const EtcdTxnResult saved,
                          etcd->Txn({{Target::kCreateRevision, key, 0},
                                     {Target::kCreateRevision, context.paths().Status(id), 0}},
                                    {{.key = key, .value = info.ToJson()}}));
  if (saved.succeeded) return Status::Ok();
  return Status(Code::kChangefeedExists, "changefeed {} exists already", id);
}

}  // namespace

Status CreateChangefeed(CliContext& context, const CreateFlags& flags) {
  const ChangefeedId id = flags.changefeed_id.empty() ? MakeUuid() : flags.changefeed_id;
  RETURN_IF_ERROR(ValidateChangefeedId(id));
  RETURN_IF_ERROR(CheckFlags(flags));
  ASSIGN_OR_RETURN_STATUS(const ReplicaConfig config, LoadConfig(flags));
  ASSIGN_OR_RETURN_STATUS(const Uri uri, Uri::Parse(flags.sink_uri));
  RETURN_IF_ERROR(ValidateSinkUri(uri, config));

  ASSIGN_OR_RETURN_STATUS(TiKvClient * tikv, context.TiKv());
  ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster, context.Cluster());
  RETURN_IF_ERROR(CheckNew(cluster, id));
  ASSIGN_OR_RETURN_STATUS(const Ts start, CheckStart(tikv->pd(), flags));
  CreatingSafePoint safe_point(tikv->pd(), id);
  if (config.check_gc_safe_point) RETURN_IF_ERROR(safe_point.Set(start));
  RETURN_IF_ERROR(CheckTables(tikv->snapshot(), config, start, flags.no_confirm));
  const bool system_zone = flags.time_zone == "SYSTEM" || flags.time_zone == "System";
  RETURN_IF_ERROR(CheckSink(flags.sink_uri, config, system_zone ? "" : flags.time_zone));

  ChangefeedInfo info;
  info.sink_uri = flags.sink_uri;
  for (const std::string& opt : flags.opts) {
    const size_t equals = opt.find('=');
    info.opts[opt.substr(0, equals)] = equals == opt.npos ? "" : opt.substr(equals + 1);
  }
  info.create_time = FormatRfc3339(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       SystemClock().WallNow().time_since_epoch())
                                       .count());
  info.start_ts = start;
  info.target_ts = Ts(flags.target_ts);
  info.sort_engine = flags.sort_engine;
  info.config = config.ToJson();
  info.creator_version = Build().release;
  RETURN_IF_ERROR(Save(context, id, info));
  safe_point.Keep();
  info.sink_uri = Uri::Mask(info.sink_uri);
  std::printf("Create changefeed successfully!\nID: %s\nInfo: %s\n", id.c_str(),
              info.ToJson().c_str());
  return Status::Ok();
}

}  // namespace cdc
