#include "edge/api/changefeed_service.h"

#include <fmt/ranges.h>

#include "config/uri.h"
#include "dataflow/mounter/schema_store.h"
#include "dataflow/sink/sink.h"
#include "edge/api/version.h"
#include "model/uuid.h"

namespace cdc {
namespace {

constexpr std::chrono::seconds kHoldTtl{600};

// PD's service safe point that keeps the data while a changefeed is being made or resumed. Taken
// away again unless it was kept.
class HeldSafePoint {
 public:
  HeldSafePoint(PdClient& pd, std::string service) : pd_(pd), service_(std::move(service)) {}
  ~HeldSafePoint() {
    if (set_ && !keep_)
      (void)pd_.UpdateServiceGcSafePoint(service_, std::chrono::seconds(0), Ts::Max());
  }

  Status Set(Ts start) {
    ASSIGN_OR_RETURN_STATUS(const Ts kept, pd_.UpdateServiceGcSafePoint(service_, kHoldTtl, start));
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

Status CheckSink(const std::string& text, const ReplicaConfig& config, const std::string& zone) {
  ASSIGN_OR_RETURN_STATUS(const Uri uri, Uri::Parse(text));
  RETURN_IF_ERROR(ValidateSinkUri(uri, config));
  const auto sink = OpenSink(
      uri,
      {.changefeed = "cli-verify", .time_zone = zone, .config = &config, .clock = &SystemClock()});
  return sink ? Status::Ok() : sink.error().WithContext("cannot open the sink");
}

std::string Names(const std::vector<TableName>& tables) {
  std::vector<std::string> names;
  for (const TableName& table : tables) names.push_back(table.schema + "." + table.table);
  return fmt::format("{}", fmt::join(names, ", "));
}

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             SystemClock().WallNow().time_since_epoch())
      .count();
}

ChangefeedInfo MakeInfo(const ChangefeedSpec& spec) {
  ChangefeedInfo info;
  info.sink_uri = spec.sink_uri;
  info.opts = spec.opts;
  info.create_time = FormatRfc3339(NowMs());
  info.start_ts = spec.start_ts;
  info.target_ts = spec.target_ts;
  info.sort_engine = spec.sort_engine;
  info.config = spec.config.ToJson();
  info.creator_version = Build().release;
  return info;
}

bool MayBeUpdated(FeedState state) {
  return state == FeedState::kStopped || state == FeedState::kFailed;
}

struct StoredInfo {
  ChangefeedInfo info;
  int64_t mod_revision = 0;
};

Result<StoredInfo> ReadInfo(EtcdClient& etcd, const KeyPaths& paths, const ChangefeedId& id) {
  RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
  ASSIGN_OR_RETURN(const std::optional<EtcdKv> kv, etcd.Get(paths.Info(id)));
  if (!kv) return Error(Code::kChangefeedNotExists, "there is no changefeed \"{}\"", id);
  StoredInfo stored{.info = {}, .mod_revision = kv->mod_revision};
  ASSIGN_OR_RETURN(stored.info, ChangefeedInfo::FromJson(kv->value));
  return stored;
}

}  // namespace

Status CheckSpec(const ChangefeedSpec& spec) {
  if (!spec.id.empty()) RETURN_IF_ERROR(ValidateChangefeedId(spec.id));
  if (spec.sink_uri.empty())
    return Status(Code::kSinkUri,
                  "the sink URI is missing, e.g. --sink-uri=mysql://root:password@127.0.0.1:3306/");
  if (spec.sort_engine != "unified" && spec.sort_engine != "memory" && spec.sort_engine != "file")
    return Status(Code::kInvalidReplicaConfig, "unknown sort engine \"{}\", use unified or memory",
                  spec.sort_engine);
  if (spec.target_ts != Ts() && spec.start_ts != Ts() && spec.target_ts <= spec.start_ts)
    return Status(Code::kTargetTsBeforeStartTs, "target-ts {} must be greater than start-ts {}",
                  spec.target_ts, spec.start_ts);
  RETURN_IF_ERROR(spec.config.Validate());
  ASSIGN_OR_RETURN_STATUS(const Uri uri, Uri::Parse(spec.sink_uri));
  return ValidateSinkUri(uri, spec.config);
}

Result<ChangefeedInfo> ChangefeedService::Create(ChangefeedSpec* spec,
                                                 const AcceptIneligible& accept) {
  if (spec->id.empty()) spec->id = MakeUuid();
  RETURN_UNEXPECTED_IF_ERROR(CheckSpec(*spec));
  RETURN_UNEXPECTED_IF_ERROR(CheckIsNew(spec->id));
  RETURN_UNEXPECTED_IF_ERROR(CheckStart(spec));
  HeldSafePoint safe_point(tikv_.pd(), paths_.gc_service() + "-creating-" + spec->id);
  if (spec->config.check_gc_safe_point) RETURN_UNEXPECTED_IF_ERROR(safe_point.Set(spec->start_ts));
  RETURN_UNEXPECTED_IF_ERROR(CheckTables(spec->config, spec->sink_uri, spec->start_ts, accept));
  RETURN_UNEXPECTED_IF_ERROR(CheckSink(spec->sink_uri, spec->config, spec->time_zone));
  ChangefeedInfo info = MakeInfo(*spec);
  RETURN_UNEXPECTED_IF_ERROR(Save(spec->id, info));
  safe_point.Keep();
  return info;
}

Status ChangefeedService::CheckIsNew(const ChangefeedId& id) {
  ASSIGN_OR_RETURN_STATUS(const auto info, etcd_.Get(paths_.Info(id)));
  if (info) return Status(Code::kChangefeedExists, "changefeed {} exists already", id);
  ASSIGN_OR_RETURN_STATUS(const auto status, etcd_.Get(paths_.Status(id)));
  if (status)
    return Status(Code::kChangefeedDeletionUnfinished,
                  "a removed changefeed {} has not been cleaned up yet", id);
  return Status::Ok();
}

Status ChangefeedService::CheckStart(ChangefeedSpec* spec) {
  ASSIGN_OR_RETURN_STATUS(const Ts now, tikv_.pd().GetTs());
  if (spec->start_ts > now)
    return Status(Code::kInvalidStartTs, "start-ts {} is in the future, it is {} now",
                  spec->start_ts, now);
  const bool from_now = spec->start_ts == Ts();
  if (from_now) spec->start_ts = now;
  if (spec->target_ts != Ts() && spec->target_ts <= spec->start_ts)
    return Status(Code::kTargetTsBeforeStartTs, "target-ts {} must be greater than start-ts {}{}",
                  spec->target_ts, spec->start_ts, from_now ? ", which is now" : "");
  return Status::Ok();
}

Status ChangefeedService::CheckTables(const ReplicaConfig& config, const std::string& sink_uri,
                                      Ts ts, const AcceptIneligible& accept) {
  ASSIGN_OR_RETURN_STATUS(const TablesVerdict verdict, VerifyTables(config, sink_uri, ts));
  if (verdict.ineligible.empty() || accept(verdict.ineligible)) return Status::Ok();
  return Status(Code::kTableIneligible,
                "these tables have no usable key: {}; force-replicate takes them along, "
                "ignore-ineligible-table leaves them out",
                Names(verdict.ineligible));
}

Result<TablesVerdict> ChangefeedService::VerifyTables(const ReplicaConfig& config,
                                                      const std::string& sink_uri, Ts ts) {
  if (ts == Ts()) {
    ASSIGN_OR_RETURN(ts, tikv_.pd().GetTs());
  }
  ASSIGN_OR_RETURN(const auto filter, Filter::Create(config));
  ASSIGN_OR_RETURN(const auto schema, SchemaStore::Open(tikv_.snapshot(), ts, *filter));
  TablesVerdict verdict;
  std::vector<TableInfoPtr> tables;
  for (const PhysicalTable& physical : schema->CapturedTables(ts)) {
    // Conditions on rows may name columns that the table does not have.
    if (const auto rows = filter->RowFilterFor(*physical.table); !rows)
      return Unexpected(rows.error());
    tables.push_back(physical.table);
    verdict.eligible.push_back({.schema = physical.table->schema,
                                .table = physical.table->name,
                                .id = physical.id,
                                .is_partition = physical.table->is_partitioned()});
  }
  if (!sink_uri.empty()) {
    ASSIGN_OR_RETURN(const Uri uri, Uri::Parse(sink_uri));
    RETURN_UNEXPECTED_IF_ERROR(ValidateSinkTables(uri, config, tables));
  }
  for (const TableInfoPtr& table : schema->IneligibleTables(ts))
    verdict.ineligible.push_back({.schema = table->schema, .table = table->name, .id = table->id});
  return verdict;
}

Status ChangefeedService::Save(const ChangefeedId& id, const ChangefeedInfo& info) {
  using Target = EtcdCompare::Target;
  const std::string key = paths_.Info(id);
  ASSIGN_OR_RETURN_STATUS(const EtcdTxnResult saved,
                          etcd_.Txn({{Target::kCreateRevision, key, 0},
                                     {Target::kCreateRevision, paths_.Status(id), 0}},
                                    {{.key = key, .value = info.ToJson()}}));
  if (saved.succeeded) return Status::Ok();
  return Status(Code::kChangefeedExists, "changefeed {} exists already", id);
}

Result<ChangefeedInfo> ChangefeedService::Update(
    const ChangefeedId& id, const std::function<Status(ChangefeedInfo*)>& change,
    const AcceptIneligible& accept) {
  ASSIGN_OR_RETURN(StoredInfo stored, ReadInfo(etcd_, paths_, id));
  if (!MayBeUpdated(stored.info.state))
    return Error(Code::kChangefeedUpdateRefused,
                 "changefeed {} is {}: pause it first, only a stopped or failed one can be changed",
                 id, FeedStateName(stored.info.state));
  ChangefeedInfo info = stored.info;
  RETURN_UNEXPECTED_IF_ERROR(change(&info));
  if (info == stored.info)
    return Error(Code::kChangefeedUpdateRefused, "nothing differs from what changefeed {} has", id);
  if (info.target_ts != Ts() && info.target_ts <= info.start_ts)
    return Error(Code::kTargetTsBeforeStartTs, "target-ts {} must be greater than start-ts {}",
                 info.target_ts, info.start_ts);
  ASSIGN_OR_RETURN(const ReplicaConfig config, ReplicaConfig::FromJson(info.config));
  RETURN_UNEXPECTED_IF_ERROR(CheckSpec(
      {.id = id, .sink_uri = info.sink_uri, .config = config, .sort_engine = info.sort_engine}));
  if (info.config != stored.info.config) {
    ASSIGN_OR_RETURN(const std::optional<EtcdKv> kv, etcd_.Get(paths_.Status(id)));
    Ts checkpoint = info.start_ts;
    if (kv) {
      ASSIGN_OR_RETURN(const ChangefeedStatus status, ChangefeedStatus::FromJson(kv->value));
      checkpoint = status.checkpoint_ts;
    }
    RETURN_UNEXPECTED_IF_ERROR(CheckTables(config, info.sink_uri, checkpoint, accept));
  }
  if (info.config != stored.info.config || info.sink_uri != stored.info.sink_uri)
    RETURN_UNEXPECTED_IF_ERROR(CheckSink(info.sink_uri, config, ""));
  const std::string key = paths_.Info(id);
  ASSIGN_OR_RETURN(const EtcdTxnResult saved,
                   etcd_.Txn({{EtcdCompare::Target::kModRevision, key, stored.mod_revision}},
                             {{.key = key, .value = info.ToJson()}}));
  if (!saved.succeeded)
    return Error(Code::kChangefeedUpdateRefused, "changefeed {} was changed meanwhile, try again",
                 id);
  return info;
}

Status ChangefeedService::OverwriteCheckpoint(const ChangefeedId& id, Ts ts) {
  ASSIGN_OR_RETURN_STATUS(const StoredInfo stored, ReadInfo(etcd_, paths_, id));
  if (!MayBeUpdated(stored.info.state) && stored.info.state != FeedState::kFinished)
    return Status(
        Code::kChangefeedUpdateRefused,
        "changefeed {} is {}: its checkpoint can be overwritten only when it does not run", id,
        FeedStateName(stored.info.state));
  ASSIGN_OR_RETURN_STATUS(const Ts now, tikv_.pd().GetTs());
  if (ts > now)
    return Status(Code::kCliCheckpointTs, "checkpoint-ts {} is in the future, it is {} now", ts,
                  now);
  HeldSafePoint safe_point(tikv_.pd(), paths_.gc_service() + "-resuming-" + id);
  RETURN_IF_ERROR(safe_point.Set(ts));
  ASSIGN_OR_RETURN_STATUS(const std::optional<EtcdKv> kv, etcd_.Get(paths_.Status(id)));
  // As of a changefeed that begins there: no DDL before it is of any concern.
  const ChangefeedStatus status{
      .resolved_ts = ts, .checkpoint_ts = ts, .ddl_started_ts = ts, .ddl_finished_ts = ts};
  using Target = EtcdCompare::Target;
  ASSIGN_OR_RETURN_STATUS(
      const EtcdTxnResult saved,
      etcd_.Txn({{Target::kModRevision, paths_.Info(id), stored.mod_revision},
                 {Target::kModRevision, paths_.Status(id), kv ? kv->mod_revision : 0}},
                {{.key = paths_.Status(id), .value = status.ToJson()}}));
  if (!saved.succeeded)
    return Status(Code::kChangefeedUpdateRefused, "changefeed {} was changed meanwhile, try again",
                  id);
  safe_point.Keep();
  return Status::Ok();
}

}  // namespace cdc
