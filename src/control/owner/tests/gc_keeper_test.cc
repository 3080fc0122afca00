#include "control/owner/gc_keeper.h"

#include <functional>

#include <gtest/gtest.h>

#include "control/owner/tests/stub_pd.h"

namespace cdc {
namespace {

bool Eventually(const std::function<bool()>& condition) {
  const SteadyTime deadline = SystemClock().Now() + 30s;
  while (!condition()) {
    if (SystemClock().Now() > deadline) return false;
    (void)SystemClock().SleepFor(1ms, {});
  }
  return true;
}

const Ts kRecent = Ts::FromUnixMs(999'999'000);
constexpr std::chrono::seconds kTtl(3600);
using Services = std::map<std::string, Ts>;

class GcKeeperTest : public testing::Test {
 protected:
  std::unique_ptr<GcKeeper> Keeper(std::chrono::seconds ttl = kTtl) {
    return std::make_unique<GcKeeper>(pd_, "ticdc", ttl, SystemClock());
  }
  StubPd pd_;
};

TEST_F(GcKeeperTest, ProtectsTheLeastCheckpointAndEachOneAndSaysWhenItDoes) {
  pd_.failures = 1;
  const auto keeper = Keeper();
  EXPECT_EQ(keeper->Check("f", kRecent).code(), Code::kUpdateSafepoint);
  keeper->SetCheckpoints({{"f", kRecent}, {"g", kRecent.Next()}});
  EXPECT_TRUE(Eventually([&] { return keeper->Check("f", kRecent).ok(); }));
  EXPECT_TRUE(Eventually([&] { return keeper->Check("g", kRecent.Next()).ok(); }));
  EXPECT_EQ(pd_.Services(), (Services{{"ticdc", kRecent},
                                      {"ticdc-changefeed-f", kRecent},
                                      {"ticdc-changefeed-g", kRecent.Next()}}));
  EXPECT_EQ(keeper->Find("f")->service, "ticdc-changefeed-f");
}

TEST_F(GcKeeperTest, AChangefeedWhoseDataIsGoneIsToldAndNoOther) {
  pd_.services = {{"gc_worker", kRecent.Next()}};
  const auto keeper = Keeper();
  keeper->SetCheckpoints({{"f", kRecent}, {"g", kRecent.Next()}});
  EXPECT_TRUE(
      Eventually([&] { return keeper->Check("f", kRecent).code() == Code::kSnapshotLost; }));
  EXPECT_TRUE(Eventually([&] { return keeper->Check("g", kRecent.Next()).ok(); }));
}

TEST_F(GcKeeperTest, AChangefeedOlderThanTheTtlIsTold) {
  const Ts old = Ts::FromUnixMs(999'000'000);
  const auto keeper = Keeper(std::chrono::seconds(60));
  keeper->SetCheckpoints({{"f", old}});
  EXPECT_TRUE(Eventually([&] { return keeper->Check("f", old).code() == Code::kGcTtlExceeded; }));
}

TEST_F(GcKeeperTest, AgeDoesNotMatterWhileSomeoneElseKeepsMore) {
  const Ts old = Ts::FromUnixMs(999'000'000);
  pd_.services = {{"gc_worker", old.Prev()}};
  const auto keeper = Keeper(std::chrono::seconds(60));
  keeper->SetCheckpoints({{"f", old}});
  EXPECT_TRUE(Eventually([&] { return keeper->Check("f", old).ok(); }));
}

TEST_F(GcKeeperTest, ASafePointGoesWithItsChangefeedAndTheCommonOneWithTheLast) {
  const auto keeper = Keeper();
  keeper->SetCheckpoints({{"f", kRecent}, {"g", kRecent}});
  EXPECT_TRUE(Eventually([&] { return pd_.Services().size() == 3; }));
  keeper->SetCheckpoints({{"g", kRecent}});
  EXPECT_TRUE(Eventually([&] {
    return pd_.Services() == Services{{"ticdc", kRecent}, {"ticdc-changefeed-g", kRecent}};
  }));
  keeper->SetCheckpoints({});
  EXPECT_TRUE(Eventually([&] { return pd_.Services().empty(); }));
}

TEST_F(GcKeeperTest, WhatAnOwnerBeforeUsLeftGoes) {
  pd_.services = {{"ticdc", kRecent}};
  const auto keeper = Keeper();
  keeper->SetCheckpoints({});
  EXPECT_TRUE(Eventually([&] { return pd_.Services().empty(); }));
}

TEST_F(GcKeeperTest, ANewChangefeedOfAnOldNameIsProtectedAnew) {
  pd_.services = {{"gc_worker", kRecent.Prev().Prev()}};
  const auto keeper = Keeper();
  keeper->SetCheckpoints({{"f", kRecent}});
  EXPECT_TRUE(Eventually([&] { return keeper->Check("f", kRecent).ok(); }));
  keeper->SetCheckpoints({{"f", kRecent.Prev()}});
  EXPECT_TRUE(Eventually([&] { return keeper->Check("f", kRecent.Prev()).ok(); }));
  EXPECT_EQ(keeper->Find("f")->safe_point, kRecent.Prev());
}

}  // namespace
}  // namespace cdc
