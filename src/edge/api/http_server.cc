#include "edge/api/http_server.h"

#include <map>
#include <thread>

#include <httplib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"
#include "edge/api/json_views.h"
#include "edge/api/version.h"

namespace cdc {
namespace {

using httplib::Request;
using httplib::Response;

void SendJson(Response& response, const OrderedJson& json) {
  response.set_content(json.dump(1, ' ', false, OrderedJson::error_handler_t::replace),
                       "application/json");
}

int HttpCode(const Status& status) {
  switch (status.code()) {
    case Code::kChangefeedNotExists:
    case Code::kCaptureNotExist:
      return 404;
    case Code::kApiInvalidParam:
    case Code::kNotOwner:
    case Code::kInvalidChangefeedId:
    case Code::kInvalidServerOption:
      return 400;
    default:
      return 500;
  }
}

// Plain text as the older paths answer, or the object of the later ones.
void SendError(const Request& request, Response& response, const Status& status) {
  response.status = HttpCode(status);
  if (request.path.starts_with("/api/"))
    SendJson(response, {{"error_msg", status.ToString()}, {"error_code", CodeName(status.code())}});
  else
    response.set_content(status.ToString(), "text/plain");
}

class HttpServerImpl : public HttpServer {
 public:
  HttpServerImpl(HttpServerOptions options, std::unique_ptr<httplib::Server> server)
      : options_(std::move(options)), server_(std::move(server)) {}

