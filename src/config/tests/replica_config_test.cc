#include "config/replica_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ReplicaConfig Toml(std::string_view text) {
  auto config = ReplicaConfig::FromToml(text, "cf.toml");
  EXPECT_TRUE(config) << config.error().ToString();
  return config.value_or(ReplicaConfig());
}

std::string Refusal(std::string_view text) {
  auto config = ReplicaConfig::FromToml(text, "cf.toml");
  EXPECT_FALSE(config) << text;
  return config ? "" : config.error().ToString();
}

TEST(ReplicaConfig, DefaultsAreThoseOfRecentTiCdc) {
  const ReplicaConfig config = Toml("");
  EXPECT_EQ(config.memory_quota, 1u << 30);
  EXPECT_FALSE(config.case_sensitive);
  EXPECT_FALSE(config.force_replicate);
  EXPECT_TRUE(config.check_gc_safe_point);
  EXPECT_THAT(config.filter.rules, ElementsAre("*.*"));
  EXPECT_EQ(config.mounter.worker_num, 16);
  EXPECT_EQ(config.sink.safe_mode, std::nullopt);
  EXPECT_EQ(config.scheduler.polling_time, -1);
}

constexpr std::string_view kEverything = R"(
memory-quota = 1048576
case-sensitive = true
force-replicate = true
ignore-ineligible-table = true
check-gc-safe-point = false
bdr-mode = true
[filter]
rules = ["db.*", "!db.x"]
ignore-txn-start-ts = [1, 18446744073709551]
[mounter]
worker-num = 3
[sink]
schema-registry = "http://registry"
debezium-disable-schema = true
protocol = "canal-json"
transaction-atomicity = "table"
safe-mode = true
only-output-updated-columns = true
delete-only-output-handle-key-columns = true
content-compatible = true
[sink.open]
output-old-value = false
[[sink.dispatchers]]
matcher = ["db.*"]
partition = "columns"
topic = "t_{schema}"
index = "i"
columns = ["a", "b"]
[[sink.dispatchers]]
matcher = ["x.y"]
dispatcher = "ts"
[sink.kafka-config]
partition-num = 12
replication-factor = 13
max-message-bytes = 14
required-acks = 1
kafka-version = "v-kafka-version"
compression = "v-compression"
kafka-client-id = "v-kafka-client-id"
dial-timeout = "v-dial-timeout"
write-timeout = "v-write-timeout"
read-timeout = "v-read-timeout"
sasl-user = "v-sasl-user"
sasl-password = "v-sasl-password"
sasl-mechanism = "v-sasl-mechanism"
sasl-gssapi-auth-type = "v-sasl-gssapi-auth-type"
sasl-gssapi-keytab-path = "v-sasl-gssapi-keytab-path"
sasl-gssapi-kerberos-config-path = "v-sasl-gssapi-kerberos-config-path"
sasl-gssapi-service-name = "v-sasl-gssapi-service-name"
sasl-gssapi-user = "v-sasl-gssapi-user"
sasl-gssapi-password = "v-sasl-gssapi-password"
sasl-gssapi-realm = "v-sasl-gssapi-realm"
ca = "v-ca"
cert = "v-cert"
key = "v-key"
sasl-oauth-client-id = "v-sasl-oauth-client-id"
sasl-oauth-client-secret = "v-sasl-oauth-client-secret"
sasl-oauth-token-url = "v-sasl-oauth-token-url"
sasl-oauth-grant-type = "v-sasl-oauth-grant-type"
sasl-oauth-audience = "v-sasl-oauth-audience"
auto-create-topic = false
sasl-gssapi-disable-pafxfast = true
enable-tls = true
insecure-skip-verify = true
output-raw-change-event = true
sasl-oauth-scopes = ["s1", "s2"]
[sink.kafka-config.codec-config]
enable-tidb-extension = true
max-batch-size = 15
avro-enable-watermark = true
avro-decimal-handling-mode = "string"
avro-bigint-unsigned-handling-mode = "string"
avro-include-before-value = true
encoding-format = "avro"
[sink.kafka-config.large-message-handle]
large-message-handle-option = "claim-check"
large-message-handle-compression = "lz4"
claim-check-storage-uri = "file:///x"
claim-check-raw-value = true
[sink.mysql-config]
worker-count = 8
max-txn-row = 9
max-multi-update-row = 10
max-multi-update-row-size = 11
tidb-txn-mode = "pessimistic"
ssl-ca = "ca"
ssl-cert = "cert"
ssl-key = "key"
time-zone = "UTC"
write-timeout = "1m"
read-timeout = "2m"
timeout = "3m"
enable-batch-dml = false
enable-multi-statement = false
enable-cache-prepared-statement = false
[sink.debezium]
output-old-value = false
include-start-ts = true
[integrity]
integrity-check-level = "correctness"
corruption-handle-level = "error"
[scheduler]
type = "table-number"
polling-time = 5
)";

