#include "base/failpoint.h"

#include <thread>

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(FailPoint, ReturnsItsValueAsLongAsItIsSet) {
  EXPECT_FALSE(FailPoint("p"));
  ASSERT_TRUE(EnableFailPoint("p", "return(\"seven\")").ok());
  EXPECT_EQ(FailPoint("p"), "seven");
  EXPECT_FALSE(FailPoint("q"));
  EXPECT_FALSE(FailPointInt("p")) << "not a number";
  ASSERT_TRUE(EnableFailPoint("p", "return(7)").ok());
  EXPECT_EQ(FailPointInt("p"), 7);
  EXPECT_EQ(FailPoints().at("p"), "return(7)");
  ASSERT_TRUE(DisableFailPoint("p").ok());
  EXPECT_FALSE(FailPoint("p"));
  EXPECT_FALSE(DisableFailPoint("p").ok());
}

TEST(FailPoint, CountsAndChainsItsTerms) {
  ASSERT_TRUE(EnableFailPoint("p", "2*return(1)->0%return(2)->1*off->return(3)").ok());
  std::string seen;
  for (int i = 0; i < 5; ++i) seen += FailPoint("p").value_or("-");
  EXPECT_EQ(seen, "11-33");
  ASSERT_TRUE(DisableFailPoint("p").ok());
}

TEST(FailPoint, PausesUntilItIsChanged) {
  ASSERT_TRUE(EnableFailPoint("p", "pause").ok());
  std::jthread held([] { EXPECT_FALSE(FailPoint("p")); });
  ASSERT_TRUE(DisableFailPoint("p").ok());
}

TEST(FailPoint, RefusesTermsThatItCannotRead) {
  for (const char* bad : {"", "explode", "return(1", "sleep(long)", "3return(1)"})
    EXPECT_FALSE(EnableFailPoint("p", bad).ok()) << bad;
  EXPECT_TRUE(FailPoints().empty());
}

}  // namespace
}  // namespace cdc
