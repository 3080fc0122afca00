#include "dataflow/upstream/pd_client.h"

#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "testing/fake_pd.h"

namespace cdc {
namespace {

std::unique_ptr<PdClient> Open(const FakePd& pd) {
  auto client = PdClient::Open(pd.endpoints(), {}, SystemClock());
  EXPECT_TRUE(client) << client.error().ToString();
  return std::move(*client);
}

TEST(PdClient, FindsTheLeaderThroughAnyMember) {
  FakePd pd(3);
  pd.TransferLeader(2);
  auto client = PdClient::Open({pd.endpoints()[1]}, {}, SystemClock());
  ASSERT_TRUE(client);
  EXPECT_EQ((*client)->cluster_id(), pd.cluster_id());
  EXPECT_EQ((*client)->endpoints(), pd.endpoints());
  EXPECT_TRUE((*client)->GetTs());
}

TEST(PdClient, TakesACommaList) {
  FakePd pd(1);
  EXPECT_TRUE(PdClient::Open({"http://127.0.0.1:1," + pd.endpoints()[0] + "/"}, {}, SystemClock()));
}

TEST(PdClient, SaysWhatCannotBeReached) {
  FakePd pd(1);
  const auto client = PdClient::Open({}, {}, SystemClock());
  EXPECT_EQ(client.error().code(), Code::kPdConnect);
  const auto plain = PdClient::Open({"https://127.0.0.1:1"}, {}, SystemClock());
  EXPECT_EQ(plain.error().code(), Code::kInvalidServerOption);
}

TEST(PdClient, GivesConcurrentCallersDistinctTimestampsInFewRequests) {
  FakePd pd;
  auto client = Open(pd);
  constexpr int kThreads = 8;
  constexpr int kEach = 300;
  std::mutex mutex;
  std::set<uint64_t> all;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        Ts last;
        for (int k = 0; k < kEach; ++k) {
          const auto ts = client->GetTs();
          ASSERT_TRUE(ts);
          ASSERT_GT(*ts, last);
          last = *ts;
          std::lock_guard lock(mutex);
          all.insert(ts->raw());
        }
      });
    }
  }
  EXPECT_EQ(all.size(), static_cast<size_t>(kThreads * kEach));
  EXPECT_LT(pd.tso_requests(), kThreads * kEach);
}

TEST(PdClient, FollowsANewLeader) {
  FakePd pd(3);
  auto client = Open(pd);
  const Ts before = client->GetTs().value();
  pd.TransferLeader(1);
  const auto after = client->GetTs();
  ASSERT_TRUE(after) << after.error().ToString();
  EXPECT_GT(*after, before);
  pd.TransferLeader(2);
  EXPECT_TRUE(client->GetGcSafePoint());
}

TEST(PdClient, SurvivesTheDeathOfTheLeader) {
  FakePd pd(3);
  auto client = Open(pd);
  ASSERT_TRUE(client->GetTs());
  pd.TransferLeader(1);
  pd.StopMember(0);
  EXPECT_TRUE(client->GetTs());
  EXPECT_TRUE(client->GetGcSafePoint());
}

TEST(PdClient, OpensTheTsoStreamAnew) {
  FakePd pd;
  auto client = Open(pd);
  ASSERT_TRUE(client->GetTs());
  pd.BreakTsoStreams();
  EXPECT_TRUE(client->GetTs());
}

TEST(PdClient, ShutdownEndsCallsUnderWay) {
  FakePd pd;
  auto client = Open(pd);
  pd.Stall(true);
  std::jthread caller([&] { EXPECT_FALSE(client->GetGcSafePoint()); });
  client->Shutdown();
  caller.join();
  EXPECT_FALSE(client->GetTs());
}

TEST(PdClient, TellsRegionsInUserKeys) {
  FakePd pd;
  pd.SetRegions({{.id = 2, .end = "m", .version = 4, .stores = {1, 2}, .leader = 2},
                 {.id = 3, .start = "m", .version = 5, .stores = {1}, .leader = 1}});
  auto client = Open(pd);
  const Region left = client->GetRegion("a").value();
  EXPECT_EQ(left.id, RegionId(2));
  EXPECT_EQ(left.end_key, "m");
  EXPECT_EQ(left.epoch.version, 4U);
  EXPECT_EQ(left.leader_store, StoreId(2));
  EXPECT_EQ(left.leader_peer, 202U);
  EXPECT_EQ(left.stores, (std::vector{StoreId(1), StoreId(2)}));
  EXPECT_EQ(client->GetRegion("m").value().id, RegionId(3));
  EXPECT_EQ(client->GetRegionById(RegionId(3)).value().start_key, "m");
  EXPECT_FALSE(client->GetRegionById(RegionId(9)));
  EXPECT_EQ(client->ScanRegions("", "", 10).value().size(), 2U);
  EXPECT_EQ(client->ScanRegions("b", "c", 10).value().size(), 1U);
  EXPECT_EQ(client->ScanRegions("", "", 1).value().size(), 1U);
}

TEST(PdClient, KeepsAServiceSafePointUntilItIsRemoved) {
  FakePd pd;
  pd.SetGcSafePoint(Ts(100));
  auto client = Open(pd);
  EXPECT_EQ(client->UpdateServiceGcSafePoint("ticdc", std::chrono::seconds(60), Ts(200)).value(),
            Ts(200));
  EXPECT_EQ(pd.service_safe_point("ticdc"), Ts(200));
  // Too late: the answer is above what was asked for.
  EXPECT_EQ(client->UpdateServiceGcSafePoint("late", std::chrono::seconds(60), Ts(50)).value(),
            Ts(100));
  ASSERT_TRUE(client->UpdateServiceGcSafePoint("ticdc", std::chrono::seconds(0), Ts(200)));
  EXPECT_EQ(pd.service_safe_point("ticdc"), Ts());
  EXPECT_EQ(client->GetGcSafePoint().value(), Ts(100));
}

}  // namespace
}  // namespace cdc
