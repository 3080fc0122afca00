#include "control/capture/stall_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using testing::HasSubstr;

const SteadyTime kStart = SteadyTime() + std::chrono::hours(1);

TEST(StallWatch, WarnsAfterHalfAMinuteAndThenEveryMinute) {
  StallWatch watch;
  int warnings = 0;
  for (int second = 0; second <= 100; ++second)
    if (watch.Observe("f", Ts(5), Ts(9), kStart + std::chrono::seconds(second))) ++warnings;
  EXPECT_EQ(warnings, 2) << "at 30 s and at 90 s";
}

TEST(StallWatch, EitherTsMayStandStill) {
  StallWatch watch;
  std::optional<Stall> stall;
  for (uint64_t second = 0; second <= 30; ++second)
    stall = watch.Observe("f", Ts(5), Ts(9 + second), kStart + std::chrono::seconds(second));
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->checkpoint, Duration(30s));
  EXPECT_EQ(stall->resolved, Duration(0s));
}

TEST(StallWatch, ProgressAndANewRunStartAnew) {
  StallWatch watch;
  (void)watch.Observe("f", Ts(5), Ts(9), kStart);
  (void)watch.Observe("f", Ts(6), Ts(10), kStart + 29s);
  EXPECT_FALSE(watch.Observe("f", Ts(6), Ts(10), kStart + 31s));
  watch.Forget("f");
  EXPECT_FALSE(watch.Observe("f", Ts(6), Ts(10), kStart + 61s));
}

TEST(StallWatch, NamesTableRegionStoreAndLock) {
  const TableProgress fast{.table = TableId{1}, .checkpoint = Ts(20), .resolved = Ts(30)};
  const TableProgress slow{.table = TableId{7},
                           .checkpoint = Ts(10),
                           .resolved = Ts(10),
                           .feed = {.slowest_region = RegionId{42},
                                    .slowest_store = StoreId{3},
                                    .reason = "waiting for the lock of txn 8"}};
  const std::string text = DescribeStall("f", {.checkpoint = 40s, .resolved = 40s}, {slow, fast});
  for (const char* part : {"table=7", "region=42", "store=3", "lock of txn 8", "changefeed=f"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(StallWatch, NamesTheSinkWhenChangesComeInButDoNotGoOut) {
  const TableProgress table{.table = TableId{7}, .checkpoint = Ts(10), .resolved = Ts(90)};
  EXPECT_THAT(DescribeStall("f", {.checkpoint = 40s, .resolved = 0s}, {table}),
              HasSubstr("the sink"));
}

}  // namespace
}  // namespace cdc