  ~HttpServerImpl() override {
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Start() {
    const size_t colon = options_.addr.rfind(':');
    const std::string host = options_.addr.substr(0, colon);
    const int port = std::atoi(options_.addr.c_str() + colon + 1);
    AddNodePaths();
    AddOwnerPaths();
    AddOpenApiPaths();
    ServePostsWithoutBody();
    server_->new_task_queue = [] { return new httplib::ThreadPool(4); };
    // Without SO_REUSEPORT, which would let two servers share a port.
    server_->set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    if (!server_->bind_to_port(host, port))
      return Status(Code::kServeHttp, "cannot listen on {}: {}", options_.addr,
                    std::generic_category().message(errno));
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();  // stop() would miss it before
    return Status::Ok();
  }

 private:
  // Answers with what `handle` makes of the cluster as it is now.
  template <typename Handle>
  auto WithCluster(Handle handle) {
    return [this, handle](const Request& request, Response& response) {
      const auto cluster = ReadCluster(*options_.etcd, options_.paths);
      const Status status = cluster ? handle(request, response, *cluster) : cluster.error();
      if (!status.ok()) SendError(request, response, status);
    };
  }

  void AddNodePaths() {
    const auto status = [this](const Request&, Response& response) {
      SendJson(response, {{"version", Build().release},
                          {"git_hash", Build().git_hash},
                          {"id", options_.capture->info().id},
                          {"pid", getpid()},
                          {"is_owner", options_.capture->IsOwner()}});
    };
    server_->Get("/status", status);
    server_->Get("/api/v1/status", status);
    server_->Get("/api/v2/status", status);
    server_->Get("/metrics", [](const Request&, Response& response) {
      response.set_content(Metrics().Text(), "text/plain; version=0.0.4");
    });
    server_->Get("/debug/info", [this](const Request&, Response& response) {
      std::string text = options_.capture->DebugInfo() + "\n\n*** etcd info ***:\n\n";
      const auto range = options_.etcd->GetPrefix(options_.paths.prefix());
      if (!range) text += range.error().ToString();
      if (range)
        for (const EtcdKv& kv : range->kvs) {
          const auto key = options_.paths.Parse(kv.key);
          const bool secret = key && key->kind == ParsedKey::Kind::kInfo;
          text += fmt::format("{}\n\t{}\n\n", kv.key, secret ? "(sink URI not shown)" : kv.value);
        }
      response.set_content(text, "text/plain");
    });
    server_->Post("/admin/log", [](const Request& request, Response& response) {
      const auto level = OrderedJson::parse(request.body, nullptr, false);
      const Status status = level.is_string() ? SetLogLevel(level.get<std::string>())
                                              : Status(Code::kApiInvalidParam,
                                                       "the body must be a level as a JSON string");
      if (!status.ok()) return SendError(request, response, status);
      LogWarn("log level changed, level={}", level.get<std::string>());
      SendJson(response, OrderedJson::object());
    });
    server_->Post("/api/v2/log", [](const Request& request, Response& response) {
      const auto body = OrderedJson::parse(request.body, nullptr, false);
      const bool given =
          body.is_object() && body.contains("log_level") && body["log_level"].is_string();
      const Status status = given ? SetLogLevel(body["log_level"].get<std::string>())
                                  : Status(Code::kApiInvalidParam, "log_level is missing");
      if (!status.ok()) return SendError(request, response, status);
      SendJson(response, OrderedJson::object());
    });
  }

  Status Operate(Response& response, const std::function<Status(Owner&)>& operate) {
    const Status status = options_.capture->OperateOwner(operate);
    if (status.ok()) SendJson(response, {{"status", true}, {"message", ""}});
    return status;
  }

  using OwnerHandler = Status (HttpServerImpl::*)(const Request&, Response&);

  // A POST with a form, for the owner only.
  void OwnerPost(const char* path, OwnerHandler handler) {
    owner_posts_[path] = handler;
    server_->Post(path, [this, handler](const Request& request, Response& response) {
      const Status status = (this->*handler)(request, response);
      if (!status.ok()) SendError(request, response, status);
    });
  }

  // A POST without a body, as `curl -X POST` sends it, has no length either, and the library would
  // refuse it: it is served here, before the library looks for the body.
  void ServePostsWithoutBody() {
    server_->set_pre_routing_handler([this](const Request& request, Response& response) {
      const auto handler = owner_posts_.find(request.path);
      if (request.method != "POST" || handler == owner_posts_.end() ||
          request.has_header("Content-Length") || request.has_header("Transfer-Encoding"))
        return httplib::Server::HandlerResponse::Unhandled;
      const Status status = (this->*handler->second)(request, response);
      if (!status.ok()) SendError(request, response, status);
      return httplib::Server::HandlerResponse::Handled;
    });
  }

  void AddOwnerPaths() {
    OwnerPost("/capture/owner/resign", &HttpServerImpl::Resign);
    OwnerPost("/capture/owner/admin", &HttpServerImpl::Admin);
    OwnerPost("/capture/owner/rebalance_trigger", &HttpServerImpl::Rebalance);
    OwnerPost("/capture/owner/move_table", &HttpServerImpl::MoveTable);
    OwnerPost("/capture/owner/changefeed/query", &HttpServerImpl::Query);
  }

  Status Resign(const Request&, Response& response) {
    return Operate(response, [](Owner& owner) {
      owner.AsyncStop();
      return Status::Ok();
    });
  }

  Result<ChangefeedId> FormChangefeed(const Request& request) {
    ChangefeedId id = request.get_param_value("cf-id");
    RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
    ASSIGN_OR_RETURN(const ClusterSnapshot cluster, ReadCluster(*options_.etcd, options_.paths));
    if (!cluster.view.changefeeds().contains(id))
      return Error(Code::kChangefeedNotExists, "there is no changefeed {}", id);
    return id;
  }

  Status Admin(const Request& request, Response& response) {
    const std::string type = request.get_param_value("admin-job");
    if (type.size() != 1 || type[0] < '1' || type[0] > '3')
      return Status(Code::kApiInvalidParam,
                    "admin-job must be 1 (stop), 2 (resume) or 3 (remove), not \"{}\"", type);
    const std::string force = request.get_param_value("force-remove");
    if (!force.empty() && force != "true" && force != "false")
      return Status(Code::kApiInvalidParam, "force-remove must be true or false, not \"{}\"",
                    force);
    ASSIGN_OR_RETURN_STATUS(const ChangefeedId id, FormChangefeed(request));
    return Operate(response, [&](Owner& owner) {
      owner.EnqueueJob({id, static_cast<AdminJobType>(type[0] - '0'), force == "true"});
      return Status::Ok();
    });
  }

  Status Rebalance(const Request& request, Response& response) {
    ASSIGN_OR_RETURN_STATUS(const ChangefeedId id, FormChangefeed(request));
    return Operate(response, [&](Owner& owner) {
      owner.TriggerRebalance(id);
      return Status::Ok();
    });
  }

  Status MoveTable(const Request& request, Response& response) {
    ASSIGN_OR_RETURN_STATUS(const ChangefeedId id, FormChangefeed(request));
    const std::string text = request.get_param_value("table-id");
    char* end = nullptr;
    const int64_t table = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0')
      return Status(Code::kApiInvalidParam, "invalid tableID: {}", text);
    const std::string target = request.get_param_value("target-cp-id");
    ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster,
                            ReadCluster(*options_.etcd, options_.paths));
    if (!cluster.view.captures().contains(target))
      return Status(Code::kCaptureNotExist, "there is no capture \"{}\"", target);
    return Operate(response, [&](Owner& owner) {
      owner.MoveTable(id, TableId{table}, target);
      return Status::Ok();
    });
  }

  Status Query(const Request& request, Response& response) {
    if (!options_.capture->IsOwner()) return Status(Code::kNotOwner, "this node is not the owner");
    ASSIGN_OR_RETURN_STATUS(const ChangefeedId id, FormChangefeed(request));
    ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster,
                            ReadCluster(*options_.etcd, options_.paths));
    const auto feed = cluster.view.changefeeds().find(id);
    if (feed == cluster.view.changefeeds().end())
      return Status(Code::kChangefeedNotExists, "there is no changefeed {}", id);
    SendJson(response, SummaryView(feed->second));
    return Status::Ok();
  }

