#include "config/config_tree.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "config/duration.h"

namespace cdc {
namespace {

Result<Json> FromTomlNode(const toml::node& node, std::string_view file_name) {
  if (const auto* table = node.as_table()) {
    Json out = Json::object();
    for (const auto& [key, value] : *table) {
      ASSIGN_OR_RETURN(out[std::string(key.str())], FromTomlNode(value, file_name));
    }
    return out;
  }
  if (const auto* array = node.as_array()) {
    Json out = Json::array();
    for (const toml::node& value : *array) {
      ASSIGN_OR_RETURN(Json element, FromTomlNode(value, file_name));
      out.push_back(std::move(element));
    }
    return out;
  }
  if (const auto* value = node.as_string()) return Json(value->get());
  if (const auto* value = node.as_boolean()) return Json(value->get());
  if (const auto* value = node.as_floating_point()) return Json(value->get());
  if (const auto* value = node.as_integer()) {
    // Unsigned where possible: so that numbers of both origins compare alike.
    if (value->get() >= 0) return Json(static_cast<uint64_t>(value->get()));
    return Json(value->get());
  }
  return Error(Code::kDecode, "{}:{}: dates and times have no place here", file_name,
               node.source().begin.line);
}

// Nanoseconds of a duration in either notation.
std::optional<int64_t> AsNanoseconds(const Json& value) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto parsed = ParseDuration(value.get_ref<const std::string&>());
  if (!parsed) return std::nullopt;
  return parsed->count();
}

bool SameSetting(const Json& given, const Json& effective) {
  if (given == effective) return true;
  const bool empty_list = effective.is_array() && effective.empty();
  if (empty_list && given.is_array()) return given.empty();
  if (given.is_object() && given.empty()) return true;  // a table that sets nothing
  if (!effective.is_string()) return false;
  const auto nanoseconds = AsNanoseconds(effective);
  return nanoseconds && nanoseconds == AsNanoseconds(given);
}

}  // namespace

Result<Json> ParseToml(std::string_view text, std::string_view file_name) {
  try {
    const toml::table table = toml::parse(text, file_name);
    return FromTomlNode(table, file_name);
  } catch (const toml::parse_error& error) {
    return Error(Code::kDecode, "{}:{}: {}", file_name, error.source().begin.line,
                 error.description());
  }
}

Status TreeProblems::ToStatus(Code code, std::string_view what) const {
  std::vector<std::string> parts = wrong;
  if (!unknown.empty())
    parts.push_back(fmt::format("unknown configuration options: {}", fmt::join(unknown, ", ")));
  if (!refused.empty())
    parts.push_back(
        fmt::format("options that this version does not support: {}", fmt::join(refused, ", ")));
  if (parts.empty()) return Status::Ok();
  return Status(code, "{}: {}", what, fmt::join(parts, "; "));
}

void TreeReader::Read(const char* key, bool* field) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return Wrong(Path(key), "true or false");
  *field = value->get<bool>();
}

void TreeReader::Read(const char* key, std::string* field) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return Wrong(Path(key), "a string");
  *field = value->get<std::string>();
}

void TreeReader::Read(const char* key, std::vector<std::string>* field) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  const auto is_string = [](const Json& element) { return element.is_string(); };
  if (!value->is_array() || !std::ranges::all_of(*value, is_string))
    return Wrong(Path(key), "a list of strings");
  *field = value->get<std::vector<std::string>>();
}

void TreeReader::Read(const char* key, std::vector<uint64_t>* field) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  const auto is_count = [](const Json& element) {
    return element.is_number_integer() && InRange<uint64_t>(element);
  };
  if (!value->is_array() || !std::ranges::all_of(*value, is_count))
    return Wrong(Path(key), "a list of numbers >= 0");
  *field = value->get<std::vector<uint64_t>>();
}

void TreeReader::Read(const char* key, std::chrono::milliseconds* field) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  const auto nanoseconds = AsNanoseconds(*value);
  if (!nanoseconds) return Wrong(Path(key), "a duration such as \"500ms\"");
  *field =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(*nanoseconds));
}

void TreeReader::ReadSeconds(const char* key, std::chrono::seconds* field) {
  int64_t seconds = field->count();
  Read(key, &seconds);
  *field = std::chrono::seconds(seconds);
}

void TreeReader::KeepsTo(const char* key, const Json& effective) {
  if (const Json* value = Find(key)) CompareWith(effective, Path(key), *value);
}

void TreeReader::CompareWith(const Json& effective, const std::string& path, const Json& given) {
  if (given.is_null()) return;
  if (!effective.is_object() || !given.is_object()) {
    if (!SameSetting(given, effective))
      problems_->refused.push_back(fmt::format("{} = {}", path, given.dump()));
    return;
  }
  for (const auto& [key, value] : given.items()) {
    const auto found = effective.find(key);
    const std::string below = fmt::format("{}.{}", path, key);
    if (found == effective.end())
      problems_->unknown.push_back(below);
    else
      CompareWith(*found, below, value);
  }
}

void TreeReader::Finish() {
  if (!node_.is_object()) return;
  for (const auto& [key, value] : node_.items())
    if (!asked_.contains(key)) problems_->unknown.push_back(Path(key));
}

const Json* TreeReader::Find(const char* key) {
  asked_.emplace(key);
  if (!node_.is_object()) return nullptr;
  const auto found = node_.find(key);
  return found == node_.end() || found->is_null() ? nullptr : &*found;
}

std::string TreeReader::Path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void TreeReader::Wrong(const std::string& path, std::string_view expected) {
  problems_->wrong.push_back(
      fmt::format("{} must be {}", path.empty() ? "the configuration" : path, expected));
}

}  // namespace cdc
