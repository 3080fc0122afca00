#include "edge/cli/info_diff.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cdc {
namespace {

using Json = nlohmann::json;

std::string Shown(const Json& value) { return value.is_null() ? "(none)" : value.dump(); }

void Compare(const std::string& path, const Json& before, const Json& after,
             std::vector<std::string>* lines) {
  if (before == after) return;
  if (!before.is_object() || !after.is_object()) {
    lines->push_back(fmt::format("{}: {} -> {}", path, Shown(before), Shown(after)));
    return;
  }
  std::set<std::string> keys;
  for (const auto& [key, value] : before.items()) keys.insert(key);
  for (const auto& [key, value] : after.items()) keys.insert(key);
  for (const std::string& key : keys)
    Compare(path.empty() ? key : path + "." + key, before.value(key, Json()),
            after.value(key, Json()), lines);
}

}  // namespace

std::vector<std::string> DiffInfos(std::string_view before, std::string_view after) {
  std::vector<std::string> lines;
  Compare("", Json::parse(before, nullptr, false), Json::parse(after, nullptr, false), &lines);
  return lines;
}

}  // namespace cdc
