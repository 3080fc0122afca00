// The keys of a changefeed's configuration that say how rows become messages of a Kafka topic:
// `sink.kafka-config` and what else of `sink` concerns it. What a key means, its default and its
// limits are the sink's business (dataflow/sink/kafka); here is what was given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cdc {

struct KafkaCodecConfig {  // sink.kafka-config.codec-config
  std::optional<bool> enable_tidb_extension;
  std::optional<int> max_batch_size;
  std::optional<bool> avro_enable_watermark;
  std::optional<std::string> avro_decimal_handling_mode;
  std::optional<std::string> avro_bigint_unsigned_handling_mode;
  std::optional<bool> avro_include_before_value;
  std::optional<std::string> encoding_format;
};

struct LargeMessageConfig {  // sink.kafka-config.large-message-handle
  std::optional<std::string> option;
  std::optional<std::string> compression;
  std::optional<std::string> claim_check_storage_uri;
  std::optional<bool> claim_check_raw_value;
};

struct KafkaConfig {  // sink.kafka-config; the URI's parameters win
  std::optional<int32_t> partition_num;
  std::optional<int16_t> replication_factor;
  std::optional<std::string> kafka_version;
  std::optional<int64_t> max_message_bytes;
  std::optional<std::string> compression;
  std::optional<std::string> kafka_client_id;
  std::optional<bool> auto_create_topic;
  std::optional<std::string> dial_timeout;
  std::optional<std::string> write_timeout;
  std::optional<std::string> read_timeout;
  std::optional<int> required_acks;
  std::optional<std::string> sasl_user;
  std::optional<std::string> sasl_password;
  std::optional<std::string> sasl_mechanism;
  std::optional<std::string> sasl_gssapi_auth_type;
  std::optional<std::string> sasl_gssapi_keytab_path;
  std::optional<std::string> sasl_gssapi_kerberos_config_path;
  std::optional<std::string> sasl_gssapi_service_name;
  std::optional<std::string> sasl_gssapi_user;
  std::optional<std::string> sasl_gssapi_password;
  std::optional<std::string> sasl_gssapi_realm;
  std::optional<bool> sasl_gssapi_disable_pafxfast;
  std::optional<bool> enable_tls;
  std::optional<std::string> ca;
  std::optional<std::string> cert;
  std::optional<std::string> key;
  std::optional<bool> insecure_skip_verify;

  // These have no URI parameter.
  std::optional<std::string> sasl_oauth_client_id;
  std::optional<std::string> sasl_oauth_client_secret;  // base64
  std::optional<std::string> sasl_oauth_token_url;
  std::optional<std::vector<std::string>> sasl_oauth_scopes;
  std::optional<std::string> sasl_oauth_grant_type;
  std::optional<std::string> sasl_oauth_audience;
  std::optional<bool> output_raw_change_event;

  KafkaCodecConfig codec;
  LargeMessageConfig large_message;
};

// Calls `visit(name, member)` for each key that a URI parameter of the same name may override.
template <typename Config, typename Visitor>
void ForEachUriKey(Config& config, Visitor visit) {
  visit("partition-num", config.partition_num);
  visit("replication-factor", config.replication_factor);
  visit("kafka-version", config.kafka_version);
  visit("max-message-bytes", config.max_message_bytes);
  visit("compression", config.compression);
  visit("kafka-client-id", config.kafka_client_id);
  visit("auto-create-topic", config.auto_create_topic);
  visit("dial-timeout", config.dial_timeout);
  visit("write-timeout", config.write_timeout);
  visit("read-timeout", config.read_timeout);
  visit("required-acks", config.required_acks);
  visit("sasl-user", config.sasl_user);
  visit("sasl-password", config.sasl_password);
  visit("sasl-mechanism", config.sasl_mechanism);
  visit("sasl-gssapi-auth-type", config.sasl_gssapi_auth_type);
  visit("sasl-gssapi-keytab-path", config.sasl_gssapi_keytab_path);
  visit("sasl-gssapi-kerberos-config-path", config.sasl_gssapi_kerberos_config_path);
  visit("sasl-gssapi-service-name", config.sasl_gssapi_service_name);
  visit("sasl-gssapi-user", config.sasl_gssapi_user);
  visit("sasl-gssapi-password", config.sasl_gssapi_password);
  visit("sasl-gssapi-realm", config.sasl_gssapi_realm);
  visit("sasl-gssapi-disable-pafxfast", config.sasl_gssapi_disable_pafxfast);
  visit("enable-tls", config.enable_tls);
  visit("ca", config.ca);
  visit("cert", config.cert);
  visit("key", config.key);
  visit("insecure-skip-verify", config.insecure_skip_verify);
}

// The same for the others.
template <typename Config, typename Visitor>
void ForEachFileKey(Config& config, Visitor visit) {
  visit("sasl-oauth-client-id", config.sasl_oauth_client_id);
  visit("sasl-oauth-client-secret", config.sasl_oauth_client_secret);
  visit("sasl-oauth-token-url", config.sasl_oauth_token_url);
  visit("sasl-oauth-scopes", config.sasl_oauth_scopes);
  visit("sasl-oauth-grant-type", config.sasl_oauth_grant_type);
  visit("sasl-oauth-audience", config.sasl_oauth_audience);
  visit("output-raw-change-event", config.output_raw_change_event);
}

template <typename Config, typename Visitor>
void ForEachCodecKey(Config& config, Visitor visit) {
  visit("enable-tidb-extension", config.enable_tidb_extension);
  visit("max-batch-size", config.max_batch_size);
  visit("avro-enable-watermark", config.avro_enable_watermark);
  visit("avro-decimal-handling-mode", config.avro_decimal_handling_mode);
  visit("avro-bigint-unsigned-handling-mode", config.avro_bigint_unsigned_handling_mode);
  visit("avro-include-before-value", config.avro_include_before_value);
  visit("encoding-format", config.encoding_format);
}

template <typename Config, typename Visitor>
void ForEachLargeMessageKey(Config& config, Visitor visit) {
  visit("large-message-handle-option", config.option);
  visit("large-message-handle-compression", config.compression);
  visit("claim-check-storage-uri", config.claim_check_storage_uri);
  visit("claim-check-raw-value", config.claim_check_raw_value);
}

}  // namespace cdc