void ExpectKafka(const ReplicaConfig& config) {
  EXPECT_EQ(config.sink.only_output_updated_columns, true);
  EXPECT_EQ(config.sink.delete_only_output_handle_key_columns, true);
  EXPECT_EQ(config.sink.content_compatible, true);
  EXPECT_EQ(config.sink.open_output_old_value, false);
  const KafkaConfig& kafka = config.sink.kafka;
  EXPECT_EQ(kafka.partition_num, 12);
  EXPECT_EQ(kafka.replication_factor, 13);
  EXPECT_EQ(kafka.max_message_bytes, 14);
  EXPECT_EQ(kafka.required_acks, 1);
  EXPECT_EQ(kafka.kafka_version, "v-kafka-version");
  EXPECT_EQ(kafka.compression, "v-compression");
  EXPECT_EQ(kafka.kafka_client_id, "v-kafka-client-id");
  EXPECT_EQ(kafka.dial_timeout, "v-dial-timeout");
  EXPECT_EQ(kafka.write_timeout, "v-write-timeout");
  EXPECT_EQ(kafka.read_timeout, "v-read-timeout");
  EXPECT_EQ(kafka.sasl_user, "v-sasl-user");
  EXPECT_EQ(kafka.sasl_password, "v-sasl-password");
  EXPECT_EQ(kafka.sasl_mechanism, "v-sasl-mechanism");
  EXPECT_EQ(kafka.sasl_gssapi_auth_type, "v-sasl-gssapi-auth-type");
  EXPECT_EQ(kafka.sasl_gssapi_keytab_path, "v-sasl-gssapi-keytab-path");
  EXPECT_EQ(kafka.sasl_gssapi_kerberos_config_path, "v-sasl-gssapi-kerberos-config-path");
  EXPECT_EQ(kafka.sasl_gssapi_service_name, "v-sasl-gssapi-service-name");
  EXPECT_EQ(kafka.sasl_gssapi_user, "v-sasl-gssapi-user");
  EXPECT_EQ(kafka.sasl_gssapi_password, "v-sasl-gssapi-password");
  EXPECT_EQ(kafka.sasl_gssapi_realm, "v-sasl-gssapi-realm");
  EXPECT_EQ(kafka.ca, "v-ca");
  EXPECT_EQ(kafka.cert, "v-cert");
  EXPECT_EQ(kafka.key, "v-key");
  EXPECT_EQ(kafka.sasl_oauth_client_id, "v-sasl-oauth-client-id");
  EXPECT_EQ(kafka.sasl_oauth_client_secret, "v-sasl-oauth-client-secret");
  EXPECT_EQ(kafka.sasl_oauth_token_url, "v-sasl-oauth-token-url");
  EXPECT_EQ(kafka.sasl_oauth_grant_type, "v-sasl-oauth-grant-type");
  EXPECT_EQ(kafka.sasl_oauth_audience, "v-sasl-oauth-audience");
  EXPECT_EQ(kafka.auto_create_topic, false);
  EXPECT_EQ(kafka.sasl_gssapi_disable_pafxfast, true);
  EXPECT_EQ(kafka.enable_tls, true);
  EXPECT_EQ(kafka.insecure_skip_verify, true);
  EXPECT_EQ(kafka.output_raw_change_event, true);
  ASSERT_TRUE(kafka.sasl_oauth_scopes);
  EXPECT_THAT(*kafka.sasl_oauth_scopes, ElementsAre("s1", "s2"));
  EXPECT_EQ(kafka.codec.enable_tidb_extension, true);
  EXPECT_EQ(kafka.codec.max_batch_size, 15);
  EXPECT_EQ(kafka.codec.avro_enable_watermark, true);
  EXPECT_EQ(kafka.codec.avro_decimal_handling_mode, "string");
  EXPECT_EQ(kafka.codec.avro_bigint_unsigned_handling_mode, "string");
  EXPECT_EQ(kafka.codec.avro_include_before_value, true);
  EXPECT_EQ(kafka.codec.encoding_format, "avro");
  EXPECT_EQ(config.sink.schema_registry, "http://registry");
  EXPECT_EQ(config.sink.debezium_disable_schema, true);
  EXPECT_EQ(config.sink.debezium_output_old_value, false);
  EXPECT_EQ(config.sink.debezium_include_start_ts, true);
  EXPECT_EQ(kafka.large_message.option, "claim-check");
  EXPECT_EQ(kafka.large_message.compression, "lz4");
  EXPECT_EQ(kafka.large_message.claim_check_storage_uri, "file:///x");
  EXPECT_EQ(kafka.large_message.claim_check_raw_value, true);
}