  void AddOpenApiPaths() {
    const auto health = WithCluster([](const Request&, Response& response, const ClusterSnapshot&) {
      response.status = 200;
      return Status::Ok();
    });
    server_->Get("/api/v1/health", health);
    server_->Get("/api/v2/health", health);
    server_->Get(
        "/api/v1/captures",
        WithCluster([](const Request&, Response& response, const ClusterSnapshot& cluster) {
          OrderedJson captures = OrderedJson::array();
          for (const auto& [id, info] : cluster.view.captures())
            captures.push_back(
                {{"id", id}, {"is_owner", cluster.owner == id}, {"address", info.address}});
          SendJson(response, captures);
          return Status::Ok();
        }));
    server_->Get(
        "/api/v2/captures",
        WithCluster([](const Request&, Response& response, const ClusterSnapshot& cluster) {
          OrderedJson items = OrderedJson::array();
          for (const auto& [id, info] : cluster.view.captures())
            items.push_back(
                {{"id", id}, {"is_owner", cluster.owner == id}, {"address", info.address}});
          SendJson(response, {{"total", items.size()}, {"items", items}});
          return Status::Ok();
        }));
    server_->Get("/api/v1/changefeeds", WithCluster(&ListV1));
    server_->Get("/api/v2/changefeeds", WithCluster(&ListV2));
    const auto one = [](OrderedJson (*view)(const ChangefeedId&, const ChangefeedView&)) {
      return [view](const Request& request, Response& response, const ClusterSnapshot& cluster) {
        const std::string id = request.matches[1];
        const auto feed = cluster.view.changefeeds().find(id);
        if (feed == cluster.view.changefeeds().end())
          return Status(Code::kChangefeedNotExists, "there is no changefeed {}", id);
        SendJson(response, view(id, feed->second));
        return Status::Ok();
      };
    };
    server_->Get("/api/v2/changefeeds/([^/]+)", WithCluster(one(&DetailV2)));
    server_->Get("/api/v1/changefeeds/([^/]+)", WithCluster(one(&DetailV2)));
    server_->Get("/api/v2/changefeeds/([^/]+)/tables",
                 [this](const Request& request, Response& response) { Tables(request, response); });
  }

  static bool Wanted(const Request& request, const ChangefeedView& feed) {
    const std::string state = request.get_param_value("state");
    return feed.info &&
           (state.empty() || state == "all" || state == FeedStateName(feed.info->state));
  }

  static Status ListV1(const Request& request, Response& response, const ClusterSnapshot& cluster) {
    OrderedJson list = OrderedJson::array();
    for (const auto& [id, feed] : cluster.view.changefeeds())
      if (Wanted(request, feed)) list.push_back(ListEntryV1(id, feed));
    SendJson(response, list);
    return Status::Ok();
  }

  static Status ListV2(const Request& request, Response& response, const ClusterSnapshot& cluster) {
    OrderedJson items = OrderedJson::array();
    for (const auto& [id, feed] : cluster.view.changefeeds())
      if (Wanted(request, feed)) items.push_back(ListEntryV2(id, feed));
    SendJson(response, {{"total", items.size()}, {"items", items}});
    return Status::Ok();
  }

  // What each table of a changefeed on this node waits for.
  void Tables(const Request& request, Response& response) {
    OrderedJson items = OrderedJson::array();
    for (const TableProgress& table : options_.capture->Progress(request.matches[1]))
      items.push_back({{"table_id", Raw(table.table)},
                       {"checkpoint_ts", table.checkpoint.raw()},
                       {"resolved_ts", table.resolved.raw()},
                       {"sorter_bytes", table.sorter_bytes},
                       {"regions", table.feed.regions},
                       {"regions_initialized", table.feed.regions_initialized},
                       {"slowest_region", Raw(table.feed.slowest_region)},
                       {"slowest_store", Raw(table.feed.slowest_store)},
                       {"slowest_resolved_ts", table.feed.slowest_resolved.raw()},
                       {"reason", table.feed.reason}});
    SendJson(response, {{"total", items.size()}, {"items", items}});
  }

  const HttpServerOptions options_;
  std::map<std::string, OwnerHandler> owner_posts_;  // constant once served
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Open(HttpServerOptions options) {
  std::unique_ptr<httplib::Server> server;
  if (options.tls.enabled())
    server = std::make_unique<httplib::SSLServer>(
        options.tls.cert_path.c_str(), options.tls.key_path.c_str(), options.tls.ca_path.c_str());
  else
    server = std::make_unique<httplib::Server>();
  if (!server->is_valid()) return Error(Code::kServeHttp, "cannot set up the HTTP server");
  auto http = std::make_unique<HttpServerImpl>(std::move(options), std::move(server));
  RETURN_UNEXPECTED_IF_ERROR(http->Start());
  return http;
}

}  // namespace cdc
