#include "config/server_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

ServerConfig Toml(std::string_view text) {
  auto config = ServerConfig::FromToml(text, "server.toml");
  EXPECT_TRUE(config) << config.error().ToString();
  return config.value_or(ServerConfig());
}

TEST(ServerConfig, DefaultsAreThoseOfRecentTiCdc) {
  ServerConfig config = Toml("");
  EXPECT_EQ(config.addr, "127.0.0.1:8300");
  EXPECT_EQ(config.gc_ttl, 24h);
  EXPECT_EQ(config.time_zone, "System");
  EXPECT_EQ(config.capture_session_ttl, 10s);
  EXPECT_EQ(config.owner_flush_interval, 50ms);
  EXPECT_EQ(config.processor_flush_interval, 50ms);
  EXPECT_EQ(config.log.level, "info");
  EXPECT_EQ(config.log.file_size_mib_max, 300);
  EXPECT_TRUE(config.ValidateAndAdjust().ok());
  EXPECT_EQ(config.advertise_addr, "127.0.0.1:8300");
}

TEST(ServerConfig, EveryKeyReachesItsField) {
  const ServerConfig config = Toml(R"(
addr = "h:1"
advertise-addr = "h:2"
log-file = "f"
log-level = "warn"
data-dir = "d"
gc-ttl = 11
tz = "UTC"
capture-session-ttl = 12
owner-flush-interval = "13ms"
processor-flush-interval = "14ms"
cluster-id = "c-1"
max-memory-percentage = 23
max-memory-consumption = 24000000000
[log.file]
max-size = 15
max-days = 16
max-backups = 17
[sorter]
sort-dir = "/tmp/sorter"
cache-size-in-mb = 18
max-memory-percentage = 19
max-memory-consumption = 20
max-disk-consumption = 25000000000
[security]
ca-path = "ca"
cert-path = "cert"
key-path = "key"
cert-allowed-cn = ["a", "b"]
mtls = true
client-user-required = true
client-allowed-user = ["u"]
[kv-client]
region-scan-limit = 21
region-retry-duration = "22s"
)");
  EXPECT_EQ(config.addr, "h:1");
  EXPECT_EQ(config.advertise_addr, "h:2");
  EXPECT_EQ(config.log.file, "f");
  EXPECT_EQ(config.log.level, "warn");
  EXPECT_EQ(config.data_dir, "d");
  EXPECT_EQ(config.gc_ttl, 11s);
  EXPECT_EQ(config.time_zone, "UTC");
  EXPECT_EQ(config.capture_session_ttl, 12s);
  EXPECT_EQ(config.owner_flush_interval, 13ms);
  EXPECT_EQ(config.processor_flush_interval, 14ms);
  EXPECT_EQ(config.cluster_id, "c-1");
  EXPECT_EQ(config.log.file_size_mib_max, 15);
  EXPECT_EQ(config.log.file_days_max, 16);
  EXPECT_EQ(config.log.file_backups_max, 17);
  EXPECT_EQ(config.sorter.sort_dir, "/tmp/sorter");
  EXPECT_EQ(config.sorter.cache_size_mib, 18u);
  EXPECT_EQ(config.sorter.memory_percentage_max, 19);
  EXPECT_EQ(config.sorter.memory_bytes_max, 20u);
  EXPECT_EQ(config.sorter.disk_bytes_max, 25'000'000'000u);
  EXPECT_EQ(config.memory_percentage_max, 23);
  EXPECT_EQ(config.memory_bytes_max, 24'000'000'000u);
  EXPECT_EQ(config.security.ca_path, "ca");
  EXPECT_EQ(config.security.cert_path, "cert");
  EXPECT_EQ(config.security.key_path, "key");
  EXPECT_THAT(config.security.cert_allowed_cn, ElementsAre("a", "b"));
  EXPECT_TRUE(config.security.mtls);
  EXPECT_TRUE(config.security.client_user_required);
  EXPECT_THAT(config.security.client_allowed_user, ElementsAre("u"));
  EXPECT_EQ(config.kv_client.region_scan_limit, 21);
  EXPECT_EQ(config.kv_client.region_retry_duration, 22s);
  EXPECT_THAT(config.without_effect, ElementsAre());
}

TEST(ServerConfig, MemoryIsAPartOfTheMachineUnlessGiven) {
  EXPECT_EQ(ServerConfig().MemoryBytes(1000), 700u);
  EXPECT_EQ(ServerConfig().SorterMemoryBytes(1000), 300u);
  EXPECT_EQ(Toml("max-memory-percentage = 0").MemoryBytes(1000), 1000u);
  EXPECT_EQ(Toml("max-memory-consumption = 1073741824").MemoryBytes(1000), 1073741824u);
  EXPECT_EQ(Toml("[sorter]\nmax-memory-consumption = 20").SorterMemoryBytes(1000), 20u);
}

TEST(ServerConfig, NamesUnknownKeys) {
  const auto config = ServerConfig::FromToml("adr = \"x\"\n[sorter]\nfoo = 1", "server.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), Code::kInvalidServerOption);
  EXPECT_THAT(config.error().ToString(), AllOf(HasSubstr("adr"), HasSubstr("sorter.foo")));
}

TEST(ServerConfig, ListsKeysWithoutEffect) {
  const ServerConfig config = Toml(
      "per-table-memory-quota = 20971520\n[sorter]\nchunk-size-limit = 134217728\n[debug.db]\n"
      "count = 8\n[kv-client]\nworker-concurrent = 8");
  EXPECT_THAT(config.without_effect,
              ElementsAre("sorter.chunk-size-limit", "kv-client.worker-concurrent",
                          "per-table-memory-quota", "debug"));
}

TEST(ServerConfig, ChecksRangesOfKeysWithoutEffectToo) {
  for (const char* text : {"[sorter]\nnum-workerpool-goroutine = 5000",
                           "[sorter]\nchunk-size-limit = 1000", "per-table-memory-quota = 100"})
    EXPECT_FALSE(ServerConfig::FromToml(text, "server.toml")) << text;
}

TEST(ServerConfig, ValidatesRanges) {
  for (const char* text : {"addr = \"\"",
                           "addr = \"h\"",
                           "addr = \"h:x\"",
                           "addr = \"0.0.0.0:8300\"",
                           "addr = \"[::]:8300\"",
                           "addr = \":8300\"",
                           "gc-ttl = 0",
                           "owner-flush-interval = \"0s\"",
                           "cluster-id = \"owner\"",
                           "cluster-id = \"a--b\"",
                           "cluster-id = \"-a\"",
                           "[sorter]\nsort-dir = \"/x\"",
                           "[sorter]\ncache-size-in-mb = 7",
                           "[sorter]\nmax-memory-percentage = 101",
                           "max-memory-percentage = 101",
                           "max-memory-consumption = 1000",
                           "[sorter]\nmax-disk-consumption = 1000",
                           "[kv-client]\nregion-scan-limit = 0",
                           "[security]\nclient-user-required = true",
                           "[security]\ncert-path = \"c\"",
                           "[security]\nca-path = \"c\"",
                           "[security]\ncert-allowed-cn = [\"c\"]",
                           "[security]\nmtls = true"}) {
    const Status status = Toml(text).ValidateAndAdjust();
    EXPECT_EQ(status.code(), Code::kInvalidServerOption) << text;
  }
}

TEST(ServerConfig, AnUnspecifiedAddressIsFineWhenAnotherIsAdvertised) {
  EXPECT_TRUE(
      Toml("addr = \"0.0.0.0:8300\"\nadvertise-addr = \"h:8300\"").ValidateAndAdjust().ok());
}

TEST(ServerConfig, RaisesASessionTtlThatEtcdWouldRefuse) {
  ServerConfig config = Toml("capture-session-ttl = 4");
  ASSERT_TRUE(config.ValidateAndAdjust().ok());
  EXPECT_EQ(config.capture_session_ttl, 10s);
}

}  // namespace
}  // namespace cdc
