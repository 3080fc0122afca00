#include "dataflow/upstream/region_watch.h"

#include <string>

#include <gtest/gtest.h>

namespace cdc {
namespace {

constexpr RegionId kRegion{7};

class RegionWatchTest : public testing::Test {
 protected:
  // What is done within `seconds`, looked at every second: "0:resolve-locks 10:resolve-locks".
  std::string Watch(int seconds, Ts resolved = Ts(1)) {
    std::string text;
    for (int i = 0; i < seconds; ++i, ++second_) {
      const Cure cure = watch_.Next(1, kRegion, resolved, SteadyTime() + second_ * Duration(1s));
      if (cure == Cure::kNone) continue;
      text += (text.empty() ? "" : " ") + std::to_string(second_) + ":" + CureName(cure);
    }
    return text;
  }

  RegionWatch watch_{{.resolve_interval = 10s, .register_after = 25s, .reload_after = 60s}};
  int second_ = 0;
};

TEST_F(RegionWatchTest, TriesTheMildestCureFirst) {
  EXPECT_EQ(Watch(30), "0:resolve-locks 10:resolve-locks 20:resolve-locks 25:register-anew");
  EXPECT_EQ(Watch(31), "30:resolve-locks 40:resolve-locks 50:resolve-locks 60:reload-route");
}

TEST_F(RegionWatchTest, GoesOnAsLongAsNothingHelps) {
  (void)Watch(70);
  EXPECT_EQ(Watch(60),
            "71:resolve-locks 81:resolve-locks 85:register-anew 91:resolve-locks "
            "101:resolve-locks 111:resolve-locks 120:reload-route 121:resolve-locks");
}

TEST_F(RegionWatchTest, ProgressStartsItAllOver) {
  (void)Watch(24);
  EXPECT_EQ(Watch(25, Ts(2)), "30:resolve-locks 40:resolve-locks");
}

// A transaction that takes hours is waited for, not read again and again.
TEST_F(RegionWatchTest, LooksOnlyForLocksAsLongAsTheyExplainIt) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Watch(10), std::to_string(i * 10) + ":resolve-locks");
    watch_.Explained(1, kRegion, SteadyTime() + second_ * Duration(1s));
  }
}

TEST_F(RegionWatchTest, KeepsRegionsAndSubscriptionsApart) {
  EXPECT_EQ(watch_.Next(1, kRegion, Ts(1), SteadyTime()), Cure::kResolveLocks);
  EXPECT_EQ(watch_.Next(2, kRegion, Ts(1), SteadyTime()), Cure::kResolveLocks);
  EXPECT_EQ(watch_.Next(1, RegionId{8}, Ts(1), SteadyTime()), Cure::kResolveLocks);
  EXPECT_EQ(watch_.Next(1, kRegion, Ts(1), SteadyTime()), Cure::kNone);
}

TEST_F(RegionWatchTest, ForgetsRegionsThatAreNotBehindAnyMore) {
  (void)Watch(1);
  watch_.Tidy(SteadyTime() + 30s);
  EXPECT_EQ(watch_.watched(), 1u);
  watch_.Tidy(SteadyTime() + 40s);
  EXPECT_EQ(watch_.watched(), 0u);
}

}  // namespace
}  // namespace cdc
