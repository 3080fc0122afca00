// What is asked about changefeeds, in both versions of the Open API.
#include <algorithm>
#include <set>

#include "config/uri.h"
#include "edge/api/api_context.h"
#include "edge/api/changefeed_body.h"
#include "edge/api/secrets.h"

namespace cdc {
namespace {

// Without a state asked for, finished ones are left out, as TiCDC does.
bool Wanted(const std::string& state, const ChangefeedView& feed) {
  if (!feed.info) return false;
  const FeedState is = feed.info->state;
  if (state.empty()) return is != FeedState::kFinished && is != FeedState::kRemoved;
  return state == "all" || state == FeedStateName(is);
}

Result<OrderedJson> List(ApiContext& context, const ApiRequest& request,
                         OrderedJson (*entry)(const ChangefeedId&, const ChangefeedView&)) {
  RETURN_UNEXPECTED_IF_ERROR(CheckNamespace(request.Param("namespace")));
  const std::string state = request.Param("state");
  if (!state.empty() && state != "all" && !FeedStateFromName(state))
    return Error(Code::kApiInvalidParam, "\"{}\" is no state of a changefeed", state);
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  OrderedJson list = OrderedJson::array();
  for (const auto& [id, feed] : cluster.view.changefeeds())
    if (Wanted(state, feed)) list.push_back(entry(id, feed));
  return list;
}

using View = OrderedJson (*)(const ChangefeedId&, const ChangefeedView&);

ApiHandler Show(ApiContext& context, View view) {
  return [&context, view](const ApiRequest& request) -> Result<ApiReply> {
    const std::string id = request.PathParam("changefeed_id");
    RETURN_UNEXPECTED_IF_ERROR(CheckNamespace(request.Param("namespace")));
    ASSIGN_OR_RETURN(const ChangefeedView feed, context.Changefeed(id));
    return ApiReply::Json(view(id, feed));
  };
}

// Tables without a usable key: only with a word about them in the configuration.
AcceptIneligible AsConfigured(const ReplicaConfig& config) {
  const bool accepted = config.force_replicate || config.ignore_ineligible_table;
  return [accepted](const std::vector<TableName>&) { return accepted; };
}

OrderedJson NewView(const ChangefeedId& id, const ChangefeedInfo& info) {
  ChangefeedView view;
  view.info = info;
  return DetailV2(id, view);
}

Result<OrderedJson> Create(ApiContext& context, const ApiRequest& request,
                           Result<ChangefeedBody> (*read)(const OrderedJson&)) {
  ASSIGN_OR_RETURN(const OrderedJson json, request.JsonBody());
  ASSIGN_OR_RETURN(const ChangefeedBody body, read(json));
  RETURN_UNEXPECTED_IF_ERROR(CheckUpstream(body.pd_addrs, context.pd().endpoints()));
  ChangefeedSpec spec{.id = body.id,
                      .sink_uri = body.sink_uri.value_or(""),
                      .config = body.config.value_or(ReplicaConfig()),
                      .start_ts = body.start_ts,
                      .target_ts = body.target_ts.value_or(Ts()),
                      .opts = body.opts,
                      .sort_engine = body.sort_engine,
                      .time_zone = body.time_zone};
  ASSIGN_OR_RETURN(const ChangefeedInfo info,
                   context.service().Create(&spec, AsConfigured(spec.config)));
  return NewView(spec.id, info);
}

Result<OrderedJson> Update(ApiContext& context, const ApiRequest& request,
                           Result<ChangefeedBody> (*read)(const OrderedJson&)) {
  ASSIGN_OR_RETURN(const OrderedJson json, request.JsonBody());
  ASSIGN_OR_RETURN(const ChangefeedBody body, read(json));
  RETURN_UNEXPECTED_IF_ERROR(CheckUpstream(body.pd_addrs, context.pd().endpoints()));
  const std::string id = request.PathParam("changefeed_id");
  const auto change = [&](ChangefeedInfo* info) {
    if (body.target_ts && *body.target_ts != Ts()) info->target_ts = *body.target_ts;
    // A client that sends back what it was shown does not mean the mask.
    const bool shown = body.sink_uri == Uri::Mask(info->sink_uri);
    if (body.sink_uri && !body.sink_uri->empty() && !shown) info->sink_uri = *body.sink_uri;
    if (!body.config) return Status::Ok();
    OrderedJson config = OrderedJson::parse(body.config->ToJson(), nullptr, false);
    RestoreSecrets(OrderedJson::parse(info->config, nullptr, false), &config);
    info->config = config.dump();
    return Status::Ok();
  };
  ASSIGN_OR_RETURN(
      const ChangefeedInfo info,
      context.service().Update(id, change, AsConfigured(body.config.value_or(ReplicaConfig()))));
  return NewView(id, info);
}

Result<ApiReply> Administer(ApiContext& context, const ApiRequest& request, AdminJobType type,
                            ApiReply reply) {
  const std::string id = request.PathParam("changefeed_id");
  RETURN_UNEXPECTED_IF_ERROR(CheckNamespace(request.Param("namespace")));
  RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
  const bool force = request.Param("force") == "true";
  RETURN_UNEXPECTED_IF_ERROR(context.Administer(id, type, force));
  return reply;
}

// DELETE of the second version says yes to what is gone already.
Result<ApiReply> RemoveV2(ApiContext& context, const ApiRequest& request) {
  ApiReply gone = ApiReply::Json(OrderedJson::object());
  auto removed = Administer(context, request, AdminJobType::kRemove, gone);
  if (!removed && removed.error().code() == Code::kChangefeedNotExists) return gone;
  return removed;
}

Result<ApiReply> ResumeV2(ApiContext& context, const ApiRequest& request) {
  const std::string id = request.PathParam("changefeed_id");
  ASSIGN_OR_RETURN(const OrderedJson json, request.JsonBody());
  ASSIGN_OR_RETURN(const ResumeBody body, ReadResumeBody(json));
  RETURN_UNEXPECTED_IF_ERROR(CheckUpstream(body.pd_addrs, context.pd().endpoints()));
  if (body.overwrite_checkpoint_ts != Ts())
    RETURN_UNEXPECTED_IF_ERROR(
        context.service().OverwriteCheckpoint(id, body.overwrite_checkpoint_ts));
  return Administer(context, request, AdminJobType::kResume, ApiReply::Json(OrderedJson::object()));
}

OrderedJson NamesView(const std::vector<TableName>& tables) {
  OrderedJson view = OrderedJson::array();
  for (const TableName& table : tables)
    view.push_back({{"database_name", table.schema},
                    {"table_name", table.table},
                    {"table_id", Raw(table.id)},
                    {"is_partition", table.is_partition}});
  return view;
}

Result<ApiReply> VerifyTables(ApiContext& context, const ApiRequest& request, bool all) {
  ASSIGN_OR_RETURN(const OrderedJson json, request.JsonBody());
  ASSIGN_OR_RETURN(const ChangefeedBody body, ReadBodyV2(json));
  RETURN_UNEXPECTED_IF_ERROR(CheckUpstream(body.pd_addrs, context.pd().endpoints()));
  const ReplicaConfig config = body.config.value_or(ReplicaConfig());
  RETURN_UNEXPECTED_IF_ERROR(config.Validate());
  ASSIGN_OR_RETURN(
      const TablesVerdict verdict,
      context.service().VerifyTables(config, body.sink_uri.value_or(""), body.start_ts));
  OrderedJson view = {{"ineligible_tables", NamesView(verdict.ineligible)},
                      {"eligible_tables", NamesView(verdict.eligible)}};
  if (all) {
    view["all_tables"] = view["eligible_tables"];
    for (const OrderedJson& table : view["ineligible_tables"]) view["all_tables"].push_back(table);
  }
  return ApiReply::Json(view);
}

// What each table of a changefeed on this node waits for, slowest first.
Result<ApiReply> Tables(ApiContext& context, const ApiRequest& request) {
  RETURN_UNEXPECTED_IF_ERROR([&] {
    const auto feed = context.Changefeed(request.PathParam("changefeed_id"));
    return feed ? Status::Ok() : feed.error();
  }());
  OrderedJson items = OrderedJson::array();
  for (const TableProgress& table : context.capture().Progress(request.PathParam("changefeed_id")))
    items.push_back({{"table_id", Raw(table.table)},
                     {"checkpoint_ts", table.checkpoint.raw()},
                     {"resolved_ts", table.resolved.raw()},
                     {"sorter_bytes", table.sorter_bytes},
                     {"regions", table.feed.regions},
                     {"regions_initialized", table.feed.regions_initialized},
                     {"slowest_region", Raw(table.feed.slowest_region)},
                     {"slowest_store", Raw(table.feed.slowest_store)},
                     {"slowest_resolved_ts", table.feed.slowest_resolved.raw()},
                     {"reason", table.feed.reason}});
  return ApiReply::Json({{"total", items.size()}, {"items", items}});
}

// Asked of the owner alone, so that one node remembers what was there.
Result<ApiReply> Synced(ApiContext& context, const ApiRequest& request) {
  const std::string id = request.PathParam("changefeed_id");
  ASSIGN_OR_RETURN(const ChangefeedView feed, context.Changefeed(id));
  ASSIGN_OR_RETURN(const Ts now, context.pd().GetTs());
  uint64_t rows = 0;
  for (const auto& [capture, position] : feed.positions) rows += position.count;
  const Ts resolved = feed.status ? feed.status->resolved_ts : feed.Checkpoint();
  return ApiReply::Json(
      SyncedView(feed.Checkpoint(), resolved, context.synced().LastSynced(id, rows, now), now));
}

ApiHandler Job(ApiContext& context, AdminJobType type, ApiReply reply) {
  return [&context, type, reply](const ApiRequest& request) {
    return Administer(context, request, type, reply);
  };
}

void AddV1(ApiContext& context, Router* router) {
  const ApiReply accepted = ApiReply::Empty(202);
  router->Add({"GET",
               "/api/v1/changefeeds",
               {.summary = "Changefeeds; without a state, those that are not finished",
                .answer = "ChangefeedsV1",
                .query = "state"},
               [&context](const ApiRequest& request) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const OrderedJson list, List(context, request, &ListEntryV1));
                 return ApiReply::Json(list);
               }});
  router->Add({"GET",
               "/api/v1/changefeeds/{changefeed_id}",
               {.summary = "One changefeed", .answer = "ChangefeedV1"},
               Show(context, &DetailV1)});
  router->Add({"POST",
               "/api/v1/changefeeds",
               {.summary = "Create a changefeed", .body = "CreateV1", .status = 202},
               [&context, accepted](const ApiRequest& request) -> Result<ApiReply> {
                 RETURN_UNEXPECTED_IF_ERROR([&] {
                   const auto made = Create(context, request, &ReadBodyV1);
                   return made ? Status::Ok() : made.error();
                 }());
                 return accepted;
               },
               /*owner=*/true});
  router->Add(
      {"PUT",
       "/api/v1/changefeeds/{changefeed_id}",
       {.summary = "Change a stopped or failed changefeed", .body = "CreateV1", .status = 202},
       [&context, accepted](const ApiRequest& request) -> Result<ApiReply> {
         RETURN_UNEXPECTED_IF_ERROR([&] {
           const auto changed = Update(context, request, &ReadBodyV1);
           return changed ? Status::Ok() : changed.error();
         }());
         return accepted;
       },
       /*owner=*/true});
  router->Add({"POST",
               "/api/v1/changefeeds/{changefeed_id}/pause",
               {.summary = "Stop a changefeed", .status = 202},
               Job(context, AdminJobType::kStop, accepted),
               /*owner=*/true});
  router->Add({"POST",
               "/api/v1/changefeeds/{changefeed_id}/resume",
               {.summary = "Go on with a stopped or failed changefeed", .status = 202},
               Job(context, AdminJobType::kResume, accepted),
               /*owner=*/true});
  router->Add({"DELETE",
               "/api/v1/changefeeds/{changefeed_id}",
               {.summary = "Remove a changefeed", .status = 202},
               Job(context, AdminJobType::kRemove, accepted),
               /*owner=*/true});
}

