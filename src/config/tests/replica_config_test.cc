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
protocol = "canal-json"
transaction-atomicity = "table"
safe-mode = true
[[sink.dispatchers]]
matcher = ["db.*"]
partition = "columns"
topic = "t_{schema}"
index = "i"
columns = ["a", "b"]
[[sink.dispatchers]]
matcher = ["x.y"]
dispatcher = "ts"
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
[scheduler]
type = "table-number"
polling-time = 5
)";

void ExpectEverything(const ReplicaConfig& config) {
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

TEST(ReplicaConfig, RefusesByNameWhatItDoesNotActOn) {
  EXPECT_THAT(Refusal("enable-sync-point = true"), HasSubstr("enable-sync-point = true"));
  EXPECT_THAT(Refusal("enable-old-value = false"), HasSubstr("enable-old-value"));
  EXPECT_THAT(Refusal("[consistent]\nlevel = \"eventual\""), HasSubstr("consistent.level"));
  EXPECT_THAT(Refusal("[consistent]\nlevels = \"none\""), HasSubstr("consistent.levels"));
  EXPECT_THAT(Refusal("[sink.kafka-config]\npartition-num = 3"), HasSubstr("sink.kafka-config"));
  EXPECT_THAT(Refusal("[[filter.event-filters]]\nmatcher = [\"a.b\"]"),
              HasSubstr("filter.event-filters"));
  EXPECT_THAT(Refusal("[scheduler]\nenable-table-across-nodes = true"),
              HasSubstr("scheduler.enable-table-across-nodes"));
  EXPECT_THAT(Refusal("[sink.open]\noutput-old-value = false"), HasSubstr("sink.open"));
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
  EXPECT_EQ(code("[scheduler]\ntype = \"x\""), Code::kInvalidReplicaConfig);
  EXPECT_EQ(code("[sink]\ntransaction-atomicity = \"global\""), Code::kSinkConfig);
  EXPECT_EQ(
      code("[[sink.dispatchers]]\nmatcher = [\"a.b\"]\ndispatcher = \"ts\"\npartition = \"ts\""),
      Code::kSinkConfig);
  EXPECT_EQ(code("[[sink.dispatchers]]\nmatcher = [\"a\"]"), Code::kFilterRule);
  EXPECT_EQ(code("[sink.mysql-config]\nworker-count = 0"), Code::kSinkConfig);
  EXPECT_EQ(code("[sink.mysql-config]\ntimeout = \"x\""), Code::kSinkConfig);
}

}  // namespace
}  // namespace cdc
