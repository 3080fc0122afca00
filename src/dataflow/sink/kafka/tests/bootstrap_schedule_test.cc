#include "dataflow/sink/kafka/bootstrap_schedule.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

constexpr TableId kTable{1};
const SteadyTime kStart{};

TEST(BootstrapSchedule, ComesBeforeATablesFirstRows) {
  BootstrapSchedule schedule({});
  EXPECT_TRUE(schedule.Due(kTable, 5, kStart));
  EXPECT_FALSE(schedule.Due(kTable, 5, kStart));
  EXPECT_TRUE(schedule.Due(TableId{2}, 5, kStart));
}

TEST(BootstrapSchedule, ComesAgainAfterTime) {
  BootstrapSchedule schedule({.interval = std::chrono::seconds(120)});
  EXPECT_TRUE(schedule.Due(kTable, 5, kStart));
  EXPECT_FALSE(schedule.Due(kTable, 5, kStart + 119s));
  EXPECT_TRUE(schedule.Due(kTable, 5, kStart + 120s));
  EXPECT_FALSE(schedule.Due(kTable, 5, kStart + 121s));
}

TEST(BootstrapSchedule, ComesAgainAfterRows) {
  BootstrapSchedule schedule({.rows_max = 10});
  EXPECT_TRUE(schedule.Due(kTable, 6, kStart));
  EXPECT_FALSE(schedule.Due(kTable, 6, kStart));
  EXPECT_TRUE(schedule.Due(kTable, 6, kStart));
  EXPECT_FALSE(schedule.Due(kTable, 6, kStart));
}

TEST(BootstrapSchedule, ZeroMeansNever) {
  EXPECT_FALSE(BootstrapSchedule({.interval = {}}).Due(kTable, 1, kStart));
  EXPECT_FALSE(BootstrapSchedule({.rows_max = 0}).Due(kTable, 1, kStart));
}

}  // namespace
}  // namespace cdc
