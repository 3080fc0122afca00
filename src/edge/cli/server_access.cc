// Through the Open API of a node.
#include "config/uri.h"
#include "edge/api/http_client.h"
#include "edge/cli/cluster_access.h"

namespace cdc {
namespace {

Status Unreadable(const std::string& target) {
  return Status(Code::kUnmarshal, "the server's answer to {} is not what was expected", target);
}

// What `changefeed query` shows as "info": the names of etcd's JSON.
OrderedJson InfoOf(const OrderedJson& detail) {
  OrderedJson info;
  info["sink-uri"] = detail.value("sink_uri", "");
  info["opts"] = OrderedJson::object();
  info["create-time"] = detail.value("create_time", "");
  info["start-ts"] = detail.value("start_ts", uint64_t{0});
  info["target-ts"] = detail.value("target_ts", uint64_t{0});
  info["admin-job-type"] = detail.value("admin_job_type", 0);
  info["sort-engine"] = detail.value("sort_engine", "unified");
  const auto config = ReplicaConfig::FromApiJson(detail.contains("config") ? detail["config"].dump()
                                                                           : std::string("{}"));
  info["config"] =
      config ? OrderedJson::parse(config->ToJson(), nullptr, false) : OrderedJson::object();
  info["state"] = detail.value("state", "");
  info["error"] = detail.contains("error") ? detail["error"] : OrderedJson(nullptr);
  info["creator-version"] = detail.value("creator_version", "");
  return info;
}

OrderedJson TasksOf(const OrderedJson& detail) {
  OrderedJson tasks = OrderedJson::array();
  for (const OrderedJson& task : detail.value("task_status", OrderedJson::array())) {
    OrderedJson tables = OrderedJson::object();
    for (const OrderedJson& id : task.value("table_ids", OrderedJson::array()))
      tables[id.dump()] = {{"start-ts", 0}, {"mark-table-id", 0}};
    tasks.push_back({{"capture-id", task.value("capture_id", "")},
                     {"status",
                      {{"tables", tables},
                       {"operation", task.value("table_operations", OrderedJson::object())},
                       {"admin-job-type", 0}}}});
  }
  return tasks;
}

OrderedJson SummaryOf(const OrderedJson& common) {
  return {{"state", common.value("state", "")},
          {"tso", common.value("checkpoint_tso", uint64_t{0})},
          {"checkpoint", common.value("checkpoint_time", "")},
          {"error", common.contains("error") ? common["error"] : OrderedJson(nullptr)}};
}

std::string Path(const ChangefeedId& id) { return "/api/v2/changefeeds/" + id; }

class ServerAccess : public ClusterAccess {
 public:
  explicit ServerAccess(const CliFlags& flags)
      : tls_{.files = flags.tls, .allowed_cn = {}}, server_(flags.server) {}

  Result<OrderedJson> ListChangefeeds(bool all) override {
    ASSIGN_OR_RETURN(const OrderedJson items, GetItems("/api/v2/changefeeds?state=all"));
    OrderedJson list = OrderedJson::array();
    for (const OrderedJson& item : items)
      if (all || item.value("state", "") != "removed")
        list.push_back({{"id", item.value("id", "")}, {"summary", SummaryOf(item)}});
    return list;
  }

  Result<OrderedJson> Summary(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const OrderedJson detail, Feed(id));
    return SummaryOf(detail);
  }

  Result<OrderedJson> Detail(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const OrderedJson detail, Feed(id));
    return OrderedJson{{"info", InfoOf(detail)},
                       {"status",
                        {{"resolved-ts", detail.value("resolved_ts", uint64_t{0})},
                         {"checkpoint-ts", detail.value("checkpoint_ts", uint64_t{0})},
                         {"admin-job-type", 0}}},
                       {"count", detail.value("count", uint64_t{0})},
                       {"task-status", TasksOf(detail)}};
  }

