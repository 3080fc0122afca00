#include "dataflow/sink/kafka/handle.h"

#include <array>

#include "base/log.h"

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
  return conf;
}

Result<ClientHandle> MakeClient(rd_kafka_type_t type, ConfHandle conf) {
  std::array<char, kKafkaErrorTextBytes> text{};
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (client == nullptr) return Error(Code::kKafkaProducer, "{}", text.data());
  (void)conf.release();  // the client's now
  return ClientHandle(client);
}

Status KafkaError(rd_kafka_resp_err_t error, Code otherwise, std::string_view what) {
  return Status(IsAuthorization(error) ? Code::kKafkaAuthorization : otherwise, "{}: {}", what,
                rd_kafka_err2str(error));
}

}  // namespace cdc
