#include "dataflow/sink/kafka/oauth_token.h"

#include <fmt/ranges.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

namespace cdc {
namespace {

using Json = nlohmann::json;

constexpr int kTimeoutSeconds = 10;
// Where the answer does not tell: short, so that a token that ends earlier is not used for long.
constexpr std::chrono::seconds kDefaultLifetime{300};

struct Endpoint {
  std::string origin;  // scheme://host:port
  std::string path;
};

Result<Endpoint> ParseEndpoint(const std::string& url) {
  const size_t scheme_end = url.find("://");
  const std::string scheme = url.substr(0, scheme_end);
  if (scheme_end == std::string::npos || (scheme != "http" && scheme != "https"))
    return Error(Code::kKafkaConfig, "sasl-oauth-token-url '{}': expected http:// or https://",
                 url);
  const size_t path = url.find('/', scheme_end + 3);
  if (path == std::string::npos) return Endpoint{url, "/"};
  return Endpoint{url.substr(0, path), url.substr(path)};
}

}  // namespace

std::string OauthSettings(const KafkaSasl& sasl) {
  return Json{{"client_id", sasl.oauth_client_id},   {"client_secret", sasl.oauth_client_secret},
              {"token_url", sasl.oauth_token_url},   {"scopes", sasl.oauth_scopes},
              {"grant_type", sasl.oauth_grant_type}, {"audience", sasl.oauth_audience}}
      .dump(-1, ' ', true, Json::error_handler_t::replace);
}

Result<KafkaSasl> ParseOauthSettings(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is_text = [&](const char* name) {
    return json.is_object() && json.contains(name) && json[name].is_string();
  };
  for (const char* name : {"client_id", "client_secret", "token_url", "grant_type", "audience"})
    if (!is_text(name)) return Error(Code::kKafkaConfig, "OAuth settings lack {}", name);
  KafkaSasl sasl;
  sasl.mechanism = KafkaSasl::Mechanism::kOauth;
  sasl.oauth_client_id = json["client_id"];
  sasl.oauth_client_secret = json["client_secret"];
  sasl.oauth_token_url = json["token_url"];
  sasl.oauth_grant_type = json["grant_type"];
  sasl.oauth_audience = json["audience"];
  if (json.contains("scopes") && json["scopes"].is_array())
    for (const Json& scope : json["scopes"])
      if (scope.is_string()) sasl.oauth_scopes.push_back(scope);
  return sasl;
}

Result<OauthToken> ParseOauthAnswer(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("access_token") || !json["access_token"].is_string())
    return Error(Code::kKafkaAuthorization, "the OAuth server's answer holds no access_token");
  OauthToken token{.token = json["access_token"], .lifetime = kDefaultLifetime};
  if (json.contains("expires_in") && json["expires_in"].is_number_integer())
    token.lifetime = std::chrono::seconds(json["expires_in"].get<int64_t>());
  if (token.lifetime.count() <= 0)
    return Error(Code::kKafkaAuthorization, "the OAuth server gave a token that has expired");
  return token;
}

Result<OauthToken> FetchOauthToken(const KafkaSasl& sasl) {
  ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(sasl.oauth_token_url));
  httplib::Client client(endpoint.origin);
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  httplib::Params form = {{"grant_type", sasl.oauth_grant_type},
                          {"client_id", sasl.oauth_client_id},
                          {"client_secret", sasl.oauth_client_secret}};
  if (!sasl.oauth_scopes.empty())
    form.emplace("scope", fmt::format("{}", fmt::join(sasl.oauth_scopes, " ")));
  if (!sasl.oauth_audience.empty()) form.emplace("audience", sasl.oauth_audience);
  const auto answer = client.Post(endpoint.path, form);
  if (!answer)
    return Error(Code::kKafkaAuthorization, "asking {} for a token: {}", sasl.oauth_token_url,
                 httplib::to_string(answer.error()));
  constexpr size_t kShownBytes = 200;
  if (answer->status != 200)
    return Error(Code::kKafkaAuthorization, "asking {} for a token: status {}: {}",
                 sasl.oauth_token_url, answer->status, answer->body.substr(0, kShownBytes));
  return ParseOauthAnswer(answer->body);
}

}  // namespace cdc