void AddV2Reads(ApiContext& context, Router* router) {
  router->Add({"GET",
               "/api/v2/changefeeds",
               {.summary = "Changefeeds; without a state, those that are not finished",
                .answer = "ChangefeedList",
                .query = "state namespace"},
               [&context](const ApiRequest& request) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const OrderedJson list, List(context, request, &ListEntryV2));
                 return ApiReply::Json({{"total", list.size()}, {"items", list}});
               }});
  for (const char* path :
       {"/api/v2/changefeeds/{changefeed_id}", "/api/v2/changefeeds/{changefeed_id}/meta_info"})
    router->Add({"GET",
                 path,
                 {.summary = "One changefeed", .answer = "Changefeed", .query = "namespace"},
                 Show(context, &DetailV2)});
  router->Add({"GET",
               "/api/v2/changefeeds/{changefeed_id}/status",
               {.summary = "How far a changefeed is", .answer = "ChangefeedStatus"},
               Show(context, [](const ChangefeedId&, const ChangefeedView& feed) {
                 return StatusV2(feed);
               })});
  router->Add({"GET",
               "/api/v2/changefeeds/{changefeed_id}/synced",
               {.summary = "Whether all data has arrived downstream", .answer = "Synced"},
               [&context](const ApiRequest& request) { return Synced(context, request); },
               /*owner=*/true});
  router->Add(
      {"GET",
       "/api/v2/changefeeds/{changefeed_id}/tables",
       {.summary = "What each table on this node waits for, slowest first", .answer = "TableList"},
       [&context](const ApiRequest& request) { return Tables(context, request); }});
  for (const auto& [path, all] :
       {std::pair("/api/v2/verify_table", false), std::pair("/api/v2/get_all_tables", true)})
    router->Add({"POST",
                 path,
                 {.summary = "Which tables a configuration lets through",
                  .answer = "Tables",
                  .body = "VerifyTables"},
                 [&context, all = all](const ApiRequest& request) {
                   return VerifyTables(context, request, all);
                 }});
}

