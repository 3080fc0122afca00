#include "dataflow/sink/mysql/mysql_sink_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using ::testing::HasSubstr;

Result<MySqlSinkConfig> Parse(const std::string& query, const ReplicaConfig& config = {},
                              const std::string& base = "mysql://root@127.0.0.1:3306/") {
  const auto uri = Uri::Parse(base + query);
  EXPECT_TRUE(uri) << uri.error().ToString();
  return MySqlSinkConfig::Make(*uri, config, "UTC");
}

TEST(MySqlSinkConfig, DefaultsAreTiCdcs) {
  const auto config = Parse("", {}, "tidb://host").value();
  EXPECT_EQ(config.host, "host");
  EXPECT_EQ(config.port, 4000);
  EXPECT_EQ(config.user, "root");
  EXPECT_EQ(config.worker_count, 16);
  EXPECT_EQ(config.max_txn_row, 256);
  EXPECT_EQ(config.max_multi_update_row, 40);
  EXPECT_EQ(config.max_multi_update_row_size, 1024);
  EXPECT_TRUE(config.batch_dml);
  EXPECT_TRUE(config.multi_statement);
  EXPECT_FALSE(config.safe_mode);
  EXPECT_FALSE(config.whole_transactions);
  EXPECT_FALSE(config.tls);
  EXPECT_EQ(config.tidb_txn_mode, "optimistic");
  EXPECT_EQ(config.read_timeout, std::chrono::minutes(2));
  EXPECT_EQ(config.write_timeout, std::chrono::minutes(2));
  EXPECT_EQ(config.dial_timeout, std::chrono::minutes(2));
}

TEST(MySqlSinkConfig, EveryParameterReachesItsField) {
  EXPECT_EQ(Parse("?worker-count=7")->worker_count, 7);
  EXPECT_EQ(Parse("?max-txn-row=20")->max_txn_row, 20);
  EXPECT_EQ(Parse("?max-multi-update-row=3")->max_multi_update_row, 3);
  EXPECT_EQ(Parse("?max-multi-update-row-size=0")->max_multi_update_row_size, 0);
  EXPECT_EQ(Parse("?tidb-txn-mode=pessimistic")->tidb_txn_mode, "pessimistic");
  EXPECT_TRUE(Parse("?safe-mode=true")->safe_mode);
  EXPECT_FALSE(Parse("?batch-dml-enable=false")->batch_dml);
  EXPECT_FALSE(Parse("?multi-stmt-enable=0")->multi_statement);
  EXPECT_TRUE(Parse("?has-vector-type=T")->has_vector_type);
  EXPECT_TRUE(Parse("?transaction-atomicity=table")->whole_transactions);
  EXPECT_FALSE(Parse("?transaction-atomicity=none")->whole_transactions);
  EXPECT_EQ(Parse("?read-timeout=30s")->read_timeout, std::chrono::seconds(30));
  EXPECT_EQ(Parse("?write-timeout=1m30s")->write_timeout, std::chrono::seconds(90));
  EXPECT_EQ(Parse("?timeout=500ms")->dial_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(Parse("?time-zone=UTC")->time_zone, "UTC");
  EXPECT_EQ(Parse("?time-zone=")->time_zone, "UTC");
  const auto tls = Parse("?ssl-ca=/ca&ssl-cert=/cert&ssl-key=/key").value();
  EXPECT_EQ(tls.ssl_ca + tls.ssl_cert + tls.ssl_key, "/ca/cert/key");
  EXPECT_TRUE(tls.tls);
  EXPECT_TRUE(Parse("", {}, "mysql+ssl://h:1/")->tls);
}

TEST(MySqlSinkConfig, ParametersWithoutEffectAreStillChecked) {
  for (const char* query :
       {"?cache-prep-stmts=true", "?batch-replace-enable=false", "?batch-replace-size=5",
        "?async-ddl-timeout=10s", "?where-clause=x", "?enable-ddl-ts=false"})
    EXPECT_TRUE(Parse(query)) << query;
  for (const char* query : {"?cache-prep-stmts=maybe", "?batch-replace-size=0",
                            "?async-ddl-timeout=-1s", "?enable-ddl-ts=2"})
    EXPECT_FALSE(Parse(query)) << query;
}

TEST(MySqlSinkConfig, WhatIsWrongIsNamed) {
  const struct {
    const char* query;
    const char* named;
  } kCases[] = {
      {"?wroker-count=3", "wroker-count"},
      {"?worker-count=0", "worker-count"},
      {"?worker-count=two", "worker-count"},
      {"?max-txn-row=-1", "max-txn-row"},
      {"?max-multi-update-row=0", "max-multi-update-row"},
      {"?max-multi-update-row-size=-1", "max-multi-update-row-size"},
      {"?safe-mode=ja", "safe-mode"},
      {"?tidb-txn-mode=hopeful", "tidb-txn-mode"},
      {"?transaction-atomicity=global", "transaction-atomicity"},
      {"?read-timeout=soon", "read-timeout"},
      {"?write-timeout=0s", "write-timeout"},
      {"?timeout=-2m", "timeout"},
      {"?time-zone=Asia%2FTokyo", "time-zone"},
      {"?ssl-cert=/c", "ssl-key"},
      {"?protocol=canal-json", "protocol"},
      {"?enable-old-value=true", "enable-old-value"},
  };
  for (const auto& [query, named] : kCases) {
    const auto config = Parse(query);
    ASSERT_FALSE(config) << query;
    EXPECT_THAT(std::string(config.error().message()), HasSubstr(named)) << query;
    EXPECT_EQ(config.error().reaction(), Reaction::kRefuse) << query;
  }
  EXPECT_FALSE(Parse("", {}, "mysql:///"));
  EXPECT_FALSE(Parse("", {}, "kafka://b:1/t"));
}

TEST(MySqlSinkConfig, NumbersAboveTheirLimitAreLowered) {
  EXPECT_EQ(Parse("?worker-count=5000")->worker_count, 1024);
  EXPECT_EQ(Parse("?max-txn-row=100000")->max_txn_row, 2048);
  EXPECT_EQ(Parse("?max-multi-update-row=1000")->max_multi_update_row, 256);
  EXPECT_EQ(Parse("?max-multi-update-row-size=100000")->max_multi_update_row_size, 8192);
}

TEST(MySqlSinkConfig, TheUriWinsOverTheChangefeedsSection) {
  ReplicaConfig config;
  config.sink.safe_mode = true;
  config.sink.transaction_atomicity = "table";
  config.sink.mysql.worker_count = 3;
  config.sink.mysql.max_txn_row = 9;
  config.sink.mysql.read_timeout = "5s";
  config.sink.mysql.enable_batch_dml = false;
  config.sink.mysql.enable_multi_statement = false;
  const auto section = Parse("", config).value();
  EXPECT_TRUE(section.safe_mode);
  EXPECT_TRUE(section.whole_transactions);
  EXPECT_EQ(section.worker_count, 3);
  EXPECT_EQ(section.max_txn_row, 9);
  EXPECT_EQ(section.read_timeout, std::chrono::seconds(5));
  EXPECT_FALSE(section.batch_dml);
  EXPECT_FALSE(section.multi_statement);
  const auto both = Parse("?worker-count=4&safe-mode=false", config).value();
  EXPECT_EQ(both.worker_count, 4);
  EXPECT_FALSE(both.safe_mode);
  config.sink.mysql.worker_count = 0;
  EXPECT_FALSE(Parse("", config));
}

}  // namespace
}  // namespace cdc
