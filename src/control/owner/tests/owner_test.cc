// The owner's shell over a state that the test writes: what it asks etcd for, and asks for again.
#include "control/owner/owner.h"

#include <gtest/gtest.h>

#include "control/owner/tests/stub_pd.h"

namespace cdc {
namespace {

const Ts kStart = Ts::FromUnixMs(999'999'000);

class OwnerTest : public testing::Test {
 protected:
  OwnerTest() {
    ChangefeedInfo info;
    info.sink_uri = "blackhole://";
    info.start_ts = kStart;
    Put(paths_.Info("f"), info.ToJson());
    Put(paths_.Capture("c1"), CaptureInfo{"c1", "a:1", "v"}.ToJson());
  }

  void Put(const std::string& key, std::string value) {
    const EtcdState::Value* before = state_.Find(key);
    ++revision_;
    state_.Apply({revision_,
                  {{.kv = {.key = key,
                           .value = std::move(value),
                           .create_revision = before ? before->create_revision : revision_,
                           .mod_revision = revision_}}}});
  }
  void Delete(const std::string& key) {
    ++revision_;
    state_.Apply({revision_, {{.kv = {.key = key, .mod_revision = revision_}, .deleted = true}}});
  }

  std::vector<EtcdPatch> Tick() {
    auto patches = owner_.Tick(state_, now_ += 10ms).value();
    state_.ClearChanges();
    return patches;
  }
  // A tick whose transaction goes through.
  void TickAndCommit() {
    for (EtcdPatch& patch : Tick())
      if (patch.value)
        Put(patch.key, *std::move(patch.value));
      else
        Delete(patch.key);
  }
  void Enqueue(AdminJobType type, bool force = false) {
    owner_.EnqueueJob({"f", type, force}, [this](const Status& status) { told_ = status; });
  }
  FeedState State() const {
    return ChangefeedInfo::FromJson(state_.Find(paths_.Info("f"))->value)->state;
  }

