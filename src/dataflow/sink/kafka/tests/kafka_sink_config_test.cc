#include "dataflow/sink/kafka/kafka_sink_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/sink/kafka/kafka_security.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

Result<KafkaSinkConfig> Make(const std::string& uri, const ReplicaConfig& config = {}) {
  return KafkaSinkConfig::Make(Uri::Parse(uri).value(), config, "feed");
}

// With the one parameter given.
Result<KafkaSinkConfig> With(const std::string& parameter) {
  return Make("kafka://b:1/t?protocol=open-protocol&" + parameter);
}

KafkaSinkConfig Good(const std::string& parameter) {
  auto config = With(parameter);
  EXPECT_TRUE(config) << parameter << ": " << config.error().ToString();
  return config.value_or(KafkaSinkConfig());
}

std::string Refusal(const std::string& parameter) {
  const auto config = With(parameter);
  EXPECT_FALSE(config) << parameter;
  return config ? "" : config.error().ToString();
}

TEST(KafkaSinkConfig, DefaultsAreTiCdcs) {
  const KafkaSinkConfig config = Make("kafka://b:1/t?protocol=open-protocol").value();
  EXPECT_EQ(config.partition_num, std::nullopt);
  EXPECT_EQ(KafkaSinkConfig::kDefaultPartitions, 3);
  EXPECT_EQ(config.replication_factor, 1);
  EXPECT_TRUE(config.auto_create_topic);
  EXPECT_EQ(config.broker_version, "2.4.0");
  EXPECT_EQ(config.required_acks, -1);
  EXPECT_EQ(config.compression, "none");
  EXPECT_EQ(config.dial_timeout, milliseconds(10'000));
  EXPECT_EQ(config.read_timeout, milliseconds(10'000));
  EXPECT_EQ(config.write_timeout, milliseconds(10'000));
  EXPECT_FALSE(config.tls.enabled);
  EXPECT_EQ(config.sasl.mechanism, KafkaSasl::Mechanism::kNone);
  EXPECT_EQ(config.codec.protocol, Protocol::kOpen);
  EXPECT_EQ(config.codec.max_batch_bytes, 10u << 20);
  EXPECT_EQ(config.codec.max_batch_rows, 16u);
  EXPECT_FALSE(config.output_raw_change_event);
  EXPECT_TRUE(config.idempotent());
  EXPECT_TRUE(config.client_id.starts_with("TiCDC_producer_"));
  EXPECT_TRUE(config.client_id.ends_with("_default_feed"));
}

TEST(KafkaSinkConfig, ReadsBrokersAndTopic) {
  EXPECT_THAT(Make("kafka://b1:1,b2:2/t?protocol=default").value().brokers,
              ElementsAre("b1:1", "b2:2"));
  EXPECT_THAT(Make("kafka://[::1]:9/t?protocol=default").value().brokers, ElementsAre("[::1]:9"));
  EXPECT_THAT(Make("kafka://b/t?protocol=default").value().brokers, ElementsAre("b"));
  EXPECT_EQ(Make("kafka://b/a.b_c-1/?protocol=default").value().topic, "a.b_c-1");
  EXPECT_TRUE(Make("kafka://-/t?protocol=default").value().brokerless());
  for (const char* bad :
       {"kafka:///t?protocol=default", "kafka://b1,,b2/t?protocol=default",
        "kafka://b/?protocol=default", "kafka://b/a/b?protocol=default",
        "kafka://b/{schema}?protocol=default", "kafka://u:p@b/t?protocol=default", "kafka://b/t"})
    EXPECT_FALSE(Make(bad)) << bad;
}

TEST(KafkaSinkConfig, EveryParameterReachesItsField) {
  EXPECT_EQ(Good("partition-num=7").partition_num, 7);
  EXPECT_EQ(Good("replication-factor=2").replication_factor, 2);
  EXPECT_FALSE(Good("auto-create-topic=false").auto_create_topic);
  EXPECT_EQ(Good("kafka-version=3.1.0").broker_version, "3.1.0");
  EXPECT_EQ(Good("max-message-bytes=1000").codec.max_batch_bytes, 1000u);
  EXPECT_EQ(Good("max-batch-size=9").codec.max_batch_rows, 9u);
  EXPECT_EQ(Good("max-retry=3").max_retry, 3);
  EXPECT_EQ(Good("required-acks=1").required_acks, 1);
  EXPECT_EQ(Good("compression=lz4").compression, "lz4");
  EXPECT_EQ(Good("kafka-client-id=me").client_id, "me");
  EXPECT_EQ(Good("dial-timeout=3s").dial_timeout, milliseconds(3000));
  EXPECT_EQ(Good("read-timeout=4s").read_timeout, milliseconds(4000));
  EXPECT_EQ(Good("write-timeout=5s").write_timeout, milliseconds(5000));
  EXPECT_TRUE(Good("enable-tls=true").tls.enabled);
  EXPECT_TRUE(Good("enable-tls=1&insecure-skip-verify=true").tls.insecure_skip_verify);
  EXPECT_TRUE(Good("only-output-updated-columns=true").codec.only_output_updated_columns);
  EXPECT_TRUE(Good("enable-tidb-extension=true").codec.enable_tidb_extension);

  const KafkaSinkConfig files = Good("ca=/ca&cert=/cert&key=/key");
  EXPECT_TRUE(files.tls.enabled);
  EXPECT_EQ(files.tls.ca, "/ca");
  EXPECT_EQ(files.tls.cert, "/cert");
  EXPECT_EQ(files.tls.key, "/key");

  const KafkaSinkConfig canal =
      Make("kafka://b/t?protocol=Canal-JSON&content-compatible=true").value();
  EXPECT_EQ(canal.codec.protocol, Protocol::kCanalJson);
  EXPECT_TRUE(canal.codec.content_compatible);
  EXPECT_TRUE(canal.codec.only_output_updated_columns);  // follows
}

TEST(KafkaSinkConfig, ReadsSaslWithPasswords) {
  using Mechanism = KafkaSasl::Mechanism;
  const std::string user = "&sasl-user=u&sasl-password=p";
  EXPECT_EQ(Good("sasl-mechanism=plain" + user).sasl.mechanism, Mechanism::kPlain);
  EXPECT_EQ(Good("sasl-mechanism=SCRAM-SHA-256" + user).sasl.mechanism, Mechanism::kScramSha256);
  const KafkaSinkConfig config = Good("sasl-mechanism=scram-sha-512" + user);
  EXPECT_EQ(config.sasl.mechanism, Mechanism::kScramSha512);
  EXPECT_EQ(config.sasl.user, "u");
  EXPECT_EQ(config.sasl.password, "p");
  EXPECT_THAT(Refusal("sasl-mechanism=plain"), HasSubstr("sasl-user"));
  EXPECT_THAT(Refusal("sasl-user=u&sasl-password=p"), HasSubstr("sasl-mechanism"));
  EXPECT_THAT(Refusal("sasl-mechanism=digest" + user), HasSubstr("digest"));
}

TEST(KafkaSinkConfig, ReadsSaslWithKeytab) {
  const std::string base = "sasl-mechanism=gssapi&sasl-gssapi-user=cdc&";
  const KafkaSinkConfig config = Good(
      base +
      "sasl-gssapi-auth-type=keytab&sasl-gssapi-keytab-path=/k.tab&sasl-gssapi-service-name=svc&"
      "sasl-gssapi-realm=EX.ORG&sasl-gssapi-disable-pafxfast=true");
  EXPECT_EQ(config.sasl.mechanism, KafkaSasl::Mechanism::kGssapi);
  EXPECT_EQ(config.sasl.kerberos_principal, "cdc@EX.ORG");
  EXPECT_EQ(config.sasl.kerberos_keytab, "/k.tab");
  EXPECT_EQ(config.sasl.kerberos_service, "svc");
  EXPECT_THAT(Refusal(base), HasSubstr("sasl-gssapi-keytab-path"));
  EXPECT_THAT(Refusal(base + "sasl-gssapi-auth-type=user&sasl-gssapi-password=x"),
              HasSubstr("sasl-gssapi-auth-type user"));
  EXPECT_THAT(Refusal(base + "sasl-gssapi-auth-type=x"), HasSubstr("sasl-gssapi-auth-type 'x'"));
  EXPECT_THAT(Refusal(base + "sasl-gssapi-keytab-path=/k&sasl-gssapi-disable-pafxfast=x"),
              HasSubstr("sasl-gssapi-disable-pafxfast"));
  EXPECT_THAT(Refusal(base + "sasl-gssapi-keytab-path=/k&"
                             "sasl-gssapi-kerberos-config-path=/somewhere/krb5.conf"),
              HasSubstr("KRB5_CONFIG=/somewhere/krb5.conf"));
  // The keytab's path is part of a command line.
  EXPECT_THAT(Refusal(base + "sasl-gssapi-keytab-path=/k%22;id"), HasSubstr("characters"));
}

TEST(KafkaSinkConfig, ReadsOauthFromTheFileOnly) {
  const SecurityParameters parameters = {{"sasl-mechanism", "oauthbearer"}};
  const KafkaConfig file{.sasl_oauth_client_id = "id",
                         .sasl_oauth_client_secret = ToBase64("secret"),
                         .sasl_oauth_token_url = "https://x/token",
                         .sasl_oauth_scopes = {{"a", "b"}},
                         .sasl_oauth_grant_type = "custom",
                         .sasl_oauth_audience = "aud"};
  KafkaTls tls;
  KafkaSasl sasl;
  const Status status = SetSecurity(false, parameters, file, &tls, &sasl);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(sasl.mechanism, KafkaSasl::Mechanism::kOauth);
  EXPECT_EQ(sasl.oauth_client_id, "id");
  EXPECT_EQ(sasl.oauth_client_secret, "secret");
  EXPECT_EQ(sasl.oauth_token_url, "https://x/token");
  EXPECT_THAT(sasl.oauth_scopes, ElementsAre("a", "b"));
  EXPECT_EQ(sasl.oauth_grant_type, "custom");
  EXPECT_EQ(sasl.oauth_audience, "aud");

  KafkaConfig wrong = file;
  wrong.sasl_oauth_client_secret = "not base64!";
  EXPECT_THAT(SetSecurity(false, parameters, wrong, &tls, &sasl).ToString(),
              HasSubstr("sasl-oauth-client-secret"));
  wrong = file;
  wrong.sasl_oauth_token_url.reset();
  EXPECT_THAT(SetSecurity(false, parameters, wrong, &tls, &sasl).ToString(),
              HasSubstr("sasl-oauth-token-url"));
  EXPECT_THAT(SetSecurity(false, {}, file, &tls, &sasl).ToString(), HasSubstr("oauthbearer"));
}

TEST(KafkaSinkConfig, TheUriWinsOverTheFile) {
  ReplicaConfig file;
  file.sink.protocol = "open-protocol";
  file.sink.kafka.partition_num = 5;
  file.sink.kafka.required_acks = 1;
  file.sink.kafka.auto_create_topic = false;
  file.sink.kafka.output_raw_change_event = true;
  file.sink.kafka.codec.max_batch_size = 2;
  file.sink.open_output_old_value = false;
  file.sink.delete_only_output_handle_key_columns = true;
  const auto config =
      Make("kafka://b/t?protocol=canal-json&partition-num=6&auto-create-topic=true", file);
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->codec.protocol, Protocol::kCanalJson);
  EXPECT_EQ(config->partition_num, 6);
  EXPECT_TRUE(config->auto_create_topic);
  EXPECT_EQ(config->required_acks, 1);
  EXPECT_TRUE(config->output_raw_change_event);
  EXPECT_EQ(config->codec.max_batch_rows, 2u);
  EXPECT_FALSE(config->codec.open_output_old_value);
  EXPECT_TRUE(config->codec.delete_only_output_handle_key_columns);
}

TEST(KafkaSinkConfig, RefusesByNameWhatIsUnknownOrOutOfRange) {
  EXPECT_THAT(Refusal("partition-nums=3"), HasSubstr("unknown parameter 'partition-nums'"));
  EXPECT_THAT(Refusal("worker-count=3"), HasSubstr("worker-count"));
  for (const char* bad : {"partition-num=0",
                          "partition-num=x",
                          "replication-factor=0",
                          "required-acks=2",
                          "max-retry=-1",
                          "max-message-bytes=0",
                          "max-batch-size=0",
                          "compression=brotli",
                          "dial-timeout=0s",
                          "read-timeout=10",
                          "write-timeout=x",
                          "auto-create-topic=yes",
                          "kafka-version=new",
                          "kafka-version=2.4",
                          "kafka-client-id=a%20b",
                          "enable-tls=x",
                          "ca=/ca&enable-tls=false",
                          "cert=/cert",
                          "key=/key",
                          "transaction-atomicity=table"})
    EXPECT_THAT(Refusal(bad), HasSubstr(std::string(bad).substr(0, std::string(bad).find('='))));
}

TEST(KafkaSinkConfig, RefusesByNameWhatThisVersionDoesNotDo) {
  EXPECT_THAT(Refusal("output-row-key=true"), HasSubstr("output-row-key"));
  EXPECT_TRUE(With("encoding-format=json&enable-kafka-sink-v2=false"));
}

TEST(KafkaSinkConfig, ReadsWhatProtocolsNeed) {
  ReplicaConfig file;
  file.sink.schema_registry = "http://file";
  file.sink.kafka.codec.avro_decimal_handling_mode = "string";
  file.sink.debezium_output_old_value = false;
  const KafkaSinkConfig avro =
      Make("kafka://b/t?protocol=avro&schema-registry=http://uri", file).value();
  EXPECT_EQ(avro.codec.schema_registry_url, "http://uri");
  EXPECT_EQ(avro.codec.avro_decimal, AvroDecimal::kString);
  EXPECT_FALSE(avro.codec.debezium_output_old_value);
  EXPECT_THAT(Make("kafka://b/t?protocol=avro").error().ToString(), HasSubstr("schema-registry"));
  EXPECT_THAT(Refusal("schema-registry=http://x"), HasSubstr("schema-registry"));
  EXPECT_EQ(Make("kafka://b/t?protocol=simple&encoding-format=avro").value().codec.simple_encoding,
            SimpleEncoding::kAvro);
}

TEST(KafkaSinkConfig, LargeMessagesMayGoIntoAStoreAndBeCompressed) {
  ReplicaConfig file;
  file.sink.kafka.large_message.compression = "lz4";
  EXPECT_EQ(Make("kafka://b/t?protocol=default", file).value().codec.compression,
            MessageCompression::kLz4);
  file.sink.kafka.large_message.option = "claim-check";
  EXPECT_THAT(Make("kafka://b/t?protocol=default", file).error().ToString(),
              HasSubstr("claim-check-storage-uri"));
  file.sink.kafka.large_message.claim_check_storage_uri = "file:///x";
  EXPECT_EQ(Make("kafka://b/t?protocol=default", file).value().codec.claim_check_uri, "file:///x");
  file.sink.kafka.large_message.compression = "brotli";
  EXPECT_THAT(Make("kafka://b/t?protocol=default", file).error().ToString(), HasSubstr("brotli"));
}

TEST(KafkaSinkConfig, LargeMessagesMaySendTheHandleKeyOnly) {
  ReplicaConfig file;
  file.sink.kafka.large_message.option = "handle-key-only";
  EXPECT_EQ(Make("kafka://b/t?protocol=default", file).value().codec.large_message,
            LargeMessage::kHandleKeyOnly);
  EXPECT_THAT(Make("kafka://b/t?protocol=canal-json", file).error().ToString(),
              HasSubstr("enable-tidb-extension"));
  EXPECT_TRUE(Make("kafka://b/t?protocol=canal-json&enable-tidb-extension=true", file));
  file.sink.kafka.large_message.option = "shrink";
  EXPECT_THAT(Make("kafka://b/t?protocol=default", file).error().ToString(), HasSubstr("shrink"));
}

TEST(KafkaSinkConfig, TheSchemeWithSslTurnsTlsOn) {
  EXPECT_TRUE(Make("kafka+ssl://b/t?protocol=default").value().tls.enabled);
  EXPECT_FALSE(Make("kafka+ssl://b/t?protocol=default&enable-tls=false"));
  EXPECT_TRUE(IsKafkaScheme("kafka"));
  EXPECT_TRUE(IsKafkaScheme("kafka+ssl"));
  EXPECT_FALSE(IsKafkaScheme("mysql"));
}

TEST(KafkaSinkConfig, IdempotenceNeedsAllAcksAndRetries) {
  EXPECT_FALSE(Good("required-acks=1").idempotent());
  EXPECT_FALSE(Good("required-acks=0").idempotent());
  EXPECT_FALSE(Good("max-retry=0").idempotent());
  EXPECT_TRUE(Good("max-retry=5").idempotent());
}

}  // namespace
}  // namespace cdc
