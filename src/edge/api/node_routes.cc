// What is asked of a node, or of the cluster as a whole.
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "edge/api/api_context.h"
#include "edge/api/cpu_profile.h"
#include "edge/api/secrets.h"
#include "edge/api/version.h"

namespace cdc {
namespace {

OrderedJson ServerStatus(ApiContext& context) {
  return {{"version", Build().release},
          {"git_hash", Build().git_hash},
          {"id", context.capture().info().id},
          {"cluster_id", context.cluster_id()},
          {"pid", getpid()},
          {"is_owner", context.capture().IsOwner()},
          {"liveness", 0}};
}

// What is in etcd, with the secrets of sink URIs masked.
Result<OrderedJson> Metadata(ApiContext& context) {
  ASSIGN_OR_RETURN(const EtcdRange range, context.etcd().GetPrefix(context.paths().prefix()));
  OrderedJson list = OrderedJson::array();
  for (const EtcdKv& kv : range.kvs) {
    const auto key = context.paths().Parse(kv.key);
    std::string value = kv.value;
    if (key && key->kind == ParsedKey::Kind::kInfo) {
      OrderedJson info = OrderedJson::parse(value, nullptr, false);
      MaskSecrets(&info);
      value = info.is_object() ? info.dump() : "(cannot be read)";
    }
    list.push_back({{"key", kv.key}, {"value", std::move(value)}});
  }
  return list;
}

Result<ApiReply> DebugInfo(ApiContext& context) {
  std::string text = context.capture().DebugInfo() + "\n\n*** etcd info ***:\n\n";
  const auto metadata = Metadata(context);
  if (!metadata) return ApiReply::Text(text + metadata.error().ToString());
  for (const OrderedJson& entry : *metadata)
    text += fmt::format("{}\n\t{}\n\n", entry["key"].get<std::string>(),
                        entry["value"].get<std::string>());
  return ApiReply::Text(std::move(text));
}

Result<ApiReply> ChangeLogLevel(const OrderedJson& level) {
  if (!level.is_string())
    return Error(Code::kApiInvalidParam, "the log level must be a JSON string");
  RETURN_UNEXPECTED_IF_ERROR(SetLogLevel(level.get<std::string>()));
  LogWarn("log level changed, level={}", level.get<std::string>());
  return ApiReply::Json(OrderedJson::object());
}

Result<ApiReply> ChangeLogLevelByObject(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const OrderedJson body, request.JsonBody());
  if (!body.contains("log_level")) return Error(Code::kApiInvalidParam, "log_level is missing");
  return ChangeLogLevel(body["log_level"]);
}

// Healthy: etcd answers and somebody is the owner.
Result<ApiReply> Health(ApiContext& context) {
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  if (!cluster.owner || !cluster.view.captures().contains(*cluster.owner))
    return Error(Code::kClusterUnhealthy, "no capture is the owner");
  return ApiReply::Empty();
}

Result<OrderedJson> Captures(ApiContext& context) {
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  OrderedJson captures = OrderedJson::array();
  for (const auto& [id, info] : cluster.view.captures())
    captures.push_back({{"id", id},
                        {"is_owner", cluster.owner == id},
                        {"address", info.address},
                        {"cluster_id", context.cluster_id()}});
  return captures;
}

Result<OrderedJson> Processors(ApiContext& context) {
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  OrderedJson processors = OrderedJson::array();
  for (const auto& [id, feed] : cluster.view.changefeeds())
    for (const auto& [capture, position] : feed.positions)
      processors.push_back(
          {{"namespace", "default"}, {"changefeed_id", id}, {"capture_id", capture}});
  return processors;
}

ApiReply Listed(const OrderedJson& items) {
  return ApiReply::Json({{"total", items.size()}, {"items", items}});
}

Result<ApiReply> OneProcessor(ApiContext& context, const ApiRequest& request) {
  const std::string id = request.PathParam("changefeed_id");
  const std::string capture = request.PathParam("capture_id");
  ASSIGN_OR_RETURN(const ChangefeedView feed, context.Changefeed(id));
  if (feed.info->state != FeedState::kNormal)
    return Error(Code::kApiInvalidParam, "changefeed {} is {}: it has no processors", id,
                 FeedStateName(feed.info->state));
  RETURN_UNEXPECTED_IF_ERROR([&] {
    const auto found = context.FindCapture(capture);
    return found ? Status::Ok() : found.error();
  }());
  OrderedJson tables = OrderedJson::array();
  if (const auto task = feed.tasks.find(capture); task != feed.tasks.end())
    for (const auto& [table, replica] : task->second.tables) tables.push_back(Raw(table));
  return ApiReply::Json({{"table_ids", tables}});
}

Result<ApiReply> QueryTso(ApiContext& context) {
  constexpr uint64_t kLogicalMask = (uint64_t{1} << 18) - 1;
  ASSIGN_OR_RETURN(const Ts now, context.pd().GetTs());
  return ApiReply::Json({{"timestamp", now.unix_ms()}, {"logic_time", now.raw() & kLogicalMask}});
}

Result<ApiReply> DeleteSafePoint(ApiContext& context) {
  ASSIGN_OR_RETURN([[maybe_unused]] const Ts kept,
                   context.pd().UpdateServiceGcSafePoint(context.paths().gc_service(),
                                                         std::chrono::seconds(0), Ts::Max()));
  return ApiReply::Json(OrderedJson::object());
}

Result<ApiReply> EnableByBody(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const OrderedJson body, request.JsonBody());
  const std::string name = body.value("name", "");
  const std::string terms = body.value("expr", "");
  if (name.empty() || terms.empty())
    return Error(Code::kApiInvalidParam, "name and expr are required");
  RETURN_UNEXPECTED_IF_ERROR(EnableFailPoint(name, terms));
  return ApiReply::Json(OrderedJson::object());
}

