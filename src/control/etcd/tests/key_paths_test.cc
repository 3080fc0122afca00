#include "control/etcd/key_paths.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

using Kind = ParsedKey::Kind;

TEST(KeyPaths, FlatLayoutIsTiCdc5s) {
  const KeyPaths paths;
  EXPECT_EQ(paths.cluster(), "default");
  EXPECT_EQ(paths.owner(), "/tidb/cdc/owner");
  EXPECT_EQ(paths.Capture("c"), "/tidb/cdc/capture/c");
  EXPECT_EQ(paths.Info("f"), "/tidb/cdc/changefeed/info/f");
  EXPECT_EQ(paths.Status("f"), "/tidb/cdc/job/f");
  EXPECT_EQ(paths.TaskStatus("c", "f"), "/tidb/cdc/task/status/c/f");
  EXPECT_EQ(paths.TaskPosition("c", "f"), "/tidb/cdc/task/position/c/f");
}

TEST(KeyPaths, ClusterLayoutIsTheLaterOne) {
  const KeyPaths paths("k");
  EXPECT_EQ(paths.cluster(), "k");
  EXPECT_EQ(paths.prefix(), "/tidb/cdc/k/");
  EXPECT_EQ(paths.Capture("c"), "/tidb/cdc/k/__cdc_meta__/capture/c");
  EXPECT_EQ(paths.Status("f"), "/tidb/cdc/k/default/changefeed/status/f");
}

TEST(KeyPaths, ParseIsTheInverse) {
  for (const KeyPaths& paths : {KeyPaths(), KeyPaths("k")}) {
    EXPECT_EQ(paths.Parse(paths.Capture("c"))->capture, "c");
    EXPECT_EQ(paths.Parse(paths.Info("f"))->kind, Kind::kInfo);
    EXPECT_EQ(paths.Parse(paths.Status("f"))->changefeed, "f");
    EXPECT_EQ(paths.Parse(paths.owner() + "/1a")->kind, Kind::kOwner);
    const auto task = paths.Parse(paths.TaskPosition("c", "f"));
    EXPECT_EQ(task->kind, Kind::kTaskPosition);
    EXPECT_EQ(task->capture, "c");
    EXPECT_EQ(task->changefeed, "f");
  }
}

TEST(KeyPaths, ForeignKeysAreLeftAlone) {
  const KeyPaths paths;
  for (const char* key : {"/tidb/cdc/task/workload/c/f", "/tidb/cdc/capture/", "/tidb/cdc/job/a/b",
                          "/tidb/cdc/task/status/c", "/tidb/cdc/default/__cdc_meta__/owner/1"})
    EXPECT_FALSE(paths.Parse(key).has_value()) << key;
}

}  // namespace
}  // namespace cdc
