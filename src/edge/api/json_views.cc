#include "edge/api/json_views.h"

#include "config/uri.h"

namespace cdc {
namespace {

OrderedJson InfoView(const ChangefeedInfo& info) {
  ChangefeedInfo shown = info;
  shown.sink_uri = Uri::Mask(info.sink_uri);
  return OrderedJson::parse(shown.ToJson(), nullptr, false);
}

std::string StateName(const ChangefeedView& feed) {
  return feed.info ? std::string(FeedStateName(feed.info->state)) : "";
}

}  // namespace

OrderedJson ErrorView(const std::optional<RunningError>& error) {
  if (!error) return nullptr;
  return {{"addr", error->address}, {"code", error->code}, {"message", error->message}};
}

OrderedJson SummaryView(const ChangefeedView& feed) {
  OrderedJson view;
  view["state"] = StateName(feed);
  view["tso"] = feed.Checkpoint().raw();
  view["checkpoint"] = FormatTsTime(feed.Checkpoint());
  view["error"] = feed.info ? ErrorView(feed.info->error) : OrderedJson(nullptr);
  return view;
}

OrderedJson DetailView(const ChangefeedView& feed) {
  OrderedJson view;
  view["info"] = feed.info ? InfoView(*feed.info) : OrderedJson(nullptr);
  view["status"] = feed.status ? OrderedJson::parse(feed.status->ToJson(), nullptr, false)
                               : OrderedJson(nullptr);
  uint64_t count = 0;
  for (const auto& [capture, position] : feed.positions) count += position.count;
  view["count"] = count;
  view["task-status"] = OrderedJson::array();
  for (const auto& [capture, task] : feed.tasks)
    view["task-status"].push_back(
        {{"capture-id", capture}, {"status", OrderedJson::parse(task.ToJson(), nullptr, false)}});
  return view;
}

OrderedJson ListEntryV1(const ChangefeedId& id, const ChangefeedView& feed) {
  return {{"id", id},
          {"state", StateName(feed)},
          {"checkpoint-tso", feed.Checkpoint().raw()},
          {"checkpoint-time", FormatTsTime(feed.Checkpoint())},
          {"error", feed.info ? ErrorView(feed.info->error) : OrderedJson(nullptr)}};
}

OrderedJson ListEntryV2(const ChangefeedId& id, const ChangefeedView& feed) {
  return {{"upstream_id", 0},
          {"namespace", "default"},
          {"id", id},
          {"state", StateName(feed)},
          {"checkpoint_tso", feed.Checkpoint().raw()},
          {"checkpoint_time", FormatTsTime(feed.Checkpoint())},
          {"error", feed.info ? ErrorView(feed.info->error) : OrderedJson(nullptr)}};
}

OrderedJson DetailV2(const ChangefeedId& id, const ChangefeedView& feed) {
  OrderedJson view = ListEntryV2(id, feed);
  if (feed.info) {
    view["sink_uri"] = Uri::Mask(feed.info->sink_uri);
    view["create_time"] = feed.info->create_time;
    view["start_ts"] = feed.info->start_ts.raw();
    view["target_ts"] = feed.info->target_ts.raw();
    view["config"] = OrderedJson::parse(feed.info->config, nullptr, false);
    view["creator_version"] = feed.info->creator_version;
  }
  view["resolved_ts"] = feed.status ? feed.status->resolved_ts.raw() : 0;
  view["checkpoint_ts"] = feed.Checkpoint().raw();
  view["task_status"] = OrderedJson::array();
  for (const auto& [capture, task] : feed.tasks) {
    OrderedJson tables = OrderedJson::array();
    for (const auto& [table, replica] : task.tables) tables.push_back(Raw(table));
    view["task_status"].push_back({{"capture_id", capture}, {"table_ids", std::move(tables)}});
  }
  return view;
}

OrderedJson CapturesView(const ClusterSnapshot& cluster) {
  OrderedJson view = OrderedJson::array();
  for (const auto& [id, info] : cluster.view.captures())
    view.push_back({{"id", id}, {"is-owner", cluster.owner == id}, {"address", info.address}});
  return view;
}

}  // namespace cdc