Result<ApiReply> Disable(const std::string& name) {
  if (name.empty()) return Error(Code::kApiInvalidParam, "name is required");
  RETURN_UNEXPECTED_IF_ERROR(DisableFailPoint(name));
  return ApiReply::Json(OrderedJson::object());
}

// TiCDC's names of fail points are paths of packages; here the last part is the name.
std::string FailPointName(const ApiRequest& request) {
  const std::string path = request.PathParam("fail_point");
  return path.substr(path.rfind('/') + 1);
}

// As failpoint's own HTTP handler takes them: PUT with the terms as the body.
Result<ApiReply> EnableByPath(const ApiRequest& request) {
  RETURN_UNEXPECTED_IF_ERROR(EnableFailPoint(FailPointName(request), request.body));
  return ApiReply::Empty(204);
}

Result<ApiReply> ShowByPath(const ApiRequest& request) {
  const auto points = FailPoints();
  const auto point = points.find(FailPointName(request));
  return point == points.end() ? ApiReply::Text("not found\n", 404)
                               : ApiReply::Text(point->second + "\n");
}

void AddFailPointRoutes(Router* router) {
  router->Add({"GET",
               "/debug/failpoints",
               {.summary = "Fail points set", .answer = "FailPoints"},
               [](const ApiRequest&) -> Result<ApiReply> {
                 OrderedJson list = OrderedJson::array();
                 for (const auto& [name, terms] : FailPoints())
                   list.push_back({{"name", name}, {"expr", terms}});
                 return ApiReply::Json(list);
               }});
  router->Add({"POST",
               "/debug/failpoints",
               {.summary = "Set a fail point", .answer = "Empty", .body = "FailPoint"},
               EnableByBody});
  router->Add({"DELETE",
               "/debug/failpoints",
               {.summary = "Unset a fail point", .answer = "Empty", .query = "name"},
               [](const ApiRequest& request) { return Disable(request.Param("name")); }});
  router->Add(
      {"GET", "/debug/fail/{fail_point*}", {.summary = "The terms of a fail point"}, ShowByPath});
  router->Add({"PUT",
               "/debug/fail/{fail_point*}",
               {.summary = "Set a fail point; the body is its terms", .status = 204},
               EnableByPath});
  router->Add({"DELETE",
               "/debug/fail/{fail_point*}",
               {.summary = "Unset a fail point", .answer = "Empty"},
               [](const ApiRequest& request) { return Disable(FailPointName(request)); }});
}

Result<ApiReply> ResolveLock(ApiContext& context, const ApiRequest& request) {
  ASSIGN_OR_RETURN(const OrderedJson body, request.JsonBody());
  const uint64_t region = body.value("region_id", uint64_t{0});
  if (region == 0) return Error(Code::kApiInvalidParam, "region_id is missing");
  RETURN_UNEXPECTED_IF_ERROR(
      context.ResolveLocks(RegionId{region}, Ts(body.value("ts", uint64_t{0}))));
  return ApiReply::Json(OrderedJson::object());
}

Result<ApiReply> Profile(ApiContext& context, const ApiRequest& request) {
  constexpr int kSecondsDefault = 30;
  const std::string seconds = request.Param("seconds");
  ASSIGN_OR_RETURN(
      std::string profile,
      TakeCpuProfile(
          std::chrono::seconds(seconds.empty() ? kSecondsDefault : std::atoi(seconds.c_str())),
          context.stopping()));
  return ApiReply{
      .status = 200, .content_type = "application/octet-stream", .body = std::move(profile)};
}

