#include "dataflow/upstream/cluster_version.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

SemVersion V(std::string_view text) {
  const auto version = SemVersion::Parse(text);
  EXPECT_TRUE(version) << text;
  return version.value_or(SemVersion{});
}

TEST(SemVersion, OrdersAsTheStandardSays) {
  const char* order[] = {"3.1.0",      "4.0.0-alpha", "4.0.0-beta.2", "4.0.0-rc",   "4.0.0-rc.1",
                         "4.0.0-rc.2", "4.0.0-rc.10", "4.0.0",        "v4.0.1-foo", "5.0.0"};
  for (size_t i = 1; i < std::size(order); ++i)
    EXPECT_LT(V(order[i - 1]), V(order[i])) << order[i - 1] << " " << order[i];
}

TEST(SemVersion, TakesOffWhatGitAdds) {
  EXPECT_EQ(V("v4.0.0-rc.1-35-g31dae220"), V("4.0.0-rc.1"));
  EXPECT_EQ(V("4.0.0-rc-35-g31dae220-dev"), V("4.0.0-rc"));
  EXPECT_EQ(V("4.0.0-9-g30f0b014"), V("4.0.0"));
  EXPECT_EQ(V("v8.5.0-dirty"), V("8.5.0"));
  EXPECT_EQ(V("8.5.0-alpha").pre, "alpha");
  for (const char* bad : {"", "None", "5.0", "5.0.x"}) EXPECT_FALSE(SemVersion::Parse(bad)) << bad;
}

TEST(ClusterVersion, RefusesWhatIsTooOld) {
  EXPECT_TRUE(CheckPdVersion("v8.5.4").ok());
  EXPECT_TRUE(CheckPdVersion("4.0.0-rc.1").ok());
  EXPECT_EQ(CheckPdVersion("v4.0.0-beta.2").code(), Code::kVersionIncompatible);
  EXPECT_EQ(CheckPdVersion("None").code(), Code::kCheckClusterVersion);
  std::vector<Store> stores = {{.address = "a:1", .version = "5.0.0"},
                               {.address = "b:1", .version = "3.0.1", .tombstone = true}};
  EXPECT_TRUE(CheckTiKvVersions(stores).ok());
  stores[1].tombstone = false;
  EXPECT_EQ(CheckTiKvVersions(stores).code(), Code::kVersionIncompatible);
}

}  // namespace
}  // namespace cdc
