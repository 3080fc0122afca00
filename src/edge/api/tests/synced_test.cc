#include "edge/api/synced.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

Ts At(uint64_t seconds) { return Ts::FromUnixMs(seconds * 1000); }

TEST(Synced, WhatWasBeforeTheFirstQuestionCountsAsHavingJustHappened) {
  SyncedWatch watch;
  EXPECT_EQ(watch.LastSynced("a", 5, At(1000)), At(1000));
  EXPECT_EQ(watch.LastSynced("a", 5, At(2000)), At(1000));
  EXPECT_EQ(watch.LastSynced("a", 6, At(3000)), At(3000));
  EXPECT_EQ(watch.LastSynced("a", 6, At(4000)), At(3000));
  EXPECT_EQ(watch.LastSynced("b", 6, At(4000)), At(4000));
}

TEST(Synced, NeedsQuietAndAFreshCheckpoint) {
  EXPECT_TRUE(SyncedView(At(990), At(991), At(600), At(1000))["synced"]);
  EXPECT_FALSE(SyncedView(At(990), At(991), At(800), At(1000))["synced"]) << "written lately";
  EXPECT_FALSE(SyncedView(At(900), At(991), At(600), At(1000))["synced"]) << "behind";
  const OrderedJson stuck = SyncedView(At(900), At(901), At(600), At(1000));
  EXPECT_FALSE(stuck["synced"]);
  EXPECT_NE(stuck["info"].get<std::string>().find("PD"), std::string::npos);
}

}  // namespace
}  // namespace cdc
