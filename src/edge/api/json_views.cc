#include "edge/api/json_views.h"

#include "config/replica_config.h"
#include "config/uri.h"
#include "edge/api/secrets.h"

namespace cdc {
namespace {

std::string StateName(const ChangefeedView& feed) {
  return feed.info ? std::string(FeedStateName(feed.info->state)) : "";
}

uint64_t CountRows(const ChangefeedView& feed) {
  uint64_t count = 0;
  for (const auto& [capture, position] : feed.positions) count += position.count;
  return count;
}

OrderedJson TasksView(const ChangefeedView& feed) {
  OrderedJson tasks = OrderedJson::array();
  for (const auto& [capture, task] : feed.tasks) {
    OrderedJson tables = OrderedJson::array();
    for (const auto& [table, replica] : task.tables) tables.push_back(Raw(table));
    OrderedJson operations = OrderedJson::parse(task.ToJson(), nullptr, false)["operation"];
    if (operations.is_null()) operations = OrderedJson::object();
    tasks.push_back({{"capture_id", capture},
                     {"table_ids", std::move(tables)},
                     {"table_operations", std::move(operations)}});
  }
  return tasks;
}

}  // namespace

OrderedJson InfoView(const ChangefeedInfo& info) {
  OrderedJson view = OrderedJson::parse(info.ToJson(), nullptr, false);
  MaskSecrets(&view);
  return view;
}

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
  view["count"] = CountRows(feed);
  view["task-status"] = OrderedJson::array();
  for (const auto& [capture, task] : feed.tasks)
    view["task-status"].push_back(
        {{"capture-id", capture}, {"status", OrderedJson::parse(task.ToJson(), nullptr, false)}});
  return view;
}

OrderedJson ListEntryV1(const ChangefeedId& id, const ChangefeedView& feed) {
  OrderedJson view = ListEntryV2(id, feed);
  view["checkpoint-tso"] = view["checkpoint_tso"];
  view["checkpoint-time"] = view["checkpoint_time"];
  return view;
}

OrderedJson DetailV1(const ChangefeedId& id, const ChangefeedView& feed) {
  OrderedJson view = ListEntryV2(id, feed);
  if (feed.info) {
    view["sink_uri"] = Uri::Mask(feed.info->sink_uri);
    view["create_time"] = feed.info->create_time;
    view["start_ts"] = feed.info->start_ts.raw();
    view["target_ts"] = feed.info->target_ts.raw();
    view["sort_engine"] = feed.info->sort_engine;
    view["error_history"] = feed.info->error_history;
    view["creator_version"] = feed.info->creator_version;
  }
  view["resolved_ts"] = feed.status ? feed.status->resolved_ts.raw() : 0;
  view["task_status"] = TasksView(feed);
  return view;
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
    view["admin_job_type"] = static_cast<int>(feed.info->admin_job_type);
    view["sort_engine"] = feed.info->sort_engine;
    const auto config = ReplicaConfig::FromJson(feed.info->config);
    view["config"] =
        config ? OrderedJson::parse(config->ToApiJson(), nullptr, false) : OrderedJson(nullptr);
    MaskSecrets(&view["config"]);
    view["creator_version"] = feed.info->creator_version;
  }
  view["resolved_ts"] = feed.status ? feed.status->resolved_ts.raw() : 0;
  view["checkpoint_ts"] = feed.Checkpoint().raw();
  view["count"] = CountRows(feed);
  view["task_status"] = TasksView(feed);
  return view;
}

OrderedJson StatusV2(const ChangefeedView& feed) {
  return {{"state", StateName(feed)},
          {"resolved_ts", feed.status ? feed.status->resolved_ts.raw() : 0},
          {"checkpoint_ts", feed.Checkpoint().raw()},
          {"last_error", feed.info ? ErrorView(feed.info->error) : OrderedJson(nullptr)},
          {"last_warning", nullptr}};
}

OrderedJson CapturesView(const ClusterSnapshot& cluster) {
  OrderedJson view = OrderedJson::array();
  for (const auto& [id, info] : cluster.view.captures())
    view.push_back({{"id", id}, {"is-owner", cluster.owner == id}, {"address", info.address}});
  return view;
}

}  // namespace cdc
