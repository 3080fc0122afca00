#include "dataflow/codec/schema_registry.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

constexpr const char* kContentType = "application/vnd.schemaregistry.v1+json";

struct Target {
  std::string origin;  // https://host:port
  std::string path;    // without a slash at the end
  std::string user;
  std::string password;
};

std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (const auto byte = FromHex(text.substr(i + 1, 2)); byte) {
        decoded += *byte;
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

Result<Target> ParseUrl(std::string_view url) {
  const size_t authority = url.find("://");
  const std::string_view scheme = url.substr(0, authority);
  if (authority == std::string_view::npos || (scheme != "http" && scheme != "https"))
    return Error(Code::kSinkConfig, "schema-registry needs an address like http://host:8081");
  std::string_view rest = url.substr(authority + 3);
  Target target;
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    target.path = rest.substr(slash, rest.find('?') - slash);
    rest = rest.substr(0, slash);
  }
  while (target.path.ends_with('/')) target.path.pop_back();
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = rest.substr(0, at);
    const size_t colon = login.find(':');
    target.user = PercentDecoded(login.substr(0, colon));
    if (colon != std::string_view::npos) target.password = PercentDecoded(login.substr(colon + 1));
    rest = rest.substr(at + 1);
  }
  if (rest.empty()) return Error(Code::kSinkConfig, "schema-registry has no host");
  target.origin = std::string(scheme) + "://" + std::string(rest);
  return target;
}

// As it stands in a path.
std::string PathSegment(std::string_view name) {
  std::string encoded;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

class ConfluentRegistry final : public SchemaRegistry {
 public:
  ConfluentRegistry(Target target, const SchemaRegistryConfig& config, Clock& clock)
      : target_(std::move(target)), clock_(clock), client_(MakeClient(target_, config)) {}

  Status Ping() {
    const std::scoped_lock lock(mutex_);
    auto answer = Try([&] { return client_->Get(target_.path.empty() ? "/" : target_.path); });
    if (!answer) return answer.error();
    if (answer->status == 200) return Status::Ok();
    return Status(Code::kSchemaRegistry, "schema registry {} answers with status {}",
                  target_.origin, answer->status);
  }

  Result<uint32_t> Register(const std::string& subject, const std::string& schema) override {
    const std::scoped_lock lock(mutex_);
    auto& known = ids_[{subject, schema}];
    if (known) return *known;
    const std::string path = target_.path + "/subjects/" + PathSegment(subject) + "/versions";
    const std::string body = Json{{"schema", schema}}.dump();
    ASSIGN_OR_RETURN(const httplib::Response answer,
                     Try([&] { return client_->Post(path, body, kContentType); }));
    if (answer.status != 200)
      return Error(Code::kSchemaRegistry, "schema registry {} refuses {} with status {}: {}",
                   target_.origin, subject, answer.status, answer.body.substr(0, 500));
    const Json reply = Json::parse(answer.body, nullptr, false);
    const bool has_id =
        reply.is_object() && reply.contains("id") && reply["id"].is_number_integer();
    if (!has_id || reply["id"].get<int64_t>() <= 0)
      return Error(Code::kSchemaRegistry, "schema registry {} gave no id for {}: {}",
                   target_.origin, subject, answer.body.substr(0, 500));
    known = reply["id"].get<uint32_t>();
    return *known;
  }

 private:
  static std::unique_ptr<httplib::Client> MakeClient(const Target& target,
                                                     const SchemaRegistryConfig& config) {
    auto client = config.cert.empty()
                      ? std::make_unique<httplib::Client>(target.origin)
                      : std::make_unique<httplib::Client>(target.origin, config.cert, config.key);
    client->set_connection_timeout(std::chrono::seconds(10));
    client->set_read_timeout(std::chrono::seconds(10));
    client->set_write_timeout(std::chrono::seconds(10));
    client->set_keep_alive(true);
    if (!target.user.empty()) client->set_basic_auth(target.user, target.password);
    if (!config.ca.empty()) client->set_ca_cert_path(config.ca.c_str());
    return client;
  }

  // Again while there is no answer: a registry that has one, has it also the next time.
  template <typename Call>
  Result<httplib::Response> Try(const Call& call) {
    const SteadyTime deadline = clock_.Now() + SchemaRegistryConfig::kTimeout;
    for (Duration pause = 500ms;; pause = std::min<Duration>(2 * pause, 10s)) {
      const httplib::Result result = call();
      if (result) return *result;
      if (clock_.Now() + pause > deadline)
        return Error(Code::kSchemaRegistry, "schema registry {} does not answer: {}",
                     target_.origin, httplib::to_string(result.error()));
      clock_.SleepFor(pause, {});
    }
  }

  const Target target_;
  Clock& clock_;
  std::mutex mutex_;  // one call at a time: schemas are few, and asked for once
  const std::unique_ptr<httplib::Client> client_;
  std::map<std::pair<std::string, std::string>, std::optional<uint32_t>> ids_;
};

class CountingRegistry final : public SchemaRegistry {
 public:
  Result<uint32_t> Register(const std::string& /*subject*/, const std::string& schema) override {
    const std::scoped_lock lock(mutex_);
    return ids_.try_emplace(schema, static_cast<uint32_t>(ids_.size() + 1)).first->second;
  }

 private:
  std::mutex mutex_;  // guards ids_
  std::map<std::string, uint32_t> ids_;
};

}  // namespace

Result<std::unique_ptr<SchemaRegistry>> ConnectSchemaRegistry(const SchemaRegistryConfig& config,
                                                              Clock& clock) {
  if (config.url == "-") return std::make_unique<CountingRegistry>();
  ASSIGN_OR_RETURN(Target target, ParseUrl(config.url));
  auto registry = std::make_unique<ConfluentRegistry>(std::move(target), config, clock);
  RETURN_UNEXPECTED_IF_ERROR(registry->Ping());
  return registry;
}

}  // namespace cdc