void ExpectEverything(const ReplicaConfig& config) {
  EXPECT_EQ(config.integrity.check_level, "correctness");
  EXPECT_EQ(config.integrity.corruption_handle_level, "error");
  EXPECT_EQ(config.memory_quota, 1048576u);
  EXPECT_TRUE(config.case_sensitive);
  EXPECT_TRUE(config.force_replicate);
  EXPECT_TRUE(config.ignore_ineligible_table);
  EXPECT_FALSE(config.check_gc_safe_point);
  EXPECT_TRUE(config.bdr_mode);
  EXPECT_THAT(config.filter.rules, ElementsAre("db.*", "!db.x"));
  EXPECT_THAT(config.filter.ignore_txn_start_ts, ElementsAre(1, 18446744073709551));
  EXPECT_EQ(config.mounter.worker_num, 3);
  EXPECT_EQ(config.sink.protocol, "canal-json");
  EXPECT_EQ(config.sink.transaction_atomicity, "table");
  EXPECT_EQ(config.sink.safe_mode, true);
  ASSERT_EQ(config.sink.dispatchers.size(), 2u);
  const DispatchRule& rule = config.sink.dispatchers[0];
  EXPECT_THAT(rule.matcher, ElementsAre("db.*"));
  EXPECT_EQ(rule.partition, "columns");
  EXPECT_EQ(rule.topic, "t_{schema}");
  EXPECT_EQ(rule.index, "i");
  EXPECT_THAT(rule.columns, ElementsAre("a", "b"));
  EXPECT_EQ(config.sink.dispatchers[1].dispatcher, "ts");
  ExpectKafka(config);
  const MySqlConfig& mysql = config.sink.mysql;
  EXPECT_EQ(mysql.worker_count, 8);
  EXPECT_EQ(mysql.max_txn_row, 9);
  EXPECT_EQ(mysql.max_multi_update_row, 10);
  EXPECT_EQ(mysql.max_multi_update_row_size, 11);
  EXPECT_EQ(mysql.tidb_txn_mode, "pessimistic");
  EXPECT_EQ(mysql.ssl_ca, "ca");
  EXPECT_EQ(mysql.ssl_cert, "cert");
  EXPECT_EQ(mysql.ssl_key, "key");
  EXPECT_EQ(mysql.time_zone, "UTC");
  EXPECT_EQ(mysql.write_timeout, "1m");
  EXPECT_EQ(mysql.read_timeout, "2m");
  EXPECT_EQ(mysql.timeout, "3m");
  EXPECT_EQ(mysql.enable_batch_dml, false);
  EXPECT_EQ(mysql.enable_multi_statement, false);
  EXPECT_EQ(mysql.enable_cache_prepared_statement, false);
  EXPECT_EQ(config.scheduler.polling_time, 5);
}

TEST(ReplicaConfig, EveryTomlKeyReachesItsField) { ExpectEverything(Toml(kEverything)); }

TEST(ReplicaConfig, JsonRoundTripKeepsEverything) {
  const auto config = ReplicaConfig::FromJson(Toml(kEverything).ToJson());
  ASSERT_TRUE(config) << config.error().ToString();
  ExpectEverything(*config);
}

TEST(ReplicaConfig, NamesEachUnknownKey) {
  const std::string refusal = Refusal("casesensitive = true\n[sink]\nproto = 1\n[nope]\nx = 1");
  EXPECT_THAT(refusal, HasSubstr("CDC:ErrInvalidReplicaConfig"));
  EXPECT_THAT(refusal, HasSubstr("casesensitive"));
  EXPECT_THAT(refusal, HasSubstr("sink.proto"));
  EXPECT_THAT(refusal, HasSubstr("nope"));
}

