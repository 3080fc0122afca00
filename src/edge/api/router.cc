#include "edge/api/router.h"

namespace cdc {
namespace {

std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (slash != 0) parts.push_back(path.substr(0, slash));
    if (slash == path.npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

std::optional<std::map<std::string, std::string>> MatchPath(std::string_view pattern,
                                                            std::string_view path) {
  const auto wanted = Split(pattern);
  const auto given = Split(path);
  if (wanted.size() > given.size()) return std::nullopt;
  std::map<std::string, std::string> params;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].starts_with('{')) {
      if (wanted[i] != given[i]) return std::nullopt;
      continue;
    }
    const std::string_view name = wanted[i].substr(1, wanted[i].size() - 2);
    if (name.ends_with('*')) {
      params.emplace(name.substr(0, name.size() - 1), path.substr(given[i].data() - path.data()));
      return params;
    }
    params.emplace(name, given[i]);
  }
  if (wanted.size() != given.size()) return std::nullopt;
  return params;
}

}  // namespace

std::string ApiRequest::Param(const std::string& name) const {
  const auto found = params.find(name);
  return found == params.end() ? "" : found->second;
}

std::string ApiRequest::PathParam(const std::string& name) const {
  const auto found = path_params.find(name);
  return found == path_params.end() ? "" : found->second;
}

Result<OrderedJson> ApiRequest::JsonBody() const {
  if (body.empty()) return OrderedJson::object();
  OrderedJson json = OrderedJson::parse(body, nullptr, false);
  if (!json.is_object()) return Error(Code::kApiInvalidParam, "the body must be a JSON object");
  return json;
}

ApiReply ApiReply::Json(const OrderedJson& json, int status) {
  return {.status = status,
          .content_type = "application/json",
          .body = json.dump(1, ' ', false, OrderedJson::error_handler_t::replace)};
}

ApiReply ApiReply::Text(std::string text, int status) {
  return {.status = status, .content_type = "text/plain", .body = std::move(text)};
}

Router::Match Router::Find(std::string_view method, std::string_view path,
                           std::vector<std::string>* allowed) const {
  for (const Route& route : routes_) {
    auto params = MatchPath(route.path, path);
    if (!params) continue;
    if (method == route.method || (method == "HEAD" && std::string_view(route.method) == "GET"))
      return {&route, *std::move(params)};
    allowed->emplace_back(route.method);
  }
  return {};
}

int HttpStatus(const Status& status) {
  switch (status.code()) {
    case Code::kChangefeedNotExists:
    case Code::kCaptureNotExist:
      return 404;
    case Code::kOwnerNotFound:
    case Code::kRequestForward:
      return 503;
    case Code::kNotSupported:
      return 501;
    case Code::kNotOwner:
    case Code::kStartTsBeforeGc:
    case Code::kMySqlConnection:
      return 400;
    default:
      return status.reaction() == Reaction::kRefuse ? 400 : 500;
  }
}

ApiReply ErrorReply(std::string_view path, const Status& status) {
  if (!path.starts_with("/api/") && !path.starts_with("/debug/fail"))
    return ApiReply::Text(status.ToString(), HttpStatus(status));
  return ApiReply::Json({{"error_msg", status.ToString()}, {"error_code", CodeName(status.code())}},
                        HttpStatus(status));
}

}  // namespace cdc
