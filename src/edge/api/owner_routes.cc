// What is asked of the owner.
#include <charconv>

#include "edge/api/api_context.h"

namespace cdc {
namespace {

// The paths of the first generation take forms and answer only where the owner is.
constexpr char kForm[] = "cf-id";

Result<TableId> ReadTableId(const std::string& text) {
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    return Error(Code::kApiInvalidParam, "\"{}\" is no table id", text);
  return TableId{id};
}

Result<ApiReply> Done(const Status& status) {
  if (!status.ok()) return Unexpected(status);
  return ApiReply::Json({{"status", true}, {"message", ""}});
}

Result<ApiReply> AnswerWith(const Status& status, ApiReply reply) {
  if (!status.ok()) return Unexpected(status);
  return reply;
}

// The changefeed of a form; only where the owner is.
Result<ChangefeedId> FormChangefeed(ApiContext& context, const ApiRequest& request) {
  ChangefeedId id = request.Param(kForm);
  RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  if (!cluster.view.changefeeds().contains(id))
    return Error(Code::kChangefeedNotExists, "there is no changefeed {}", id);
  return id;
}

// Answers at once: the owner takes the job up at its next tick.
Result<ApiReply> Admin(ApiContext& context, const ApiRequest& request) {
  const std::string type = request.Param("admin-job");
  if (type.size() != 1 || type[0] < '1' || type[0] > '3')
    return Error(Code::kApiInvalidParam,
                 "admin-job must be 1 (stop), 2 (resume) or 3 (remove), not \"{}\"", type);
  const std::string force = request.Param("force-remove");
  if (!force.empty() && force != "true" && force != "false")
    return Error(Code::kApiInvalidParam, "force-remove must be true or false, not \"{}\"", force);
  ASSIGN_OR_RETURN(const ChangefeedId id, FormChangefeed(context, request));
  return Done(context.capture().OperateOwner([&](Owner& owner) {
    owner.EnqueueJob({id, static_cast<AdminJobType>(type[0] - '0'), force == "true"});
    return Status::Ok();
  }));
}

Result<ApiReply> Query(ApiContext& context, const ApiRequest& request) {
  if (!context.capture().IsOwner()) return Error(Code::kNotOwner, "this node is not the owner");
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  const auto feed = cluster.view.changefeeds().find(request.Param(kForm));
  if (feed == cluster.view.changefeeds().end())
    return Error(Code::kChangefeedNotExists, "there is no changefeed {}", request.Param(kForm));
  return ApiReply::Json(SummaryView(feed->second));
}

void AddForms(ApiContext& context, Router* router) {
  router->Add({"POST",
               "/capture/owner/resign",
               {.summary = "Stop being the owner", .answer = "Done"},
               [&context](const ApiRequest&) { return Done(context.ResignOwner()); }});
  router->Add({"POST",
               "/capture/owner/admin",
               {.summary = "Stop (1), resume (2) or remove (3) a changefeed",
                .answer = "Done",
                .query = "cf-id admin-job force-remove"},
               [&context](const ApiRequest& request) { return Admin(context, request); }});
  router->Add(
      {"POST",
       "/capture/owner/rebalance_trigger",
       {.summary = "Spread a changefeed's tables evenly", .answer = "Done", .query = "cf-id"},
       [&context](const ApiRequest& request) {
         return Done(context.Rebalance(request.Param(kForm)));
       }});
  router->Add({"POST",
               "/capture/owner/move_table",
               {.summary = "Move a table to a capture",
                .answer = "Done",
                .query = "cf-id target-cp-id table-id"},
               [&context](const ApiRequest& request) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const TableId table, ReadTableId(request.Param("table-id")));
                 return Done(
                     context.MoveTable(request.Param(kForm), table, request.Param("target-cp-id")));
               }});
  router->Add({"POST",
               "/capture/owner/changefeed/query",
               {.summary = "A changefeed in short", .answer = "Summary", .query = "cf-id"},
               [&context](const ApiRequest& request) { return Query(context, request); }});
}

