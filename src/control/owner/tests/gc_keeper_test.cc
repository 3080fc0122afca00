#include "control/owner/gc_keeper.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

// A PD with another service's safe point.
class StubPd : public PdClient {
 public:
  uint64_t cluster_id() const override { return 1; }
  Result<Ts> GetTs() override { return now; }
  Result<Region> GetRegion(std::string_view) override { return Unused(); }
  Result<Region> GetRegionById(RegionId) override { return Unused(); }
  Result<std::vector<Region>> ScanRegions(std::string_view, std::string_view, int) override {
    return Unused();
  }
  Result<Store> GetStore(StoreId) override { return Unused(); }
  Result<std::vector<Store>> GetAllStores() override { return Unused(); }
  Result<Ts> GetGcSafePoint() override { return Unused(); }
  std::vector<std::string> endpoints() const override { return {}; }
  Result<Ts> UpdateServiceGcSafePoint(std::string_view service, std::chrono::seconds ttl,
                                      Ts safe_point) override {
    std::lock_guard lock(mutex);
    EXPECT_EQ(service, "ticdc");
    if (failures-- > 0) return Error(Code::kPdRequest, "not now");
    removed = ttl == std::chrono::seconds(0);
    set = safe_point;
    return std::max(set, other);
  }
  static Unexpected Unused() { return Error(Code::kPdRequest, "unused"); }

  std::mutex mutex;
  Ts now = Ts::FromUnixMs(1'000'000'000);
  Ts other;
  Ts set;
  bool removed = false;
  int failures = 0;
};

bool Eventually(const std::function<bool()>& condition) {
  const SteadyTime deadline = SystemClock().Now() + 30s;
  while (!condition()) {
    if (SystemClock().Now() > deadline) return false;
    (void)SystemClock().SleepFor(1ms, {});
  }
  return true;
}

const Ts kRecent = Ts::FromUnixMs(999'999'000);

TEST(GcKeeper, ProtectsTheLeastCheckpointAndSaysWhenItDoes) {
  StubPd pd;
  pd.failures = 1;
  GcKeeper keeper(pd, std::chrono::seconds(3600), SystemClock());
  EXPECT_EQ(keeper.Check("f", kRecent).code(), Code::kUpdateSafepoint);
  keeper.SetCheckpoints({{"f", kRecent}, {"g", kRecent.Next()}});
  EXPECT_TRUE(Eventually([&] { return keeper.Check("f", kRecent).ok(); }));
  EXPECT_TRUE(keeper.Check("g", kRecent.Next()).ok());
  std::lock_guard lock(pd.mutex);
  EXPECT_EQ(pd.set, kRecent);
}

TEST(GcKeeper, AChangefeedWhoseDataIsGoneIsTold) {
  StubPd pd;
  pd.other = kRecent.Next();
  GcKeeper keeper(pd, std::chrono::seconds(3600), SystemClock());
  keeper.SetCheckpoints({{"f", kRecent}});
  EXPECT_TRUE(Eventually([&] { return keeper.Check("f", kRecent).code() == Code::kSnapshotLost; }));
}

TEST(GcKeeper, AChangefeedOlderThanTheTtlIsTold) {
  StubPd pd;
  const Ts old = Ts::FromUnixMs(999'000'000);
  GcKeeper keeper(pd, std::chrono::seconds(60), SystemClock());
  keeper.SetCheckpoints({{"f", old}});
  EXPECT_TRUE(Eventually([&] { return keeper.Check("f", old).code() == Code::kGcTtlExceeded; }));
}

TEST(GcKeeper, WithoutChangefeedsTheSafePointGoes) {
  StubPd pd;
  GcKeeper keeper(pd, std::chrono::seconds(3600), SystemClock());
  keeper.SetCheckpoints({{"f", kRecent}});
  EXPECT_TRUE(Eventually([&] { return keeper.Check("f", kRecent).ok(); }));
  keeper.SetCheckpoints({});
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(pd.mutex);
    return pd.removed;
  }));
}

}  // namespace
}  // namespace cdc
