#include "control/etcd/etcd_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/etcd/cluster_view.h"
#include "control/etcd/progress_pace.h"

namespace cdc {
namespace {

using testing::ElementsAre;

EtcdKv Kv(std::string key, std::string value, int64_t revision) {
  return {.key = std::move(key),
          .value = std::move(value),
          .create_revision = revision,
          .mod_revision = revision};
}

TEST(EtcdState, AppliesPutsAndDeletesAndTellsWhatChanged) {
  EtcdState state;
  state.Replace({.revision = 5, .kvs = {Kv("a", "1", 3), Kv("b", "2", 4)}});
  EXPECT_THAT(state.changed(), ElementsAre("a", "b"));
  state.ClearChanges();
  state.Apply({.revision = 7, .events = {{Kv("a", "9", 6), false}, {Kv("b", "", 7), true}}});
  EXPECT_EQ(state.Find("a")->value, "9");
  EXPECT_EQ(state.Find("b"), nullptr);
  EXPECT_THAT(state.changed(), ElementsAre("a", "b"));
  EXPECT_EQ(state.revision(), 7);
}

TEST(EtcdState, ANewSnapshotChangesOnlyWhatDiffers) {
  EtcdState state;
  state.Replace({.revision = 5, .kvs = {Kv("a", "1", 3), Kv("b", "2", 4), Kv("c", "3", 5)}});
  state.ClearChanges();
  state.Replace({.revision = 9, .kvs = {Kv("a", "1", 3), Kv("c", "4", 9)}});
  EXPECT_THAT(state.changed(), ElementsAre("b", "c"));
}

TEST(EtcdPatches, LeaveOutWhatIsSoAlready) {
  EtcdState state;
  state.Replace({.revision = 5, .kvs = {Kv("a", "1", 3), Kv("b", "2", 4)}});
  EtcdPatches patches(state);
  patches.Set("a", "1");
  patches.Set("b", "3");
  patches.Set("n", "new");
  patches.Delete("gone");
  const auto taken = patches.Take();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].key, "b");
  EXPECT_EQ(taken[0].mod_revision, 4);
  EXPECT_EQ(taken[1].key, "n");
  EXPECT_EQ(taken[1].mod_revision, 0);
}

TEST(ClusterView, FollowsTheStateAndSkipsWhatItCannotRead) {
  const KeyPaths paths;
  ClusterView view(paths);
  EtcdState state;
  state.Replace({.revision = 1,
                 .kvs = {Kv(paths.Capture("c"), CaptureInfo{"c", "a:1", ""}.ToJson(), 1),
                         Kv(paths.Info("f"), ChangefeedInfo{.start_ts = Ts(7)}.ToJson(), 1),
                         Kv(paths.Info("bad"), "{", 1)}});
  view.Apply(state);
  EXPECT_EQ(view.captures().at("c").address, "a:1");
  EXPECT_EQ(view.changefeeds().at("f").Checkpoint(), Ts(7));
  EXPECT_FALSE(view.changefeeds().contains("bad"));
  state.ClearChanges();
  state.Apply({.revision = 2, .events = {{Kv(paths.Info("f"), "", 2), true}}});
  view.Apply(state);
  EXPECT_TRUE(view.changefeeds().empty());
}

TEST(ClusterView, TellsWhichChangefeedsTheLastChangesWereAbout) {
  const KeyPaths paths;
  EtcdState state;
  ClusterView view(paths);
  const auto put = [&](const std::string& key, std::string value, int64_t revision) {
    state.Apply(
        {revision, {{.kv = {.key = key, .value = std::move(value), .mod_revision = revision}}}});
  };
  put(paths.Status("f"), ChangefeedStatus{}.ToJson(), 1);
  put(paths.Status("g"), ChangefeedStatus{}.ToJson(), 2);
  view.Apply(state);
  state.ClearChanges();
  EXPECT_EQ(view.changed(), (std::set<ChangefeedId>{"f", "g"}));
  EXPECT_FALSE(view.captures_changed());
  state.Apply({3, {{.kv = {.key = paths.Status("f"), .mod_revision = 3}, .deleted = true}}});
  put(paths.Capture("c"), CaptureInfo{"c", "a:1", "v"}.ToJson(), 4);
  view.Apply(state);
  state.ClearChanges();
  EXPECT_EQ(view.changed(), (std::set<ChangefeedId>{"f"})) << "it is gone";
  EXPECT_TRUE(view.captures_changed());
  view.Apply(state);
  EXPECT_TRUE(view.changed().empty());
  put(paths.Status("g"), ChangefeedStatus{.checkpoint_ts = Ts(9)}.ToJson(), 5);
  view.Apply(state);
  state.ClearChanges();
  EXPECT_TRUE(view.changed().empty());
  EXPECT_EQ(view.moved(), (std::set<ChangefeedId>{"g"}));
  put(paths.Status("g"), ChangefeedStatus{.ddl_finished_ts = Ts(9)}.ToJson(), 6);
  view.Apply(state);
  EXPECT_EQ(view.changed(), (std::set<ChangefeedId>{"g"}));
}

TEST(ProgressPace, SlowsDownWithTheNumberOfChangefeeds) {
  const auto writes = [](size_t changefeeds) {
    ProgressPace pace(50ms);
    int due = 0;
    for (SteadyTime now = SteadyTime() + 1min; now < SteadyTime() + 1min + 10s; now += 10ms)
      if (pace.Due(changefeeds, now)) ++due;
    return due;
  };
  EXPECT_EQ(writes(1), 200);
  EXPECT_EQ(writes(20), 40);
  EXPECT_EQ(writes(10'000), 10) << "once a second at the slowest";
}

}  // namespace
}  // namespace cdc
