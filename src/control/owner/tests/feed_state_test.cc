#include "control/owner/feed_state.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
const RunningError kPassing{"a", "CDC:ErrMySQLConnectionError", "gone away"};
const RunningError kLost{"a", "CDC:ErrSnapshotLostByGC", "too late"};

AdminJob Job(AdminJobType type) { return {.changefeed = "f", .type = type}; }

TEST(FeedState, ANewChangefeedRuns) { EXPECT_TRUE(StepFeedState({}, std::nullopt, {}, kNow).run); }

TEST(FeedState, PauseStopsAndResumeForgivesErrors) {
  ChangefeedInfo info;
  info.error = kPassing;
  info.error_history = {kNow - 5};
  FeedStep step = StepFeedState(info, Job(AdminJobType::kStop), {}, kNow);
  EXPECT_EQ(step.info.state, FeedState::kStopped);
  EXPECT_EQ(step.info.admin_job_type, AdminJobType::kStop);
  EXPECT_FALSE(step.run);
  EXPECT_FALSE(StepFeedState(step.info, std::nullopt, {}, kNow).run);
  step = StepFeedState(step.info, Job(AdminJobType::kResume), {}, kNow);
  EXPECT_EQ(step.info.state, FeedState::kNormal);
  EXPECT_FALSE(step.info.error.has_value());
  EXPECT_TRUE(step.info.error_history.empty());
  EXPECT_TRUE(step.run);
}

TEST(FeedState, JobsThatDoNotFitAreRefusedAndChangeNothing) {
  ChangefeedInfo stopped;
  stopped.state = FeedState::kStopped;
  const FeedStep step = StepFeedState(stopped, Job(AdminJobType::kFinish), {}, kNow);
  EXPECT_EQ(step.refused->code(), Code::kChangefeedUpdateRefused);
  EXPECT_EQ(step.info, stopped);
  EXPECT_TRUE(StepFeedState({}, Job(AdminJobType::kResume), {}, kNow).refused.has_value());
  EXPECT_TRUE(StepFeedState({}, Job(AdminJobType::kResume), {}, kNow).run);
}

TEST(FeedState, AnyStateCanBeRemoved) {
  for (const FeedState state : {FeedState::kNormal, FeedState::kFailed, FeedState::kFinished}) {
    ChangefeedInfo info;
    info.state = state;
    const FeedStep step = StepFeedState(info, Job(AdminJobType::kRemove), {}, kNow);
    EXPECT_TRUE(step.remove);
    EXPECT_FALSE(step.run);
  }
}

TEST(FeedState, AnErrorEndsTheRunAndTheNextOneWaits) {
  FeedStep step = StepFeedState({}, std::nullopt, {kPassing}, kNow);
  EXPECT_FALSE(step.run);
  EXPECT_EQ(step.info.state, FeedState::kNormal);
  EXPECT_EQ(step.info.error, kPassing);
  EXPECT_FALSE(StepFeedState(step.info, std::nullopt, {}, kNow + 999).run);
  EXPECT_TRUE(StepFeedState(step.info, std::nullopt, {}, kNow + 1000).run);
}

TEST(FeedState, FiveErrorsInTwoMinutesMakeItWaitUntilTheyAreOld) {
  ChangefeedInfo info;
  for (int i = 0; i < 5; ++i)
    info = StepFeedState(info, std::nullopt, {kPassing}, kNow + i * 1000).info;
  EXPECT_EQ(info.state, FeedState::kError);
  EXPECT_FALSE(StepFeedState(info, std::nullopt, {}, kNow + 119'000).run);
  const FeedStep later = StepFeedState(info, std::nullopt, {}, kNow + 125'000);
  EXPECT_EQ(later.info.state, FeedState::kNormal);
  EXPECT_TRUE(later.run);
}

TEST(FeedState, WhatRetryingCannotCureFailsAtOnceAndForGood) {
  const FeedStep step = StepFeedState({}, std::nullopt, {kLost}, kNow);
  EXPECT_EQ(step.info.state, FeedState::kFailed);
  EXPECT_FALSE(StepFeedState(step.info, std::nullopt, {}, kNow + 1'000'000).run);
}

TEST(FeedState, RestartsSlowDown) {
  EXPECT_EQ(RestartDelay(0), Duration(0s));
  EXPECT_EQ(RestartDelay(1), Duration(1s));
  EXPECT_EQ(RestartDelay(4), Duration(8s));
  EXPECT_EQ(RestartDelay(100), Duration(30s));
}

}  // namespace
}  // namespace cdc
