#include "dataflow/sink/kafka/client_properties.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/sink/kafka/handle.h"

namespace cdc {
namespace {

// What librdkafka itself says a property is, after all of the configuration's have been set.
std::string InClient(const KafkaSinkConfig& config, const char* name) {
  auto conf = MakeConf(ProducerProperties(config));
  EXPECT_TRUE(conf) << conf.error().ToString();
  if (!conf) return "";
  std::array<char, 512> value{};
  size_t size = value.size();
  EXPECT_EQ(rd_kafka_conf_get(conf->get(), name, value.data(), &size), RD_KAFKA_CONF_OK) << name;
  return value.data();
}

KafkaSinkConfig Base() {
  KafkaSinkConfig config;
  config.brokers = {"b1:1", "b2:2"};
  config.topic = "t";
  config.client_id = "me";
  return config;
}

TEST(KafkaClientProperties, ConnectionParametersReachTheClient) {
  KafkaSinkConfig config = Base();
  config.broker_version = "3.1.0";
  config.dial_timeout = std::chrono::milliseconds(3000);
  config.read_timeout = std::chrono::milliseconds(4000);
  EXPECT_EQ(InClient(config, "bootstrap.servers"), "b1:1,b2:2");
  EXPECT_EQ(InClient(config, "client.id"), "me");
  EXPECT_EQ(InClient(config, "broker.version.fallback"), "3.1.0");
  EXPECT_EQ(InClient(config, "socket.connection.setup.timeout.ms"), "3000");
  EXPECT_EQ(InClient(config, "socket.timeout.ms"), "4000");
  EXPECT_EQ(InClient(config, "security.protocol"), "plaintext");
}

TEST(KafkaClientProperties, TimeoutsOutsideTheClientsRangeAreItsLimits) {
  KafkaSinkConfig config = Base();
  config.dial_timeout = std::chrono::milliseconds(1);
  config.read_timeout = std::chrono::hours(1);
  EXPECT_EQ(InClient(config, "socket.connection.setup.timeout.ms"), "1000");
  EXPECT_EQ(InClient(config, "socket.timeout.ms"), "300000");
}

TEST(KafkaClientProperties, ProducerParametersReachTheClient) {
  KafkaSinkConfig config = Base();
  config.compression = "zstd";
  config.max_retry = 3;
  config.write_timeout = std::chrono::milliseconds(5000);
  EXPECT_EQ(InClient(config, "compression.codec"), "zstd");
  EXPECT_EQ(InClient(config, "message.send.max.retries"), "3");
  EXPECT_EQ(InClient(config, "request.timeout.ms"), "5000");
  EXPECT_EQ(InClient(config, "message.timeout.ms"), "120000");
  EXPECT_EQ(InClient(config, "batch.size"), "1000000");
  EXPECT_EQ(InClient(config, "message.copy.max.bytes"), "4096");
  EXPECT_EQ(InClient(config, "acks"), "-1");
  for (const std::string codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    config.compression = codec;
    EXPECT_EQ(InClient(config, "compression.codec"), codec);
  }
}

TEST(KafkaClientProperties, OrderIsKeptWithAndWithoutIdempotence) {
  KafkaSinkConfig config = Base();
  EXPECT_EQ(InClient(config, "enable.idempotence"), "true");
  EXPECT_EQ(InClient(config, "max.in.flight.requests.per.connection"), "5");
  config.required_acks = 1;
  EXPECT_EQ(InClient(config, "acks"), "1");
  EXPECT_EQ(InClient(config, "enable.idempotence"), "false");
  EXPECT_EQ(InClient(config, "max.in.flight.requests.per.connection"), "1");
}

TEST(KafkaClientProperties, TlsReachesTheClient) {
  KafkaSinkConfig config = Base();
  config.tls = {.enabled = true, .ca = "/ca", .cert = "/cert", .key = "/key"};
  EXPECT_EQ(InClient(config, "security.protocol"), "ssl");
  EXPECT_EQ(InClient(config, "ssl.ca.location"), "/ca");
  EXPECT_EQ(InClient(config, "ssl.certificate.location"), "/cert");
  EXPECT_EQ(InClient(config, "ssl.key.location"), "/key");
  EXPECT_EQ(InClient(config, "enable.ssl.certificate.verification"), "true");
  EXPECT_EQ(InClient(config, "ssl.endpoint.identification.algorithm"), "https");
  config.tls.insecure_skip_verify = true;
  EXPECT_EQ(InClient(config, "enable.ssl.certificate.verification"), "false");
  EXPECT_EQ(InClient(config, "ssl.endpoint.identification.algorithm"), "none");
}

TEST(KafkaClientProperties, SaslReachesTheClient) {
  using Mechanism = KafkaSasl::Mechanism;
  KafkaSinkConfig config = Base();
  config.sasl.user = "u";
  config.sasl.password = "p";
  for (const auto& [mechanism, name] :
       {std::pair{Mechanism::kPlain, "PLAIN"}, std::pair{Mechanism::kScramSha256, "SCRAM-SHA-256"},
        std::pair{Mechanism::kScramSha512, "SCRAM-SHA-512"}}) {
    config.sasl.mechanism = mechanism;
    EXPECT_EQ(InClient(config, "sasl.mechanisms"), name);
    EXPECT_EQ(InClient(config, "sasl.username"), "u");
    EXPECT_EQ(InClient(config, "sasl.password"), "p");
    EXPECT_EQ(InClient(config, "security.protocol"), "sasl_plaintext");
  }
  config.tls.enabled = true;
  EXPECT_EQ(InClient(config, "security.protocol"), "sasl_ssl");

  config.sasl = {.mechanism = Mechanism::kGssapi,
                 .kerberos_service = "svc",
                 .kerberos_principal = "cdc@EX",
                 .kerberos_keytab = "/k"};
  EXPECT_EQ(InClient(config, "sasl.mechanisms"), "GSSAPI");
  EXPECT_EQ(InClient(config, "sasl.kerberos.service.name"), "svc");
  EXPECT_EQ(InClient(config, "sasl.kerberos.principal"), "cdc@EX");
  EXPECT_EQ(InClient(config, "sasl.kerberos.keytab"), "/k");

  config.sasl = {.mechanism = Mechanism::kOauth};
  EXPECT_EQ(InClient(config, "sasl.mechanisms"), "OAUTHBEARER");
}

TEST(KafkaClientProperties, AWrongPropertyIsNamed) {
  const auto conf = MakeConf({{"no.such.property", "1"}});
  ASSERT_FALSE(conf);
  EXPECT_THAT(conf.error().ToString(), testing::HasSubstr("no.such.property"));
  EXPECT_EQ(conf.error().code(), Code::kKafkaConfig);
}

}  // namespace
}  // namespace cdc