TEST(ReplicaConfig, EventFiltersAndColumnSelectorsSurviveTheirJson) {
  const ReplicaConfig config = Toml(R"(
[[filter.event-filters]]
matcher = ["a.*"]
ignore-event = ["insert", "all ddl"]
ignore-sql = ["^drop"]
ignore-insert-value-expr = "id > 1"
ignore-update-new-value-expr = "id > 2"
ignore-update-old-value-expr = "id > 3"
ignore-delete-value-expr = "id > 4"
[[sink.column-selectors]]
matcher = ["a.b"]
columns = ["x*", "!y"]
)");
  for (const ReplicaConfig& read : {config, ReplicaConfig::FromJson(config.ToJson()).value(),
                                    ReplicaConfig::FromApiJson(config.ToApiJson()).value()}) {
    ASSERT_EQ(read.filter.event_filters.size(), 1u);
    const EventFilterRule& rule = read.filter.event_filters[0];
    EXPECT_THAT(rule.matcher, ElementsAre("a.*"));
    EXPECT_THAT(rule.ignore_event, ElementsAre("insert", "all ddl"));
    EXPECT_THAT(rule.ignore_sql, ElementsAre("^drop"));
    EXPECT_EQ(rule.ignore_insert_value_expr, "id > 1");
    EXPECT_EQ(rule.ignore_update_new_value_expr, "id > 2");
    EXPECT_EQ(rule.ignore_update_old_value_expr, "id > 3");
    EXPECT_EQ(rule.ignore_delete_value_expr, "id > 4");
    ASSERT_EQ(read.sink.column_selectors.size(), 1u);
    EXPECT_THAT(read.sink.column_selectors[0].matcher, ElementsAre("a.b"));
    EXPECT_THAT(read.sink.column_selectors[0].columns, ElementsAre("x*", "!y"));
  }
}

TEST(ReplicaConfig, RefusesByNameWhatItDoesNotActOn) {
  EXPECT_THAT(Refusal("enable-sync-point = true"), HasSubstr("enable-sync-point = true"));
  EXPECT_THAT(Refusal("enable-old-value = false"), HasSubstr("enable-old-value"));
  EXPECT_THAT(Refusal("[consistent]\nlevel = \"eventual\""), HasSubstr("consistent.level"));
  EXPECT_THAT(Refusal("[consistent]\nlevels = \"none\""), HasSubstr("consistent.levels"));
  EXPECT_THAT(Refusal("[[filter.event-filters]]\nignore-update-only-columns = [\"a\"]"),
              HasSubstr("filter.event-filters[0].ignore-update-only-columns"));
  EXPECT_THAT(Refusal("[scheduler]\nenable-table-across-nodes = true"),
              HasSubstr("scheduler.enable-table-across-nodes"));
}

TEST(ReplicaConfig, TakesKnownKeysThatChangeNothing) {
  Toml(R"(
enable-sync-point = false
sync-point-interval = "600s"
changefeed-error-stuck-duration = "30m"
performance-mode = "throughput"
enable-old-value = true
[filter]
event-filters = []
[sink]
encoder-concurrency = 32
[sink.open]
output-old-value = true
[sink.csv]
delimiter = ","
[sink.kafka-config]
[consistent]
level = "none"
[consistent.memory-usage]
memory-quota-percentage = 50
[integrity]
integrity-check-level = "none"
[scheduler]
region-threshold = 100000
)");
}

TEST(ReplicaConfig, SaysWhereTypesAreWrongAndTomlBroken) {
  EXPECT_THAT(Refusal("case-sensitive = 1"), HasSubstr("case-sensitive must be true or false"));
  EXPECT_THAT(Refusal("[filter]\nrules = \"*.*\""), HasSubstr("filter.rules must be a list"));
  EXPECT_THAT(Refusal("memory-quota = -1"), HasSubstr("memory-quota must be a number >= 0"));
  EXPECT_THAT(Refusal("filter = 3"), HasSubstr("filter must be a table"));
  EXPECT_THAT(Refusal("a = \n"), HasSubstr("[CDC:ErrDecodeFailed]cf.toml:1"));
  EXPECT_THAT(Refusal("a = 2020-01-01"), HasSubstr("dates"));
}

TEST(ReplicaConfig, ReadsJsonThatTiCdcWrote) {
  const auto config = ReplicaConfig::FromJson(R"({"memory-quota":1073741824,"case-sensitive":false,
    "force-replicate":true,"enable-sync-point":false,"sync-point-interval":600000000000,
    "filter":{"rules":["1.1"],"ignore-txn-start-ts":null,"event-filters":null},
    "mounter":{"worker-num":3},
    "sink":{"encoder-concurrency":32,"terminator":"\r\n","protocol":"canal-json",
      "dispatch-rules":[{"db-name":"a","tbl-name":"b","rule":"r1"}],
      "kafka-config":{"partition-num":1},"dispatchers":null},
    "consistent":{"level":"none","memory-usage":{"memory-quota-percentage":50}},
    "scheduler":{"enable-table-across-nodes":false,"region-threshold":100000},
    "changefeed-error-stuck-duration":1800000000000,"invented-later":{"x":1}})");
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_TRUE(config->force_replicate);
  EXPECT_EQ(config->mounter.worker_num, 3);
  ASSERT_EQ(config->sink.dispatchers.size(), 1u);
  EXPECT_THAT(config->sink.dispatchers[0].matcher, ElementsAre("a.b"));
  EXPECT_EQ(config->sink.dispatchers[0].dispatcher, "r1");
}

