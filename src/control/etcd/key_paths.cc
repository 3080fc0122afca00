#include "control/etcd/key_paths.h"

namespace cdc {

KeyPaths::KeyPaths(std::string_view cluster_id) {
  prefix_ = "/tidb/cdc/";
  std::string meta = prefix_;
  std::string feeds = prefix_;
  std::string statuses = "job/";
  if (!cluster_id.empty()) {
    cluster_ = cluster_id;
    prefix_ += std::string(cluster_id) + "/";
    meta = prefix_ + "__cdc_meta__/";
    feeds = prefix_ + "default/";
    statuses = "changefeed/status/";
    gc_service_ += "-" + std::string(cluster_id);
  }
  owner_ = meta + "owner";
  captures_ = meta + "capture/";
  infos_ = feeds + "changefeed/info/";
  statuses_ = feeds + statuses;
  task_statuses_ = feeds + "task/status/";
  task_positions_ = feeds + "task/position/";
}

std::optional<ParsedKey> KeyPaths::Parse(std::string_view key) const {
  using Kind = ParsedKey::Kind;
  const auto rest_after = [&](const std::string& prefix) -> std::optional<std::string_view> {
    if (!key.starts_with(prefix) || key.size() == prefix.size()) return std::nullopt;
    return key.substr(prefix.size());
  };
  const auto one_part = [&](const std::string& prefix) -> std::optional<std::string> {
    const auto rest = rest_after(prefix);
    if (!rest || rest->find('/') != rest->npos) return std::nullopt;
    return std::string(*rest);
  };
  const auto task = [&](const std::string& prefix, Kind kind) -> std::optional<ParsedKey> {
    const auto rest = rest_after(prefix);
    if (!rest) return std::nullopt;
    const size_t slash = rest->find('/');
    if (slash == rest->npos || slash == 0 || slash + 1 == rest->size()) return std::nullopt;
    return ParsedKey{kind, std::string(rest->substr(0, slash)),
                     std::string(rest->substr(slash + 1))};
  };
  if (auto id = one_part(captures_)) return ParsedKey{Kind::kCapture, *id, {}};
  if (auto id = one_part(infos_)) return ParsedKey{Kind::kInfo, {}, *id};
  if (auto id = one_part(statuses_)) return ParsedKey{Kind::kStatus, {}, *id};
  if (auto parsed = task(task_statuses_, Kind::kTaskStatus)) return parsed;
  if (auto parsed = task(task_positions_, Kind::kTaskPosition)) return parsed;
  if (key.starts_with(owner_ + "/")) return ParsedKey{Kind::kOwner, {}, {}};
  return std::nullopt;
}

}  // namespace cdc
