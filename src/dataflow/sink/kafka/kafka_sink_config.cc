#include "dataflow/sink/kafka/kafka_sink_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <limits>
#include <map>

#include <unistd.h>

#include "config/parameter.h"
#include "dataflow/codec/message_compression.h"
#include "dataflow/sink/kafka/kafka_security.h"

namespace cdc {
namespace {

using Setter = std::function<Status(const std::string& value, KafkaSinkConfig* config)>;

constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();
constexpr Code kCode = Code::kKafkaConfig;

// `field` is a function that picks the field of a KafkaSinkConfig.
template <typename Field>
Setter Bool(const char* name, Field field) {
  return [=](const std::string& value, KafkaSinkConfig* config) {
    ASSIGN_OR_RETURN_STATUS(field(*config), ParseBool(kCode, name, value));
    return Status::Ok();
  };
}

template <typename T, typename Field>
Setter Number(const char* name, int64_t min, int64_t max, Field field) {
  return [=](const std::string& value, KafkaSinkConfig* config) {
    ASSIGN_OR_RETURN_STATUS(const int64_t number, ParseInteger(kCode, name, value, min, max));
    field(*config) = static_cast<T>(number);
    return Status::Ok();
  };
}

template <typename Field>
Setter Timeout(const char* name, Field field) {
  return [=](const std::string& value, KafkaSinkConfig* config) {
    ASSIGN_OR_RETURN_STATUS(field(*config), ParseTimeout(kCode, name, value));
    return Status::Ok();
  };
}

// A parameter that is not acted on: only what holds without it is accepted.
Setter KeepsTo(const char* name, const char* effective) {
  return [=](const std::string& value, KafkaSinkConfig*) {
    if (value == effective) return Status::Ok();
    return Status(Code::kNotSupported, "parameter {}={} is not acted on by this version", name,
                  value);
  };
}

Status SetProtocol(const std::string& value, KafkaSinkConfig* config) {
  std::string lower = value;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  ASSIGN_OR_RETURN_STATUS(config->codec.protocol, ProtocolFromName(lower));
  return Status::Ok();
}

Status SetCompression(const std::string& value, KafkaSinkConfig* config) {
  for (const std::string_view known : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    if (value != known) continue;
    config->compression = value;
    return Status::Ok();
  }
  return Status(kCode, "invalid compression '{}': expected none, gzip, snappy, lz4 or zstd", value);
}

Status SetVersion(const std::string& value, KafkaSinkConfig* config) {
  const bool digits_and_dots =
      std::ranges::all_of(value, [](unsigned char c) { return std::isdigit(c) || c == '.'; });
  const bool ends_in_digits = !value.empty() && value.front() != '.' && value.back() != '.';
  if (!digits_and_dots || !ends_in_digits || std::ranges::count(value, '.') < 2)
    return Status(kCode, "invalid kafka-version '{}': expected a version like 2.4.0", value);
  config->broker_version = value;
  return Status::Ok();
}

Status SetClientId(const std::string& value, KafkaSinkConfig* config) {
  const bool valid = !value.empty() && std::ranges::all_of(value, [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (!valid)
    return Status(kCode, "invalid kafka-client-id '{}': letters, digits, '.', '_' and '-'", value);
  config->client_id = value;
  return Status::Ok();
}

Status SetAtomicity(const std::string& value) {
  if (value.empty() || value == "none") return Status::Ok();
  return Status(Code::kSinkUri, "transaction-atomicity '{}': a message queue knows only none",
                value);
}

std::map<std::string, Setter, std::less<>> MakeSetters() {
  using C = KafkaSinkConfig;
  std::map<std::string, Setter, std::less<>> setters = {
      {"partition-num", Number<int32_t>("partition-num", 1, kInt32Max,
                                        [](C& c) -> auto& { return c.partition_num; })},
      {"replication-factor",
       Number<int16_t>("replication-factor", 1, std::numeric_limits<int16_t>::max(),
                       [](C& c) -> auto& { return c.replication_factor; })},
      {"max-message-bytes", Number<size_t>("max-message-bytes", 1, kInt32Max,
                                           [](C& c) -> auto& { return c.codec.max_batch_bytes; })},
      {"max-retry",
       Number<int>("max-retry", 0, kInt32Max, [](C& c) -> auto& { return c.max_retry; })},
      {"required-acks",
       Number<int>("required-acks", -1, 1, [](C& c) -> auto& { return c.required_acks; })},
      {"auto-create-topic",
       Bool("auto-create-topic", [](C& c) -> auto& { return c.auto_create_topic; })},
      {"dial-timeout", Timeout("dial-timeout", [](C& c) -> auto& { return c.dial_timeout; })},
      {"read-timeout", Timeout("read-timeout", [](C& c) -> auto& { return c.read_timeout; })},
      {"write-timeout", Timeout("write-timeout", [](C& c) -> auto& { return c.write_timeout; })},
      {"compression", SetCompression},
      {"kafka-version", SetVersion},
      {"kafka-client-id", SetClientId},
      {"protocol", SetProtocol},
      {"transaction-atomicity",
       [](const std::string& value, KafkaSinkConfig*) { return SetAtomicity(value); }},
  };
  for (const auto& [name, effective] :
       {std::pair{"output-row-key", "false"}, std::pair{"enable-kafka-sink-v2", "false"}})
    setters.emplace(name, KeepsTo(name, effective));
  return setters;
}

std::string AsText(const std::string& value) { return value; }
std::string AsText(bool value) { return value ? "true" : "false"; }
template <typename T>
std::string AsText(T value) {
  return std::to_string(value);
}

// Sets parameters by name and remembers the ones of TLS and SASL, whose meaning depends on each
// other.
class Parameters {
 public:
  explicit Parameters(KafkaSinkConfig* config) : config_(config) {}

  Status Set(const std::string& name, const std::string& value) {
    static const auto setters = MakeSetters();
    if (IsSecurityParameter(name)) {
      security_[name] = value;
      return Status::Ok();
    }
    if (IsCodecParameter(name)) return SetCodecParameter(name, value, &config_->codec);
    const auto setter = setters.find(name);
    if (setter == setters.end())
      return Status(Code::kSinkUri, "unknown parameter '{}' for a kafka sink", name);
    return setter->second(value, config_);
  }
  // What is set in the configuration file. Stops at the first error.
  template <typename T>
  void SetIfGiven(const char* name, const std::optional<T>& value) {
    if (value && status_.ok()) status_ = Set(name, AsText(*value));
  }
  const Status& status() const { return status_; }
  const SecurityParameters& security() const { return security_; }

 private:
  KafkaSinkConfig* const config_;
  SecurityParameters security_;
  Status status_;
};

Status SetBootstrap(const SinkConfig& sink, BootstrapOptions* bootstrap) {
  const int64_t interval = sink.send_bootstrap_interval_in_sec.value_or(120);
  bootstrap->rows_max = sink.send_bootstrap_in_msg_count.value_or(10'000);
  if (interval < 0 || interval > kInt32Max || bootstrap->rows_max < 0)
    return Status(Code::kSinkConfig,
                  "sink.send-bootstrap-interval-in-sec and -in-msg-count are numbers from 0 on");
  bootstrap->interval = std::chrono::seconds(interval);
  bootstrap->to_all_partitions = sink.send_bootstrap_to_all_partition.value_or(true);
  bootstrap->all_at_start = sink.send_all_bootstrap_at_start.value_or(false);
  return Status::Ok();
}

Status ApplyFile(const SinkConfig& sink, Parameters* parameters, KafkaSinkConfig* config) {
  if (!sink.protocol.empty()) RETURN_IF_ERROR(parameters->Set("protocol", sink.protocol));
  RETURN_IF_ERROR(SetAtomicity(sink.transaction_atomicity));
  const auto set = [&](const char* name, const auto& value) {
    parameters->SetIfGiven(name, value);
  };
  ForEachUriKey(sink.kafka, set);
  ForEachCodecKey(sink.kafka.codec, set);
  set("only-output-updated-columns", sink.only_output_updated_columns);
  set("content-compatible", sink.content_compatible);
  set("schema-registry", sink.schema_registry);
  set("debezium-disable-schema", sink.debezium_disable_schema);
  set("debezium-include-start-ts", sink.debezium_include_start_ts);
  config->codec.debezium_output_old_value = sink.debezium_output_old_value.value_or(true);
  config->codec.delete_only_output_handle_key_columns =
      sink.delete_only_output_handle_key_columns.value_or(false);
  config->codec.open_output_old_value = sink.open_output_old_value.value_or(true);
  config->output_raw_change_event = sink.kafka.output_raw_change_event.value_or(false);
  RETURN_IF_ERROR(SetBootstrap(sink, &config->bootstrap));
  return parameters->status();
}

Status SetLargeMessage(const LargeMessageConfig& large, CodecOptions* codec) {
  const std::string option = large.option.value_or("none");
  ASSIGN_OR_RETURN_STATUS(codec->compression,
                          MessageCompressionFromName(large.compression.value_or("none")));
  if (option.empty() || option == "none") return Status::Ok();
  if (option != "claim-check" && option != "handle-key-only")
    return Status(kCode,
                  "invalid large-message-handle-option '{}': expected none, claim-check or "
                  "handle-key-only",
                  option);
  const bool claim_check = option == "claim-check";
  codec->large_message = claim_check ? LargeMessage::kClaimCheck : LargeMessage::kHandleKeyOnly;
  codec->claim_check_uri = large.claim_check_storage_uri.value_or("");
  codec->claim_check_raw_value = large.claim_check_raw_value.value_or(false);
  return Status::Ok();
}

std::vector<std::string> Brokers(const Uri& uri) {
  std::vector<std::string> brokers;
  std::string_view rest = uri.host;
  if (uri.port || rest.find(',') == std::string_view::npos) {
    const bool ipv6 = rest.find(':') != std::string_view::npos;
    std::string host = ipv6 ? fmt::format("[{}]", rest) : std::string(rest);
    if (uri.port) host += fmt::format(":{}", *uri.port);
    brokers.push_back(std::move(host));
    return brokers;
  }
  while (true) {
    const size_t comma = rest.find(',');
    brokers.emplace_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) return brokers;
    rest.remove_prefix(comma + 1);
  }
}

Status SetTarget(const Uri& uri, KafkaSinkConfig* config) {
  config->brokers = Brokers(uri);
  if (std::ranges::any_of(config->brokers, &std::string::empty))
    return Status(Code::kSinkUri, "a kafka sink needs brokers: kafka://host:port,host:port/topic");
  std::string_view topic = uri.path;
  while (topic.starts_with('/')) topic.remove_prefix(1);
  while (topic.ends_with('/')) topic.remove_suffix(1);
  if (topic.empty()) return Status(kCode, "no topic in the sink URI: kafka://host:port/topic");
  if (!IsTopicName(topic))
    return Status(kCode,
                  "invalid topic '{}': at most 249 of letters, digits, '.', '_' and '-', and not "
                  "'.' or '..'",
                  topic);
  config->topic = topic;
  return Status::Ok();
}

// Like TiCDC's, which has the node's address; the host's name stands for it here.
std::string DefaultClientId(const ChangefeedId& changefeed) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::string id = fmt::format("TiCDC_producer_{}_default_{}", host.data(), changefeed);
  std::ranges::replace_if(
      id, [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '_' && c != '-'; },
      '_');
  return id;
}

}  // namespace

bool IsKafkaScheme(std::string_view scheme) { return scheme == "kafka" || scheme == "kafka+ssl"; }

bool IsTopicName(std::string_view name) {
  return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
         std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

Result<KafkaSinkConfig> KafkaSinkConfig::Make(const Uri& uri, const ReplicaConfig& config,
                                              const ChangefeedId& changefeed) {
  if (!IsKafkaScheme(uri.scheme))
    return Error(Code::kSinkUri, "scheme '{}' is not one of kafka, kafka+ssl", uri.scheme);
  if (!uri.user.empty() || uri.password)
    return Error(Code::kSinkUri, "a kafka sink takes sasl-user and sasl-password, no user@host");
  KafkaSinkConfig result;
  result.client_id = DefaultClientId(changefeed);
  RETURN_UNEXPECTED_IF_ERROR(SetTarget(uri, &result));
  if (config.sink.protocol.empty() && !uri.params.contains("protocol"))
    return Error(Code::kSinkConfig, "a kafka sink needs a protocol, like protocol=canal-json");
  Parameters parameters(&result);
  RETURN_UNEXPECTED_IF_ERROR(ApplyFile(config.sink, &parameters, &result));
  for (const auto& [name, value] : uri.params)
    RETURN_UNEXPECTED_IF_ERROR(parameters.Set(name, value));
  RETURN_UNEXPECTED_IF_ERROR(SetSecurity(uri.scheme == "kafka+ssl", parameters.security(),
                                         config.sink.kafka, &result.tls, &result.sasl));
  result.codec.row_checksum = config.integrity.check_level != "none";
  if (result.codec.content_compatible) result.codec.only_output_updated_columns = true;
  RETURN_UNEXPECTED_IF_ERROR(SetLargeMessage(config.sink.kafka.large_message, &result.codec));
  if (result.codec.delete_only_output_handle_key_columns && config.force_replicate)
    return Error(Code::kSinkConfig,
                 "delete-only-output-handle-key-columns excludes force-replicate: tables without "
                 "a key have no such columns");
  if (result.codec.protocol == Protocol::kAvro && config.force_replicate)
    return Error(
        Code::kSinkConfig,
        "avro excludes force-replicate: deletions of tables without a key have no message");
  ASSIGN_OR_RETURN(result.column_selectors,
                   ColumnSelectors::Create(config.sink.column_selectors, config.case_sensitive));
  if (result.column_selectors)
    result.codec.selects_column = [selectors = result.column_selectors](const TableInfo& table,
                                                                        const ColumnInfo& column) {
      return selectors->Selects(table, column.name);
    };
  if (result.codec.schema_registry_url == "-" && !result.brokerless())
    return Error(Code::kSinkConfig, "schema-registry=- is for cdc-replay --out only");
  RETURN_UNEXPECTED_IF_ERROR(result.codec.Validate());
  return result;
}

}  // namespace cdc
