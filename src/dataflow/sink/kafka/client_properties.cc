#include "dataflow/sink/kafka/client_properties.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "dataflow/sink/kafka/oauth_token.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;

// Its largest; how large a message may be is the encoder's business.
constexpr const char* kMessageBytesMax = "1000000000";

// Of a value: larger ones are sent from where they are.
constexpr const char* kCopyBytesMax = "4096";

std::string Millis(milliseconds value, int64_t min, int64_t max) {
  return std::to_string(std::clamp<int64_t>(value.count(), min, max));
}

void AddSecurity(const KafkaTls& tls, const KafkaSasl& sasl, KafkaProperties* out) {
  const bool has_sasl = sasl.mechanism != KafkaSasl::Mechanism::kNone;
  if (has_sasl)
    (*out)["security.protocol"] = tls.enabled ? "sasl_ssl" : "sasl_plaintext";
  else
    (*out)["security.protocol"] = tls.enabled ? "ssl" : "plaintext";
  if (!tls.enabled) return;
  if (!tls.ca.empty()) (*out)["ssl.ca.location"] = tls.ca;
  if (!tls.cert.empty()) {
    (*out)["ssl.certificate.location"] = tls.cert;
    (*out)["ssl.key.location"] = tls.key;
  }
  (*out)["enable.ssl.certificate.verification"] = tls.insecure_skip_verify ? "false" : "true";
  (*out)["ssl.endpoint.identification.algorithm"] = tls.insecure_skip_verify ? "none" : "https";
}

void AddPassword(const char* mechanism, const KafkaSasl& sasl, KafkaProperties* out) {
  (*out)["sasl.mechanisms"] = mechanism;
  (*out)["sasl.username"] = sasl.user;
  (*out)["sasl.password"] = sasl.password;
}

void AddSasl(const KafkaSasl& sasl, KafkaProperties* out) {
  switch (sasl.mechanism) {
    case KafkaSasl::Mechanism::kNone:
      return;
    case KafkaSasl::Mechanism::kPlain:
      return AddPassword("PLAIN", sasl, out);
    case KafkaSasl::Mechanism::kScramSha256:
      return AddPassword("SCRAM-SHA-256", sasl, out);
    case KafkaSasl::Mechanism::kScramSha512:
      return AddPassword("SCRAM-SHA-512", sasl, out);
    case KafkaSasl::Mechanism::kGssapi:
      (*out)["sasl.mechanisms"] = "GSSAPI";
      (*out)["sasl.kerberos.service.name"] = sasl.kerberos_service;
      (*out)["sasl.kerberos.principal"] = sasl.kerberos_principal;
      (*out)["sasl.kerberos.keytab"] = sasl.kerberos_keytab;
      return;
    case KafkaSasl::Mechanism::kOauth:
      (*out)["sasl.mechanisms"] = "OAUTHBEARER";
      (*out)["sasl.oauthbearer.config"] = OauthSettings(sasl);  // for the callback of MakeClient
      return;
  }
}

}  // namespace

KafkaProperties ClientProperties(const KafkaSinkConfig& config) {
  KafkaProperties out = {
      {"bootstrap.servers", fmt::format("{}", fmt::join(config.brokers, ","))},
      {"client.id", config.client_id},
      {"broker.version.fallback", config.broker_version},
      {"socket.connection.setup.timeout.ms", Millis(config.dial_timeout, 1000, INT32_MAX)},
      {"socket.timeout.ms", Millis(config.read_timeout, 10, 300'000)},
      {"socket.keepalive.enable", "true"},
      {"reconnect.backoff.max.ms", "1000"},
  };
  AddSecurity(config.tls, config.sasl, &out);
  AddSasl(config.sasl, &out);
  return out;
}

KafkaProperties ProducerProperties(const KafkaSinkConfig& config) {
  KafkaProperties out = ClientProperties(config);
  out["acks"] = std::to_string(config.required_acks);
  out["compression.codec"] = config.compression;
  out["request.timeout.ms"] = Millis(config.write_timeout, 1, 900'000);
  out["message.timeout.ms"] = std::to_string(KafkaSinkConfig::kDeliveryTimeout.count());
  out["message.max.bytes"] = kMessageBytesMax;
  // PartitionSender makes the batches: a request has what it hands over, which takes it no longer.
  out["batch.size"] = std::to_string(kKafkaBatchBytesMax);
  out["linger.ms"] = "2";
  out["message.copy.max.bytes"] = kCopyBytesMax;
  if (config.max_retry) out["message.send.max.retries"] = std::to_string(*config.max_retry);
  // Without idempotence, a retried request may be overtaken by one that is already under way.
  out["enable.idempotence"] = config.idempotent() ? "true" : "false";
  out["max.in.flight.requests.per.connection"] = config.idempotent() ? "5" : "1";
  // The sink's own byte limit holds; see MessageQueue.
  out["queue.buffering.max.messages"] = "0";
  out["queue.buffering.max.kbytes"] = std::to_string(INT32_MAX);
  return out;
}

}  // namespace cdc