TEST(ReplicaConfig, BadJsonIsAnError) {
  EXPECT_EQ(ReplicaConfig::FromJson("{").error().code(), Code::kUnmarshal);
  EXPECT_EQ(ReplicaConfig::FromJson("[]").error().code(), Code::kUnmarshal);
  EXPECT_EQ(ReplicaConfig::FromJson(R"({"case-sensitive":"yes"})").error().code(),
            Code::kUnmarshal);
}

TEST(ReplicaConfig, ValidatesRelations) {
  EXPECT_TRUE(Toml(kEverything).Validate().ok());
  const auto code = [](std::string_view text) { return Toml(text).Validate().code(); };
  EXPECT_EQ(code("[filter]\nrules = [\"a\"]"), Code::kFilterRule);
  EXPECT_EQ(code("[mounter]\nworker-num = 0"), Code::kInvalidReplicaConfig);
  EXPECT_EQ(code("[integrity]\nintegrity-check-level = \"always\""), Code::kInvalidReplicaConfig);
  EXPECT_EQ(code("[integrity]\ncorruption-handle-level = \"skip\""), Code::kInvalidReplicaConfig);
  EXPECT_EQ(code("[integrity]\nintegrity-check-level = \"correctness\"\n"
                 "[[sink.column-selectors]]\nmatcher = [\"*.*\"]\ncolumns = [\"a\"]"),
            Code::kInvalidReplicaConfig);
  EXPECT_EQ(code("[scheduler]\ntype = \"x\""), Code::kInvalidReplicaConfig);
  EXPECT_EQ(code("[sink]\ntransaction-atomicity = \"global\""), Code::kSinkConfig);
  EXPECT_EQ(
      code("[[sink.dispatchers]]\nmatcher = [\"a.b\"]\ndispatcher = \"ts\"\npartition = \"ts\""),
      Code::kSinkConfig);
  EXPECT_EQ(code("[[sink.dispatchers]]\nmatcher = [\"a\"]"), Code::kFilterRule);
  EXPECT_EQ(code("[sink.mysql-config]\nworker-count = 0"), Code::kSinkConfig);
  EXPECT_EQ(code("[sink.mysql-config]\ntimeout = \"x\""), Code::kSinkConfig);
}

TEST(ReplicaConfig, SpeaksTheOpenApisNames) {
  const auto config = ReplicaConfig::FromApiJson(R"({
      "force_replicate": true, "filter": {"rules": ["a.b_c"], "event_filters": []},
      "sink": {"mysql_config": {"worker_count": 3}, "file_index_width": 20, "advance_timeout": 150},
      "sync_point_interval": 600000000000, "consistent": null})");
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_TRUE(config->force_replicate);
  EXPECT_EQ(config->filter.rules, std::vector<std::string>{"a.b_c"});
  EXPECT_EQ(config->sink.mysql.worker_count, 3);
  const auto again = ReplicaConfig::FromApiJson(config->ToApiJson());
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(again->ToJson(), config->ToJson());
  EXPECT_NE(config->ToApiJson().find("\"mysql_config\""), std::string::npos);
}

TEST(ReplicaConfig, NamesUnknownKeysOfTheOpenApi) {
  const auto config = ReplicaConfig::FromApiJson(R"({"force_replicat": true})");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), Code::kInvalidReplicaConfig);
  EXPECT_NE(config.error().message().find("force-replicat"), std::string_view::npos);
}

TEST(ReplicaConfig, KeepsWhatAFileLeavesOut) {
  ReplicaConfig base;
  base.force_replicate = true;
  base.filter.rules = {"a.*"};
  const auto config = ReplicaConfig::FromToml("[filter]\nrules = ['b.*']", "feed.toml", base);
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->force_replicate);
  EXPECT_EQ(config->filter.rules, std::vector<std::string>{"b.*"});
}

}  // namespace
}  // namespace cdc