  Result<FeedProgress> Progress(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const OrderedJson detail, Feed(id));
    return FeedProgress{.checkpoint = Ts(detail.value("checkpoint_ts", uint64_t{0})),
                        .resolved = Ts(detail.value("resolved_ts", uint64_t{0})),
                        .rows = detail.value("count", uint64_t{0})};
  }

  Result<ChangefeedInfo> Info(const ChangefeedId& id) override {
    ASSIGN_OR_RETURN(const OrderedJson detail, Feed(id));
    return ChangefeedInfo::FromJson(InfoOf(detail).dump());
  }

  Result<ChangefeedInfo> Create(ChangefeedSpec* spec, const AcceptIneligible& accept) override {
    RETURN_UNEXPECTED_IF_ERROR(CheckSpec(*spec));
    RETURN_UNEXPECTED_IF_ERROR(AskAboutTables(spec->start_ts, accept, &spec->config));
    OrderedJson body = {{"changefeed_id", spec->id},
                        {"start_ts", spec->start_ts.raw()},
                        {"target_ts", spec->target_ts.raw()},
                        {"sink_uri", spec->sink_uri},
                        {"replica_config", OrderedJson::parse(spec->config.ToApiJson())},
                        {"opts", spec->opts},
                        {"sort_engine", spec->sort_engine},
                        {"time_zone", spec->time_zone}};
    if (spec->opts.empty()) body.erase("opts");
    ASSIGN_OR_RETURN(const OrderedJson made, Ask("POST", "/api/v2/changefeeds", body));
    spec->id = made.value("id", spec->id);
    return ChangefeedInfo::FromJson(InfoOf(made).dump());
  }

  Result<ChangefeedInfo> Update(const ChangefeedId& id, const ChangefeedChange& change,
                                const AcceptIneligible& accept) override {
    if (!change.opts.empty() || change.sort_engine)
      return Error(Code::kNotSupported,
                   "--opts and --sort-engine can be changed with --pd, not with --server");
    OrderedJson body = OrderedJson::object();
    if (change.target_ts) body["target_ts"] = change.target_ts->raw();
    if (change.sink_uri) body["sink_uri"] = *change.sink_uri;
    if (change.config) {
      ReplicaConfig config = *change.config;
      ASSIGN_OR_RETURN(const FeedProgress progress, Progress(id));
      RETURN_UNEXPECTED_IF_ERROR(AskAboutTables(progress.checkpoint, accept, &config));
      body["replica_config"] = OrderedJson::parse(config.ToApiJson());
    }
    ASSIGN_OR_RETURN(const OrderedJson changed, Ask("PUT", Path(id), body));
    return ChangefeedInfo::FromJson(InfoOf(changed).dump());
  }

  Status Administer(const ChangefeedId& id, AdminJobType job, bool force_remove) override {
    RETURN_IF_ERROR(ValidateChangefeedId(id));
    if (job == AdminJobType::kResume) return Resume(id, Ts());
    if (job == AdminJobType::kStop) return AskFor("POST", Path(id) + "/pause");
    // Remains without a changefeed are removed by force only.
    if (!force_remove)
      if (const auto feed = Feed(id); !feed) return feed.error();
    return AskFor("DELETE", Path(id) + (force_remove ? "?force=true" : ""));
  }

  Status Resume(const ChangefeedId& id, Ts overwrite) override {
    RETURN_IF_ERROR(ValidateChangefeedId(id));
    OrderedJson body = OrderedJson::object();
    if (overwrite != Ts()) body["overwrite_checkpoint_ts"] = overwrite.raw();
    const auto resumed = Ask("POST", Path(id) + "/resume", body);
    return resumed ? Status::Ok() : resumed.error();
  }

  Result<OrderedJson> Captures() override {
    ASSIGN_OR_RETURN(const OrderedJson items, GetItems("/api/v2/captures"));
    OrderedJson list = OrderedJson::array();
    for (const OrderedJson& item : items)
      list.push_back({{"id", item.value("id", "")},
                      {"is-owner", item.value("is_owner", false)},
                      {"address", item.value("address", "")}});
    return list;
  }

  Result<OrderedJson> Processors() override {
    ASSIGN_OR_RETURN(const OrderedJson items, GetItems("/api/v2/processors"));
    OrderedJson list = OrderedJson::array();
    for (const OrderedJson& item : items)
      list.push_back(
          {{"id", item.value("changefeed_id", "")}, {"capture-id", item.value("capture_id", "")}});
    return list;
  }

  Result<OrderedJson> Processor(const ChangefeedId& id, const CaptureId& capture) override {
    RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
    RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(capture));
    ASSIGN_OR_RETURN(const OrderedJson processor,
                     Ask("GET", "/api/v2/processors/" + id + "/" + capture));
    OrderedJson tables = OrderedJson::object();
    for (const OrderedJson& table : processor.value("table_ids", OrderedJson::array()))
      tables[table.dump()] = {{"start-ts", 0}, {"mark-table-id", 0}};
    return OrderedJson{
        {"status", {{"tables", tables}, {"operation", nullptr}, {"admin-job-type", 0}}},
        {"position", nullptr}};
  }

  Result<Ts> Now() override {
    ASSIGN_OR_RETURN(const OrderedJson now, Ask("POST", "/api/v2/tso"));
    return Ts((now.value("timestamp", uint64_t{0}) << 18) + now.value("logic_time", uint64_t{0}));
  }

  Result<std::vector<std::pair<std::string, std::string>>> Metadata() override {
    const std::string target = "/api/v2/unsafe/metadata";
    ASSIGN_OR_RETURN(const OrderedJson metadata, Ask("GET", target));
    if (!metadata.is_array()) return Unexpected(Unreadable(target));
    std::vector<std::pair<std::string, std::string>> list;
    for (const OrderedJson& entry : metadata)
      list.emplace_back(entry.value("key", ""), entry.value("value", ""));
    return list;
  }

  Status DeleteServiceGcSafePoint() override {
    return AskFor("DELETE", "/api/v2/unsafe/service_gc_safepoint");
  }

  Status ResolveLocks(RegionId region, Ts ts) override {
    const auto done =
        Ask("POST", "/api/v2/unsafe/resolve_lock", {{"region_id", Raw(region)}, {"ts", ts.raw()}});
    return done ? Status::Ok() : done.error();
  }

  Status Reset() override {
    return Status(Code::kNotSupported, "reset empties etcd itself: use --pd, not --server");
  }

 private:
  Result<OrderedJson> Ask(const char* method, const std::string& target,
                          const OrderedJson& body = nullptr) {
    std::string address = server_;
    const bool https = address.starts_with("https://");
    if (const size_t scheme = address.find("://"); scheme != address.npos)
      address.erase(0, scheme + 3);
    while (address.ends_with('/')) address.pop_back();
    if (https && !tls_.enabled())
      return Error(Code::kInvalidServerOption, "--server={} needs --ca", server_);
    ASSIGN_OR_RETURN(const HttpAnswer answer,
                     CallNode(address, tls_,
                              {.method = method,
                               .target = target,
                               .headers = {},
                               .body = body.is_null() ? "" : body.dump()}));
    RETURN_UNEXPECTED_IF_ERROR(AnswerStatus(address, answer));
    OrderedJson json = OrderedJson::parse(answer.body, nullptr, false);
    if (json.is_discarded()) return Unexpected(Unreadable(target));
    return json;
  }

  Status AskFor(const char* method, const std::string& target) {
    const auto answer = Ask(method, target);
    return answer ? Status::Ok() : answer.error();
  }

  Result<OrderedJson> GetItems(const std::string& target) {
    ASSIGN_OR_RETURN(const OrderedJson list, Ask("GET", target));
    if (!list.is_object() || !list.contains("items")) return Unexpected(Unreadable(target));
    return list["items"];
  }

  Result<OrderedJson> Feed(const ChangefeedId& id) {
    RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
    ASSIGN_OR_RETURN(OrderedJson detail, Ask("GET", Path(id)));
    if (!detail.is_object()) return Unexpected(Unreadable(Path(id)));
    return detail;
  }

  // The server takes tables without a usable key only with a word about them in the configuration.
  Status AskAboutTables(Ts ts, const AcceptIneligible& accept, ReplicaConfig* config) {
    if (config->force_replicate || config->ignore_ineligible_table) return Status::Ok();
    ASSIGN_OR_RETURN_STATUS(
        const OrderedJson tables,
        Ask("POST", "/api/v2/verify_table",
            {{"replica_config", OrderedJson::parse(config->ToApiJson())}, {"start_ts", ts.raw()}}));
    std::vector<TableName> ineligible;
    for (const OrderedJson& table : tables.value("ineligible_tables", OrderedJson::array()))
      ineligible.push_back(
          {.schema = table.value("database_name", ""), .table = table.value("table_name", "")});
    if (ineligible.empty()) return Status::Ok();
    if (!accept(ineligible)) return Status(Code::kCliAborted, "nothing was changed");
    config->ignore_ineligible_table = true;
    return Status::Ok();
  }

  const HttpTls tls_;
  const std::string server_;
};

}  // namespace

std::unique_ptr<ClusterAccess> MakeServerAccess(const CliFlags& flags) {
  return std::make_unique<ServerAccess>(flags);
}

}  // namespace cdc
