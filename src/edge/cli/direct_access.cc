// Through etcd and PD.
#include <sstream>

#include "control/etcd/cluster_view.h"
#include "dataflow/upstream/lock_cleaner.h"
#include "edge/api/http_client.h"
#include "edge/cli/cluster_access.h"

namespace cdc {
namespace {

constexpr size_t kDeletesPerTxn = 100;

std::string FormOf(const std::map<std::string, std::string>& fields) {
  std::string form;
  for (const auto& [name, value] : fields)
    form += (form.empty() ? "" : "&") + name + "=" + value;  // ids and numbers need no escapes
  return form;
}

class DirectAccess : public ClusterAccess {
 public:
  explicit DirectAccess(const CliFlags& flags) : flags_(flags), paths_(flags.cluster_id) {}

  Result<OrderedJson> ListChangefeeds(bool all) override {
    ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
    OrderedJson list = OrderedJson::array();
    for (const auto& [id, feed] : cluster.view.changefeeds())
      if (feed.info || (all && feed.status))
        list.push_back({{"id", id}, {"summary", SummaryView(feed)}});
    return list;
  }

  Result<OrderedJson> Summary(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const ChangefeedView feed, Find(id));
    return SummaryView(feed);
  }

  Result<OrderedJson> Detail(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const ChangefeedView feed, Find(id));
    return DetailView(feed);
  }

