#include "dataflow/sink/kafka/handle.h"

#include <array>
#include <chrono>

#include "base/log.h"
#include "dataflow/sink/kafka/oauth_token.h"

namespace cdc {
namespace {

void OnLog(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  // syslog's levels: 3 error, 4 warning, 6 info. Lost connections come as errors, many a second
  // while a broker is away; what matters of them is in the errors of the messages.
  constexpr int kWarning = 4;
  LogMessage(level <= kWarning ? LogLevel::kWarn : LogLevel::kDebug,
             fmt::format("kafka client, name={} facility={} text=\"{}\"",
                         client == nullptr ? "" : rd_kafka_name(client), facility, text));
}

// On librdkafka's background thread, which may wait.
void OnTokenNeeded(rd_kafka_t* client, const char* settings, void*) {
  const auto sasl = ParseOauthSettings(settings == nullptr ? "" : settings);
  auto token = sasl ? FetchOauthToken(*sasl) : Unexpected(sasl.error());
  std::array<char, kKafkaErrorTextBytes> text{};
  if (token) {
    const auto end = std::chrono::system_clock::now() + token->lifetime;
    const auto end_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(end.time_since_epoch()).count();
    if (rd_kafka_oauthbearer_set_token(client, token->token.c_str(), end_ms,
                                       sasl->oauth_client_id.c_str(), nullptr, 0, text.data(),
                                       text.size()) == RD_KAFKA_RESP_ERR_NO_ERROR)
      return;
    token = Error(Code::kKafkaAuthorization, "{}", text.data());
  }
  LogWarn("no token for a kafka client, name={} error=\"{}\"", rd_kafka_name(client),
          token.error().ToString());
  rd_kafka_oauthbearer_set_token_failure(client, std::string(token.error().message()).c_str());
}

bool IsAuthorization(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<ConfHandle> MakeConf(const KafkaProperties& properties) {
  ConfHandle conf(rd_kafka_conf_new());
  std::array<char, kKafkaErrorTextBytes> text{};
  for (const auto& [name, value] : properties)
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size()) !=
        RD_KAFKA_CONF_OK)
      return Error(Code::kKafkaConfig, "Kafka client property {}: {}", name, text.data());
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  if (properties.contains("sasl.oauthbearer.config")) {
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf.get(), OnTokenNeeded);
    rd_kafka_conf_enable_sasl_queue(conf.get(), 1);
  }
  return conf;
}

Result<ClientHandle> MakeClient(rd_kafka_type_t type, ConfHandle conf) {
  std::array<char, kKafkaErrorTextBytes> text{};
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (client == nullptr) return Error(Code::kKafkaProducer, "{}", text.data());
  (void)conf.release();  // the client's now
  ClientHandle handle(client);
  // Nobody polls while an administrative request waits.
  if (rd_kafka_queue_t* sasl = rd_kafka_queue_get_sasl(client)) {
    rd_kafka_queue_destroy(sasl);
    if (rd_kafka_error_t* error = rd_kafka_sasl_background_callbacks_enable(client)) {
      const std::string reason = rd_kafka_error_string(error);
      rd_kafka_error_destroy(error);
      return Error(Code::kKafkaProducer, "{}", reason);
    }
  }
  return handle;
}

Status KafkaError(rd_kafka_resp_err_t error, Code otherwise, std::string_view what) {
  return Status(IsAuthorization(error) ? Code::kKafkaAuthorization : otherwise, "{}: {}", what,
                rd_kafka_err2str(error));
}

}  // namespace cdc