// A handler of a function that needs the context only.
template <typename Function>
ApiHandler From(ApiContext& context, Function function) {
  return [&context, function](const ApiRequest&) { return function(context); };
}

void AddPlainRoutes(ApiContext& context, Router* router) {
  const auto status = [&context](const ApiRequest&) -> Result<ApiReply> {
    return ApiReply::Json(ServerStatus(context));
  };
  for (const char* path : {"/status", "/api/v1/status", "/api/v2/status"})
    router->Add({"GET", path, {.summary = "What this node is", .answer = "ServerStatus"}, status});
  router->Add({"GET",
               "/metrics",
               {.summary = "Metrics in Prometheus' text format"},
               [&context](const ApiRequest&) -> Result<ApiReply> {
                 return ApiReply{.status = 200,
                                 .content_type = "text/plain; version=0.0.4",
                                 .body = context.scrape().Text()};
               }});
  router->Add({"GET",
               "/debug/info",
               {.summary = "Owner, processors and etcd's keys as text"},
               From(context, DebugInfo)});
  router->Add({"GET",
               "/debug/pprof/profile",
               {.summary = "Samples of where CPU time goes, for pprof", .query = "seconds"},
               [&context](const ApiRequest& request) { return Profile(context, request); }});
  router->Add({"POST",
               "/admin/log",
               {.summary = "Change the log level", .answer = "Empty", .body = "LogLevel"},
               [](const ApiRequest& request) {
                 return ChangeLogLevel(OrderedJson::parse(request.body, nullptr, false));
               }});
  for (const char* path : {"/api/v1/log", "/api/v2/log"})
    router->Add({"POST",
                 path,
                 {.summary = "Change the log level", .answer = "Empty", .body = "LogLevelRequest"},
                 ChangeLogLevelByObject});
  for (const char* path : {"/api/v1/health", "/api/v2/health"})
    router->Add({"GET",
                 path,
                 {.summary = "200 while etcd answers and there is an owner"},
                 From(context, Health)});
}

}  // namespace

void AddNodeRoutes(ApiContext& context, Router* router) {
  AddPlainRoutes(context, router);
  if (FailPointsCompiled()) AddFailPointRoutes(router);
  const auto list = [&context](Result<OrderedJson> (*items)(ApiContext&), bool wrapped) {
    return [&context, items, wrapped](const ApiRequest&) -> Result<ApiReply> {
      ASSIGN_OR_RETURN(const OrderedJson view, items(context));
      return wrapped ? Listed(view) : ApiReply::Json(view);
    };
  };
  router->Add({"GET",
               "/api/v1/captures",
               {.summary = "All captures", .answer = "Captures"},
               list(Captures, false)});
  router->Add({"GET",
               "/api/v2/captures",
               {.summary = "All captures", .answer = "CaptureList"},
               list(Captures, true)});
  router->Add({"GET",
               "/api/v1/processors",
               {.summary = "All processors", .answer = "Processors"},
               list(Processors, false)});
  router->Add({"GET",
               "/api/v2/processors",
               {.summary = "All processors", .answer = "ProcessorList"},
               list(Processors, true)});
  for (const char* path : {"/api/v1/processors/{changefeed_id}/{capture_id}",
                           "/api/v2/processors/{changefeed_id}/{capture_id}"})
    router->Add({"GET",
                 path,
                 {.summary = "The tables of a changefeed on a capture", .answer = "Processor"},
                 [&context](const ApiRequest& request) { return OneProcessor(context, request); }});
  router->Add({"POST",
               "/api/v2/tso",
               {.summary = "A timestamp from PD", .answer = "Tso"},
               From(context, QueryTso)});
  router->Add({"GET",
               "/api/v2/unsafe/metadata",
               {.summary = "All keys in etcd; passwords are masked", .answer = "Metadata"},
               [&context](const ApiRequest&) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const OrderedJson metadata, Metadata(context));
                 return ApiReply::Json(metadata);
               }});
  router->Add({"POST",
               "/api/v2/unsafe/resolve_lock",
               {.summary = "Finish what crashed transactions left behind in a region",
                .answer = "Empty",
                .body = "ResolveLock"},
               [&context](const ApiRequest& request) { return ResolveLock(context, request); }});
  router->Add({"DELETE",
               "/api/v2/unsafe/service_gc_safepoint",
               {.summary = "Let PD's GC go on without regard to changefeeds", .answer = "Empty"},
               From(context, DeleteSafePoint)});
}

}  // namespace cdc