void AddV2Writes(ApiContext& context, Router* router) {
  const ApiReply done = ApiReply::Json(OrderedJson::object());
  router->Add({"POST",
               "/api/v2/changefeeds",
               {.summary = "Create a changefeed", .answer = "Changefeed", .body = "CreateV2"},
               [&context](const ApiRequest& request) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const OrderedJson view, Create(context, request, &ReadBodyV2));
                 return ApiReply::Json(view);
               },
               /*owner=*/true});
  router->Add({"PUT",
               "/api/v2/changefeeds/{changefeed_id}",
               {.summary = "Change a stopped or failed changefeed",
                .answer = "Changefeed",
                .body = "CreateV2"},
               [&context](const ApiRequest& request) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const OrderedJson view, Update(context, request, &ReadBodyV2));
                 return ApiReply::Json(view);
               },
               /*owner=*/true});
  router->Add({"POST",
               "/api/v2/changefeeds/{changefeed_id}/pause",
               {.summary = "Stop a changefeed", .answer = "Empty"},
               Job(context, AdminJobType::kStop, done),
               /*owner=*/true});
  router->Add(
      {"POST",
       "/api/v2/changefeeds/{changefeed_id}/resume",
       {.summary = "Go on with a stopped or failed changefeed, at another checkpoint if given",
        .answer = "Empty",
        .body = "Resume"},
       [&context](const ApiRequest& request) { return ResumeV2(context, request); },
       /*owner=*/true});
  router->Add({"DELETE",
               "/api/v2/changefeeds/{changefeed_id}",
               {.summary = "Remove a changefeed; force=true takes remains along",
                .answer = "Empty",
                .query = "force"},
               [&context](const ApiRequest& request) { return RemoveV2(context, request); },
               /*owner=*/true});
}

}  // namespace

void AddChangefeedRoutes(ApiContext& context, Router* router) {
  AddV1(context, router);
  AddV2Reads(context, router);
  AddV2Writes(context, router);
}

}  // namespace cdc
