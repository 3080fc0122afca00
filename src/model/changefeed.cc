#include "model/changefeed.h"

#include <array>
#include <chrono>
#include <ctime>

#include <nlohmann/json.hpp>

namespace cdc {
namespace {

using Json = nlohmann::ordered_json;

struct StateEntry {
  FeedState state;
  std::string_view name;
  int number;
};
constexpr std::array<StateEntry, 6> kStates = {{{FeedState::kNormal, "normal", 0},
                                                {FeedState::kError, "error", 1},
                                                {FeedState::kFailed, "failed", 2},
                                                {FeedState::kStopped, "stopped", 3},
                                                {FeedState::kRemoved, "removed", 5},
                                                {FeedState::kFinished, "finished", 4}}};

// Sets `*out` if the object has `key` with a value other than null.
template <typename T>
void Read(const Json& object, const char* key, T* out) {
  if (const auto it = object.find(key); it != object.end() && !it->is_null()) it->get_to(*out);
}
void Read(const Json& object, const char* key, Ts* out) {
  uint64_t raw = out->raw();
  Read(object, key, &raw);
  *out = Ts(raw);
}
void Read(const Json& object, const char* key, AdminJobType* out) {
  int raw = static_cast<int>(*out);
  Read(object, key, &raw);
  *out = static_cast<AdminJobType>(raw);
}
void Read(const Json& object, const char* key, std::optional<RunningError>* out) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return;
  RunningError error;
  Read(*it, "addr", &error.address);
  Read(*it, "code", &error.code);
  Read(*it, "message", &error.message);
  *out = std::move(error);
}

Json ErrorJson(const std::optional<RunningError>& error) {
  if (!error) return nullptr;
  return {{"addr", error->address}, {"code", error->code}, {"message", error->message}};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Parses `text` and lets `read` take the fields; the library's exceptions end here.
template <typename T, typename ReadFields>
Result<T> Parse(std::string_view what, std::string_view text, ReadFields read) {
  try {
    const Json json = Json::parse(text);
    if (!json.is_object()) return Error(Code::kUnmarshal, "{}: not a JSON object", what);
    T value;
    read(json, &value);
    return value;
  } catch (const Json::exception& e) {
    return Error(Code::kUnmarshal, "{}: {}", what, e.what());
  } catch (const std::exception& e) {  // a key that is not a number
    return Error(Code::kUnmarshal, "{}: {}", what, e.what());
  }
}

}  // namespace

std::string_view FeedStateName(FeedState state) {
  for (const StateEntry& entry : kStates)
    if (entry.state == state) return entry.name;
  return "unknown";
}

int FeedStateNumber(FeedState state) {
  for (const StateEntry& entry : kStates)
    if (entry.state == state) return entry.number;
  return -1;
}

Result<FeedState> FeedStateFromName(std::string_view name) {
  if (name.empty()) return FeedState::kNormal;  // infos written before the field was there
  for (const StateEntry& entry : kStates)
    if (entry.name == name) return entry.state;
  return Error(Code::kUnmarshal, "unknown changefeed state \"{}\"", name);
}

Result<ChangefeedInfo> ChangefeedInfo::FromJson(std::string_view json) {
  std::string state;
  auto info = Parse<ChangefeedInfo>("changefeed info", json, [&](const Json& o, auto* out) {
    Read(o, "sink-uri", &out->sink_uri);
    Read(o, "opts", &out->opts);
    Read(o, "create-time", &out->create_time);
    Read(o, "start-ts", &out->start_ts);
    Read(o, "target-ts", &out->target_ts);
    Read(o, "admin-job-type", &out->admin_job_type);
    Read(o, "sort-engine", &out->sort_engine);
    Read(o, "sort-dir", &out->sort_dir);
    if (const auto it = o.find("config"); it != o.end() && !it->is_null()) out->config = Dump(*it);
    Read(o, "state", &state);
    Read(o, "history", &out->error_history);
    Read(o, "error", &out->error);
    Read(o, "sync-point-enabled", &out->sync_point_enabled);
    Read(o, "sync-point-interval", &out->sync_point_interval_ns);
    Read(o, "creator-version", &out->creator_version);
  });
  if (!info) return info;
  ASSIGN_OR_RETURN(info->state, FeedStateFromName(state));
  return info;
}

std::string ChangefeedInfo::ToJson() const {
  Json json;
  json["sink-uri"] = sink_uri;
  json["opts"] = Json::object();
  for (const auto& [key, value] : opts) json["opts"][key] = value;
  json["create-time"] = create_time;
  json["start-ts"] = start_ts.raw();
  json["target-ts"] = target_ts.raw();
  json["admin-job-type"] = static_cast<int>(admin_job_type);
  json["sort-engine"] = sort_engine;
  json["sort-dir"] = sort_dir;
  json["config"] = Json::parse(config, nullptr, false);
  if (json["config"].is_discarded()) json["config"] = nullptr;
  json["state"] = FeedStateName(state);
  json["history"] = error_history.empty() ? Json(nullptr) : Json(error_history);
  json["error"] = ErrorJson(error);
  json["sync-point-enabled"] = sync_point_enabled;
  json["sync-point-interval"] = sync_point_interval_ns;
  json["creator-version"] = creator_version;
  return Dump(json);
}

Result<ChangefeedStatus> ChangefeedStatus::FromJson(std::string_view json) {
  return Parse<ChangefeedStatus>("changefeed status", json, [](const Json& o, auto* out) {
    Read(o, "resolved-ts", &out->resolved_ts);
    Read(o, "checkpoint-ts", &out->checkpoint_ts);
    Read(o, "admin-job-type", &out->admin_job_type);
    Read(o, "ddl-started-ts", &out->ddl_started_ts);
    Read(o, "ddl-finished-ts", &out->ddl_finished_ts);
  });
}

std::string ChangefeedStatus::ToJson() const {
  return Dump({{"resolved-ts", resolved_ts.raw()},
               {"checkpoint-ts", checkpoint_ts.raw()},
               {"admin-job-type", static_cast<int>(admin_job_type)},
               {"ddl-started-ts", ddl_started_ts.raw()},
               {"ddl-finished-ts", ddl_finished_ts.raw()}});
}

Result<CaptureInfo> CaptureInfo::FromJson(std::string_view json) {
  return Parse<CaptureInfo>("capture info", json, [](const Json& o, auto* out) {
    Read(o, "id", &out->id);
    Read(o, "address", &out->address);
    Read(o, "version", &out->version);
  });
}

std::string CaptureInfo::ToJson() const {
  return Dump({{"id", id}, {"address", address}, {"version", version}});
}

Result<TaskStatus> TaskStatus::FromJson(std::string_view json) {
  return Parse<TaskStatus>("task status", json, [](const Json& o, auto* out) {
    if (const auto it = o.find("tables"); it != o.end() && !it->is_null()) {
      for (const auto& [key, value] : it->items()) {
        TableReplica replica;
        Read(value, "start-ts", &replica.start_ts);
        Read(value, "mark-table-id", &replica.mark_table_id);
        out->tables.emplace(TableId{std::stoll(key)}, replica);
      }
    }
    if (const auto it = o.find("operation"); it != o.end() && !it->is_null()) {
      for (const auto& [key, value] : it->items()) {
        TableOperation operation;
        Read(value, "delete", &operation.remove);
        Read(value, "flag", &operation.flag);
        Read(value, "boundary_ts", &operation.boundary_ts);
        int status = 0;
        bool done = false;  // what versions before `status` wrote
        Read(value, "status", &status);
        Read(value, "done", &done);
        operation.status = done ? OperationStatus::kFinished : static_cast<OperationStatus>(status);
        out->operations.emplace(TableId{std::stoll(key)}, operation);
      }
    }
    Read(o, "admin-job-type", &out->admin_job_type);
  });
}

std::string TaskStatus::ToJson() const {
  Json json;
  json["tables"] = Json::object();
  for (const auto& [id, replica] : tables)
    json["tables"][std::to_string(Raw(id))] = {{"start-ts", replica.start_ts.raw()},
                                               {"mark-table-id", replica.mark_table_id}};
  json["operation"] = operations.empty() ? Json(nullptr) : Json::object();
  for (const auto& [id, operation] : operations) {
    Json& o = json["operation"][std::to_string(Raw(id))];
    o["done"] = operation.applied();
    o["delete"] = operation.remove;
    if (operation.flag != 0) o["flag"] = operation.flag;
    o["boundary_ts"] = operation.boundary_ts.raw();
    if (operation.status != OperationStatus::kDispatched)
      o["status"] = static_cast<int>(operation.status);
  }
  json["admin-job-type"] = static_cast<int>(admin_job_type);
  return Dump(json);
}

Result<TaskPosition> TaskPosition::FromJson(std::string_view json) {
  return Parse<TaskPosition>("task position", json, [](const Json& o, auto* out) {
    Read(o, "checkpoint-ts", &out->checkpoint_ts);
    Read(o, "resolved-ts", &out->resolved_ts);
    Read(o, "count", &out->count);
    Read(o, "error", &out->error);
    Read(o, "ddl-reached-ts", &out->ddl_reached_ts);
  });
}

std::string TaskPosition::ToJson() const {
  return Dump({{"checkpoint-ts", checkpoint_ts.raw()},
               {"resolved-ts", resolved_ts.raw()},
               {"count", count},
               {"error", ErrorJson(error)},
               {"ddl-reached-ts", ddl_reached_ts.raw()}});
}

Status ValidateChangefeedId(std::string_view id) {
  constexpr size_t kLengthMax = 128;
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  bool valid = !id.empty() && id.size() <= kLengthMax && id.back() != '-';
  char previous = '-';
  for (const char c : id) {
    valid = valid && (alphanumeric(c) || (c == '-' && previous != '-'));
    previous = c;
  }
  if (valid) return Status::Ok();
  return Status(Code::kInvalidChangefeedId,
                "bad changefeed id \"{}\": use letters, digits and single dashes between them, at "
                "most {} characters, e.g. \"simple-replication-task\"",
                id, kLengthMax);
}

namespace {
std::string FormatUtc(int64_t unix_ms, const char* format, const char* suffix) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, format, &utc);
  return fmt::format("{}.{:03}{}", std::string_view(text, size), unix_ms % 1000, suffix);
}
}  // namespace

std::string FormatTsTime(Ts ts) {
  return FormatUtc(static_cast<int64_t>(ts.unix_ms()), "%Y-%m-%d %H:%M:%S", "");
}

std::string FormatRfc3339(int64_t unix_ms) { return FormatUtc(unix_ms, "%Y-%m-%dT%H:%M:%S", "Z"); }

}  // namespace cdc