  KeyPaths paths_;
  StubPd pd_;
  EtcdState state_;
  int64_t revision_ = 10;
  SteadyTime now_ = SystemClock().Now();
  std::optional<Status> told_;
  Owner owner_{{.paths = paths_,
                .address = "a:1",
                .time_zone = "",
                .pd = &pd_,
                .clock = &SystemClock(),
                .seams = {.open_schema =
                              [](const ChangefeedId&, const ReplicaConfig&, Ts,
                                 const SchemaFeed::Callbacks&) {
                                return Error(Code::kStopped, "no schema in this test");
                              },
                          .open_sink =
                              [](const Uri&, const SinkContext&) {
                                return Error(Code::kStopped, "no sink in this test");
                              }}}};
};

TEST_F(OwnerTest, AJobWhoseTransactionMetAConflictIsDoneAllTheSame) {
  Enqueue(AdminJobType::kStop);
  (void)Tick();
  (void)Tick();
  EXPECT_EQ(State(), FeedState::kNormal) << "nothing was committed";
  EXPECT_FALSE(told_);
  TickAndCommit();
  EXPECT_EQ(State(), FeedState::kStopped);
  EXPECT_FALSE(told_) << "etcd has not been seen to show it";
  (void)Tick();
  EXPECT_TRUE(told_ && told_->ok());
}

TEST_F(OwnerTest, JobsOfOneChangefeedComeOneAfterTheOther) {
  Enqueue(AdminJobType::kStop);
  Enqueue(AdminJobType::kResume);
  TickAndCommit();
  EXPECT_EQ(State(), FeedState::kStopped);
  TickAndCommit();
  EXPECT_EQ(State(), FeedState::kNormal);
  (void)Tick();
  EXPECT_TRUE(told_ && told_->ok());
}

TEST_F(OwnerTest, AJobThatDoesNotFitIsRefusedOnce) {
  ChangefeedInfo info;
  info.state = FeedState::kFailed;
  Put(paths_.Info("f"), info.ToJson());
  Enqueue(AdminJobType::kStop);
  TickAndCommit();
  ASSERT_TRUE(told_);
  EXPECT_EQ(told_->code(), Code::kChangefeedUpdateRefused);
  TickAndCommit();
  EXPECT_EQ(State(), FeedState::kFailed);
}

TEST_F(OwnerTest, ARemovalDoesNotStrikeTheNextChangefeedOfThatName) {
  Enqueue(AdminJobType::kRemove);
  TickAndCommit();
  EXPECT_EQ(state_.Find(paths_.Info("f")), nullptr);
  ChangefeedInfo info;
  info.start_ts = kStart;
  Put(paths_.Info("f"), info.ToJson());  // before the owner has looked again
  TickAndCommit();
  EXPECT_NE(state_.Find(paths_.Info("f")), nullptr);
  EXPECT_TRUE(told_ && told_->ok());
}

TEST_F(OwnerTest, AJobForAChangefeedThatWasRemovedEnds) {
  (void)Tick();
  Enqueue(AdminJobType::kStop);
  (void)Tick();  // it meets its changefeed
  Delete(paths_.Info("f"));
  (void)Tick();
  ASSERT_TRUE(told_);
  EXPECT_EQ(told_->code(), Code::kChangefeedNotExists);
}

TEST_F(OwnerTest, AnEarlyJobWaitsForItsChangefeed) {
  Delete(paths_.Info("f"));
  Enqueue(AdminJobType::kStop);
  (void)Tick();
  EXPECT_FALSE(told_);
  Put(paths_.Info("f"), ChangefeedInfo{.start_ts = kStart}.ToJson());
  TickAndCommit();
  EXPECT_EQ(State(), FeedState::kStopped);
}

TEST_F(OwnerTest, WhatIsLeftOfARemovedChangefeedGoes) {
  Delete(paths_.Info("f"));
  Put(paths_.Status("f"), ChangefeedStatus{}.ToJson());
  Put(paths_.TaskStatus("c1", "f"), TaskStatus{}.ToJson());
  Put(paths_.TaskPosition("dead", "f"), TaskPosition{}.ToJson());
  TickAndCommit();
  EXPECT_EQ(state_.Find(paths_.TaskStatus("c1", "f")), nullptr);
  EXPECT_EQ(state_.Find(paths_.TaskPosition("dead", "f")), nullptr);
  EXPECT_NE(state_.Find(paths_.Status("f")), nullptr) << "kept for a day";
  now_ += std::chrono::hours(25);
  TickAndCommit();
  EXPECT_EQ(state_.Find(paths_.Status("f")), nullptr);
}

TEST_F(OwnerTest, AForcedRemovalTakesTheStatusToo) {
  Delete(paths_.Info("f"));
  Put(paths_.Status("f"), ChangefeedStatus{}.ToJson());
  Enqueue(AdminJobType::kRemove, true);
  TickAndCommit();
  EXPECT_EQ(state_.Find(paths_.Status("f")), nullptr);
  (void)Tick();
  EXPECT_TRUE(told_ && told_->ok());
}

TEST_F(OwnerTest, APausedChangefeedWhoseDataIsLostFails) {
  ChangefeedInfo info;
  info.start_ts = kStart;
  info.state = FeedState::kStopped;
  Put(paths_.Info("f"), info.ToJson());
  {
    std::lock_guard lock(pd_.mutex);
    pd_.services["gc_worker"] = kStart.Next();
  }
  const SteadyTime deadline = SystemClock().Now() + 30s;
  while (State() != FeedState::kFailed && SystemClock().Now() < deadline) TickAndCommit();
  EXPECT_EQ(State(), FeedState::kFailed);
}

TEST_F(OwnerTest, AnOwnerThatEndsTellsWhoWaits) {
  {
    Owner owner({.paths = paths_,
                 .address = "",
                 .time_zone = "",
                 .pd = &pd_,
                 .clock = &SystemClock(),
                 .seams = {}});
    owner.EnqueueJob({"f", AdminJobType::kStop}, [this](const Status& s) { told_ = s; });
  }
  ASSERT_TRUE(told_);
  EXPECT_EQ(told_->code(), Code::kNotOwner);
}

}  // namespace
}  // namespace cdc
