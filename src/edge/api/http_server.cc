#include "edge/api/http_server.h"

#include <thread>

#include <httplib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "edge/api/api_context.h"
#include "edge/api/http_client.h"
#include "edge/api/openapi.h"

namespace cdc {
namespace {

using httplib::Request;
using httplib::Response;

constexpr char kForwardFrom[] = "TiCDC-ForwardFromCapture";
constexpr char kForwardTimes[] = "TiCDC-ForwardTimes";
constexpr int kForwardTimesMax = 2;
// How long a request for the owner waits for one to be elected.
constexpr Duration kOwnerWaitMax = 5s;
constexpr Duration kOwnerPollInterval = 20ms;
constexpr size_t kThreads = 16;  // some wait for the owner to have done what was asked
constexpr size_t kBodyBytesMax = 8 << 20;

ApiRequest ReadRequest(const Request& request) {
  ApiRequest read;
  read.method = request.method;
  read.path = request.path;
  read.target = request.target;
  read.params.insert(request.params.begin(), request.params.end());
  read.body = request.body;
  read.content_type = request.get_header_value("Content-Type");
  read.forwarded = std::atoi(request.get_header_value(kForwardTimes).c_str());
  return read;
}

void Send(ApiReply reply, Response& response) {
  response.status = reply.status;
  if (!reply.content_type.empty()) response.set_content(std::move(reply.body), reply.content_type);
}

class HttpServerImpl : public HttpServer {
 public:
  HttpServerImpl(HttpServerOptions options)
      : options_(std::move(options)),
        context_(options_.paths, options_.cluster_id, *options_.capture, *options_.etcd,
                 *options_.tikv) {
    AddNodeRoutes(context_, &router_);
    AddOwnerRoutes(context_, &router_);
    AddChangefeedRoutes(context_, &router_);
    router_.Add({"GET",
                 "/openapi.json",
                 {.summary = "This document"},
                 [this](const ApiRequest&) -> Result<ApiReply> {
                   return ApiReply::Json(OpenApiDocument(router_));
                 }});
  }

  ~HttpServerImpl() override {
    context_.Stop();
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Start() {
    RETURN_IF_ERROR(MakeServer());
    const size_t colon = options_.addr.rfind(':');
    std::string host = options_.addr.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const int port = std::atoi(options_.addr.c_str() + colon + 1);
    const auto answer = [this](const Request& request, Response& response) {
      Send(Dispatch(ReadRequest(request)), response);
    };
    server_->Get(".*", answer);
    server_->Post(".*", answer);
    server_->Put(".*", answer);
    server_->Delete(".*", answer);
    ServeRequestsWithoutBody();
    server_->set_payload_max_length(kBodyBytesMax);
    server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
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
  Status MakeServer() {
    if (!options_.tls.enabled()) {
      server_ = std::make_unique<httplib::Server>();
      return Status::Ok();
    }
    Status status = Status(Code::kTls, "TLS cannot be set up");
    server_ = std::make_unique<httplib::SSLServer>([&](SSL_CTX& context) {
      status = SetUpServerContext(options_.tls, &context);
      return status.ok();
    });
    return status;
  }

  // A POST without a body, as `curl -X POST` sends it, has no length either, and the library would
  // wait for the body's end: it is served here, before the library looks for the body.
  void ServeRequestsWithoutBody() {
    server_->set_pre_routing_handler([this](const Request& request, Response& response) {
      if (request.method == "GET" || request.method == "HEAD" ||
          request.has_header("Content-Length") || request.has_header("Transfer-Encoding"))
        return httplib::Server::HandlerResponse::Unhandled;
      Send(Dispatch(ReadRequest(request)), response);
      return httplib::Server::HandlerResponse::Handled;
    });
  }

  ApiReply Dispatch(ApiRequest request) {
    std::vector<std::string> allowed;
    const Router::Match match = router_.Find(request.method, request.path, &allowed);
    if (match.route == nullptr) {
      ApiReply reply = ErrorReply(
          request.path, allowed.empty()
                            ? Status(Code::kApiInvalidParam, "there is no path {}", request.path)
                            : Status(Code::kApiInvalidParam, "{} takes {}, not {}", request.path,
                                     allowed.front(), request.method));
      reply.status = allowed.empty() ? 404 : 405;
      return reply;
    }
    request.path_params = match.path_params;
    Result<ApiReply> reply =
        match.route->owner ? ByOwner(*match.route, request) : Handle(*match.route, request);
    if (reply) return *std::move(reply);
    if (request.method != "GET")
      LogWarn("request refused: {} {}: {}", request.method, request.path, reply.error().ToString());
    return ErrorReply(request.path, reply.error());
  }

  static Result<ApiReply> Handle(const Route& route, const ApiRequest& request) {
    try {
      return route.handler(request);
    } catch (const OrderedJson::exception& e) {  // a field of another type than it should be
      return Error(Code::kApiInvalidParam, "the body is not what was expected: {}", e.what());
    }
  }

  // Here if this node is the owner, else there. While ownership changes hands, waits for the next
  // owner.
  Result<ApiReply> ByOwner(const Route& route, const ApiRequest& request) {
    const SteadyTime deadline = SystemClock().Now() + kOwnerWaitMax;
    while (true) {
      if (options_.capture->IsOwner()) {
        Result<ApiReply> reply = Handle(route, request);
        if (reply || reply.error().code() != Code::kNotOwner) return reply;
      } else {
        ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context_.Cluster());
        const auto& captures = cluster.view.captures();
        const auto owner = cluster.owner ? captures.find(*cluster.owner) : captures.end();
        // This node itself may be elected and not yet at work, or have resigned just now.
        if (owner != captures.end() && owner->first != options_.capture->info().id)
          return Forward(request, owner->second.address);
      }
      if (SystemClock().Now() >= deadline)
        return Error(Code::kOwnerNotFound, "no capture is the owner right now: try again");
      (void)SystemClock().SleepFor(kOwnerPollInterval, {});
    }
  }

  Result<ApiReply> Forward(const ApiRequest& request, const std::string& address) {
    if (request.forwarded >= kForwardTimesMax)
      return Error(Code::kRequestForward, "forwarded {} times and no owner found: try again",
                   request.forwarded);
    ASSIGN_OR_RETURN(HttpAnswer answer,
                     CallNode(address, options_.tls,
                              {.method = request.method,
                               .target = request.target,
                               .headers = {{kForwardFrom, options_.capture->info().id},
                                           {kForwardTimes, std::to_string(request.forwarded + 1)}},
                               .body = request.body,
                               .content_type = request.content_type}));
    return ApiReply{.status = answer.status,
                    .content_type = std::move(answer.content_type),
                    .body = std::move(answer.body)};
  }

  const HttpServerOptions options_;
  ApiContext context_;
  Router router_;  // constant once served
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Open(HttpServerOptions options) {
  auto http = std::make_unique<HttpServerImpl>(std::move(options));
  RETURN_UNEXPECTED_IF_ERROR(http->Start());
  return http;
}

}  // namespace cdc