  Result<FeedProgress> Progress(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const ChangefeedView feed, Find(id));
    FeedProgress progress{.checkpoint = feed.Checkpoint(),
                          .resolved = feed.status ? feed.status->resolved_ts : feed.Checkpoint()};
    for (const auto& [capture, position] : feed.positions) progress.rows += position.count;
    return progress;
  }

  Result<ChangefeedInfo> Info(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const ChangefeedView feed, Find(id));
    if (!feed.info) return Error(Code::kChangefeedNotExists, "changefeed {} was removed", id);
    return *feed.info;
  }

  Result<ChangefeedInfo> Create(ChangefeedSpec* spec, const AcceptIneligible& accept) override {
    ASSIGN_OR_RETURN(TiKvClient * tikv, TiKv());
    ASSIGN_OR_RETURN(EtcdClient * etcd, Etcd());
    return ChangefeedService(*etcd, *tikv, paths_).Create(spec, accept);
  }

  Result<ChangefeedInfo> Update(const ChangefeedId& id, const ChangefeedChange& change,
                                const AcceptIneligible& accept) override {
    ASSIGN_OR_RETURN(TiKvClient * tikv, TiKv());
    ASSIGN_OR_RETURN(EtcdClient * etcd, Etcd());
    return ChangefeedService(*etcd, *tikv, paths_)
        .Update(
            id,
            [&](ChangefeedInfo* info) {
              change.ApplyTo(info);
              return Status::Ok();
            },
            accept);
  }

  Status Administer(const ChangefeedId& id, AdminJobType job, bool force_remove) override {
    if (const auto feed = Find(id); !feed) return feed.error();
    return PostToOwner("/capture/owner/admin",
                       {{"admin-job", std::to_string(static_cast<int>(job))},
                        {"cf-id", id},
                        {"force-remove", force_remove ? "true" : "false"}});
  }

  Status Resume(const ChangefeedId& id, Ts overwrite) override {
    if (overwrite != Ts()) {
      ASSIGN_OR_RETURN_STATUS(TiKvClient * tikv, TiKv());
      ASSIGN_OR_RETURN_STATUS(EtcdClient * etcd, Etcd());
      RETURN_IF_ERROR(ChangefeedService(*etcd, *tikv, paths_).OverwriteCheckpoint(id, overwrite));
    }
    return Administer(id, AdminJobType::kResume, false);
  }

  Result<OrderedJson> Captures() override {
    ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
    return CapturesView(cluster);
  }

  Result<OrderedJson> Processors() override {
    ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
    OrderedJson list = OrderedJson::array();
    for (const auto& [id, feed] : cluster.view.changefeeds())
      for (const auto& [capture, position] : feed.positions)
        list.push_back({{"id", id}, {"capture-id", capture}});
    return list;
  }

  Result<OrderedJson> Processor(const ChangefeedId& id, const CaptureId& capture) override {
    ASSIGN_OR_RETURN(const ChangefeedView feed, Find(id));
    const auto task = feed.tasks.find(capture);
    const auto position = feed.positions.find(capture);
    if (task == feed.tasks.end() && position == feed.positions.end())
      return Error(Code::kCaptureNotExist, "capture \"{}\" has no part in changefeed {}", capture,
                   id);
    const auto view = [](bool there, const auto& value) {
      return there ? OrderedJson::parse(value->second.ToJson(), nullptr, false)
                   : OrderedJson(nullptr);
    };
    return OrderedJson{{"status", view(task != feed.tasks.end(), task)},
                       {"position", view(position != feed.positions.end(), position)}};
  }

  Result<Ts> Now() override {
    ASSIGN_OR_RETURN(TiKvClient * tikv, TiKv());
    return tikv->pd().GetTs();
  }

  Result<std::vector<std::pair<std::string, std::string>>> Metadata() override {
    ASSIGN_OR_RETURN(EtcdClient * etcd, Etcd());
    ASSIGN_OR_RETURN(const EtcdRange range, etcd->GetPrefix(paths_.prefix()));
    std::vector<std::pair<std::string, std::string>> list;
    for (const EtcdKv& kv : range.kvs) list.emplace_back(kv.key, kv.value);
    return list;
  }

  Status DeleteServiceGcSafePoint() override {
    ASSIGN_OR_RETURN_STATUS(TiKvClient * tikv, TiKv());
    const auto kept = tikv->pd().UpdateServiceGcSafePoint(paths_.gc_service(),
                                                          std::chrono::seconds(0), Ts::Max());
    return kept ? Status::Ok() : kept.error();
  }

  Status ResolveLocks(RegionId region, Ts ts) override {
    constexpr uint64_t kAgeMs = 60'000;
    ASSIGN_OR_RETURN_STATUS(TiKvClient * tikv, TiKv());
    auto* cleaner = dynamic_cast<LockCleaner*>(tikv);
    if (cleaner == nullptr) return Status(Code::kNotSupported, "locks cannot be resolved here");
    if (ts == Ts()) {
      ASSIGN_OR_RETURN_STATUS(const Ts now, tikv->pd().GetTs());
      ts = Ts::FromUnixMs(now.unix_ms() - kAgeMs);
    }
    return cleaner->ResolveLocks(region, ts);
  }

  Status Reset() override {
    ASSIGN_OR_RETURN_STATUS(EtcdClient * etcd, Etcd());
    ASSIGN_OR_RETURN_STATUS(const EtcdRange range, etcd->GetPrefix(paths_.prefix()));
    std::vector<EtcdOp> deletes;
    for (size_t i = 0; i < range.kvs.size(); ++i) {
      deletes.push_back({.key = range.kvs[i].key, .value = std::nullopt});
      if (deletes.size() < kDeletesPerTxn && i + 1 < range.kvs.size()) continue;
      ASSIGN_OR_RETURN_STATUS([[maybe_unused]] const EtcdTxnResult done, etcd->Txn({}, deletes));
      deletes.clear();
    }
    for (const EtcdKv& kv : range.kvs)  // of captures and candidates; some share one
      if (kv.lease != kNoLease) (void)etcd->RevokeLease(kv.lease);
    return DeleteServiceGcSafePoint();
  }

 private:
  Result<std::vector<std::string>> Endpoints() const {
    std::vector<std::string> endpoints;
    std::stringstream stream(flags_.pd);
    for (std::string part; std::getline(stream, part, ',');) {
      if (!part.starts_with("http://") && !part.starts_with("https://"))
        return Error(Code::kInvalidServerOption,
                     "PD endpoint \"{}\" must begin with http:// or https://", part);
      if (part.starts_with("https://") != flags_.tls.enabled())
        return Error(Code::kInvalidServerOption, "PD endpoint \"{}\": {}", part,
                     flags_.tls.enabled() ? "must begin with https:// as --ca is given"
                                          : "https:// needs --ca");
      endpoints.push_back(part);
    }
    if (endpoints.empty()) return Error(Code::kInvalidServerOption, "--pd is empty");
    return endpoints;
  }

  Result<TiKvClient*> TiKv() {
    if (!tikv_) {
      ASSIGN_OR_RETURN(const auto endpoints, Endpoints());
      ASSIGN_OR_RETURN(tikv_, TiKvClient::Open(endpoints, flags_.tls, {}, SystemClock()));
    }
    return tikv_.get();
  }

  Result<EtcdClient*> Etcd() {
    if (!etcd_) {
      ASSIGN_OR_RETURN(const auto endpoints, Endpoints());
      ASSIGN_OR_RETURN(etcd_, EtcdClient::Open({.endpoints = endpoints, .tls = flags_.tls}));
    }
    return etcd_.get();
  }

  Result<ClusterSnapshot> Cluster() {
    ASSIGN_OR_RETURN(EtcdClient * etcd, Etcd());
    return ReadCluster(*etcd, paths_);
  }

  Result<ChangefeedView> Find(const ChangefeedId& id) {
    ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
    const auto feed = cluster.view.changefeeds().find(id);
    if (feed == cluster.view.changefeeds().end() || (!feed->second.info && !feed->second.status))
      return Error(Code::kChangefeedNotExists, "there is no changefeed \"{}\"", id);
    return feed->second;
  }

  Status PostToOwner(const std::string& path, const std::map<std::string, std::string>& form) {
    ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster, Cluster());
    const auto& captures = cluster.view.captures();
    const auto owner = cluster.owner ? captures.find(*cluster.owner) : captures.end();
    if (owner == captures.end())
      return Status(Code::kOwnerNotFound, "no capture is the owner: is a cdc server running?");
    const std::string& address = owner->second.address;
    const auto answer = CallNode(address, {.files = flags_.tls, .allowed_cn = {}},
                                 {.method = "POST",
                                  .target = path,
                                  .headers = {},
                                  .body = FormOf(form),
                                  .content_type = "application/x-www-form-urlencoded"});
    if (!answer)
      return Status(Code::kOwnerNotFound, "the owner is out of reach: {}",
                    answer.error().message());
    return AnswerStatus(address, *answer);
  }

  const CliFlags flags_;
  const KeyPaths paths_;
  std::unique_ptr<TiKvClient> tikv_;
  std::unique_ptr<EtcdClient> etcd_;
};

}  // namespace

void ChangefeedChange::ApplyTo(ChangefeedInfo* info) const {
  if (target_ts) info->target_ts = *target_ts;
  if (sink_uri) info->sink_uri = *sink_uri;
  if (config) info->config = config->ToJson();
  for (const auto& [key, value] : opts) info->opts[key] = value;
  if (sort_engine) info->sort_engine = *sort_engine;
}

std::unique_ptr<ClusterAccess> MakeDirectAccess(const CliFlags& flags) {
  return std::make_unique<DirectAccess>(flags);
}

}  // namespace cdc
