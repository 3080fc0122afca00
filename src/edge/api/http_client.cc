#include "edge/api/http_client.h"

#include <httplib.h>
#include <nlohmann/json.hpp>

namespace cdc {

Result<HttpAnswer> CallNode(const std::string& address, const HttpTls& tls, const HttpCall& call) {
  const std::string url = (tls.enabled() ? "https://" : "http://") + address;
  httplib::Client client(url, tls.files.cert_path, tls.files.key_path);
  if (!client.is_valid())
    return Error(Code::kTls, "cannot use the certificate {} with the key {}", tls.files.cert_path,
                 tls.files.key_path);
  if (tls.enabled()) {
    client.set_ca_cert_path(tls.files.ca_path.c_str());
    if (SSL_CTX* context = client.ssl_context(); context != nullptr && !tls.allowed_cn.empty())
      RequireCommonName(tls.allowed_cn, SSL_VERIFY_PEER, context);
  }
  client.set_connection_timeout(5);
  client.set_read_timeout(call.timeout.count());
  client.set_url_encode(false);
  httplib::Request request;
  request.method = call.method;
  request.path = call.target;
  request.body = call.body;
  for (const auto& [name, value] : call.headers) request.set_header(name, value);
  if (!call.body.empty()) request.set_header("Content-Type", call.content_type);
  const httplib::Result answer = client.send(request);
  if (!answer)
    return Error(Code::kRequestForward, "{} does not answer: {}", url,
                 httplib::to_string(answer.error()));
  return HttpAnswer{.status = answer->status,
                    .content_type = answer->get_header_value("Content-Type"),
                    .body = answer->body};
}

Status AnswerStatus(const std::string& address, const HttpAnswer& answer) {
  if (answer.status >= 200 && answer.status < 300) return Status::Ok();
  std::string text = answer.body;
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (json.is_object() && json.contains("error_msg") && json["error_msg"].is_string())
    text = json["error_msg"].get<std::string>();
  // "[CDC:Err…]message", as the node said it.
  if (const size_t end = text.find(']'); text.starts_with("[CDC:") && end != text.npos)
    return Status::Make(CodeFromName(std::string_view(text).substr(1, end - 1)),
                        text.substr(end + 1));
  return Status(Code::kUnexpected, "{} answers {}: {}", address, answer.status, text);
}

}  // namespace cdc
