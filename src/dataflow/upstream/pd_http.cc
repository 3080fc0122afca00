#include "dataflow/upstream/pd_http.h"

#include <httplib.h>

namespace cdc {
namespace {

constexpr int kConnectSeconds = 3;
constexpr int kAnswerSeconds = 3;

Result<std::string> Get(const std::string& url, const TlsConfig& tls, const std::string& path,
                        Code code) {
  httplib::Client client(url, tls.cert_path, tls.key_path);
  if (!client.is_valid()) return Error(code, "{} is no address", url);
  if (tls.enabled()) {
    client.set_ca_cert_path(tls.ca_path);
    client.enable_server_certificate_verification(true);
  }
  client.set_connection_timeout(kConnectSeconds);
  client.set_read_timeout(kAnswerSeconds);
  const httplib::Result answer = client.Get(path);
  if (!answer) return Error(code, "{}{}: {}", url, path, httplib::to_string(answer.error()));
  if (answer->status / 100 != 2) return Error(code, "{}{}: status {}", url, path, answer->status);
  return answer->body;
}

}  // namespace

Result<std::string> GetPdVersion(const std::string& url, const TlsConfig& tls) {
  ASSIGN_OR_RETURN(const std::string body,
                   Get(url, tls, "/pd/api/v1/version", Code::kCheckClusterVersion));
  // The answer is {"version": "v8.5.4"}.
  const size_t name = body.find("\"version\"");
  const size_t colon = body.find(':', name);
  const size_t open = body.find('"', colon);
  const size_t close = open == body.npos ? open : body.find('"', open + 1);
  if (name == body.npos || close == body.npos)
    return Error(Code::kCheckClusterVersion, "PD {} answers \"{}\"", url, body);
  return body.substr(open + 1, close - open - 1);
}

Status GetPdHealth(const std::string& url, const TlsConfig& tls) {
  const auto body = Get(url, tls, "/health", Code::kClusterUnhealthy);
  return body ? Status::Ok() : body.error();
}

}  // namespace cdc
