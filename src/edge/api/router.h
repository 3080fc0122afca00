// Requests, answers, and the table of paths between them; knows no HTTP library.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "edge/api/json_views.h"

namespace cdc {

struct ApiRequest {
  std::string method;
  std::string path;                                // percent-decoded, without the query
  std::string target;                              // as sent: path and query
  std::multimap<std::string, std::string> params;  // of the query and of a form in the body
  std::string body;
  std::string content_type;
  int forwarded = 0;                               // times that another node passed it on
  std::map<std::string, std::string> path_params;  // set by the router

  // "" if it is not there.
  std::string Param(const std::string& name) const;
  std::string PathParam(const std::string& name) const;
  // The body as a JSON object; an empty one is {}.
  Result<OrderedJson> JsonBody() const;
};

struct ApiReply {
  int status = 200;
  std::string content_type;
  std::string body;

  static ApiReply Json(const OrderedJson& json, int status = 200);
  static ApiReply Text(std::string text, int status = 200);
  static ApiReply Empty(int status = 200) {
    return {.status = status, .content_type = {}, .body = {}};
  }
};

using ApiHandler = std::function<Result<ApiReply>(const ApiRequest&)>;

// What the OpenAPI document says of a path beyond its name; schemas are names in openapi.cc.
struct RouteDoc {
  const char* summary = "";
  const char* answer = "";  // schema; "": nothing, or text
  const char* body = "";    // schema of a JSON body; "": none
  const char* query = "";   // "name name": parameters of the query or of a form
  int status = 200;         // when all went well
};

struct Route {
  const char* method;
  const char* path;  // "/api/v2/changefeeds/{changefeed_id}"; a last "{name*}" takes the rest
  RouteDoc doc;
  ApiHandler handler;
  bool owner = false;  // only the owner can answer: other nodes pass the request on to it
};

// Immutable once served; then thread-safe.
class Router {
 public:
  struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string> path_params;
  };

  void Add(Route route) { routes_.push_back(std::move(route)); }
  const std::vector<Route>& routes() const { return routes_; }
  // The route for `method` and `path`; null if there is none. `allowed`: the methods that the path
  // has, if it is known at all.
  Match Find(std::string_view method, std::string_view path,
             std::vector<std::string>* allowed) const;

 private:
  std::vector<Route> routes_;
};

// The HTTP status that goes with an error.
int HttpStatus(const Status& status);
// {"error_msg", "error_code"}, or plain text for the paths of the first generation.
ApiReply ErrorReply(std::string_view path, const Status& status);

}  // namespace cdc