Result<ApiReply> MoveByBody(ApiContext& context, const ApiRequest& request) {
  ASSIGN_OR_RETURN(const OrderedJson body, request.JsonBody());
  const auto capture = body.find("capture_id");
  const auto table = body.find("table_id");
  if (capture == body.end() || !capture->is_string() || table == body.end() ||
      !table->is_number_integer())
    return Error(Code::kApiInvalidParam,
                 "capture_id (a string) and table_id (a number) are needed");
  return AnswerWith(context.MoveTable(request.PathParam("changefeed_id"),
                                      TableId{table->get<int64_t>()}, capture->get<std::string>()),
                    ApiReply::Empty(202));
}

Result<ApiReply> MoveByQuery(ApiContext& context, const ApiRequest& request) {
  ASSIGN_OR_RETURN(const TableId table, ReadTableId(request.Param("tableID")));
  return AnswerWith(
      context.MoveTable(request.PathParam("changefeed_id"), table, request.Param("targetNodeID")),
      ApiReply::Json(OrderedJson::object()));
}

Result<ApiReply> Drain(ApiContext& context, const CaptureId& target) {
  ASSIGN_OR_RETURN(const size_t count, context.Drain(target));
  return ApiReply::Json({{"current_table_count", count}}, 202);
}

}  // namespace

void AddOwnerRoutes(ApiContext& context, Router* router) {
  AddForms(context, router);
  router->Add({"POST",
               "/api/v1/owner/resign",
               {.summary = "Let another capture become the owner", .status = 202},
               [&context](const ApiRequest&) {
                 return AnswerWith(context.ResignOwner(), ApiReply::Empty(202));
               },
               /*owner=*/true});
  router->Add({"POST",
               "/api/v2/owner/resign",
               {.summary = "Let another capture become the owner", .answer = "Empty"},
               [&context](const ApiRequest&) {
                 return AnswerWith(context.ResignOwner(), ApiReply::Json(OrderedJson::object()));
               },
               /*owner=*/true});
  router->Add({"POST",
               "/api/v1/changefeeds/{changefeed_id}/tables/rebalance_table",
               {.summary = "Spread a changefeed's tables evenly", .status = 202},
               [&context](const ApiRequest& request) {
                 return AnswerWith(context.Rebalance(request.PathParam("changefeed_id")),
                                   ApiReply::Empty(202));
               },
               /*owner=*/true});
  router->Add({"POST",
               "/api/v1/changefeeds/{changefeed_id}/tables/move_table",
               {.summary = "Move a table to a capture", .body = "MoveTable", .status = 202},
               [&context](const ApiRequest& request) { return MoveByBody(context, request); },
               /*owner=*/true});
  router->Add(
      {"POST",
       "/api/v2/changefeeds/{changefeed_id}/move_table",
       {.summary = "Move a table to a capture", .answer = "Empty", .query = "tableID targetNodeID"},
       [&context](const ApiRequest& request) { return MoveByQuery(context, request); },
       /*owner=*/true});
  router->Add({"PUT",
               "/api/v1/captures/drain",
               {.summary = "Move all tables away from a capture",
                .answer = "Drained",
                .body = "CaptureId",
                .status = 202},
               [&context](const ApiRequest& request) -> Result<ApiReply> {
                 ASSIGN_OR_RETURN(const OrderedJson body, request.JsonBody());
                 const auto id = body.find("capture_id");
                 if (id == body.end() || !id->is_string())
                   return Error(Code::kApiInvalidParam, "capture_id is missing");
                 return Drain(context, id->get<std::string>());
               },
               /*owner=*/true});
  router->Add(
      {"POST",
       "/api/v2/captures/{capture_id}/drain",
       {.summary = "Move all tables away from a capture", .answer = "Drained", .status = 202},
       [&context](const ApiRequest& request) {
         return Drain(context, request.PathParam("capture_id"));
       },
       /*owner=*/true});
}

}  // namespace cdc
