#include "config/duration.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsGoNotation) {
  EXPECT_EQ(ParseDuration("500ms").value(), 500ms);
  EXPECT_EQ(ParseDuration("2m").value(), 2min);
  EXPECT_EQ(ParseDuration("1h30m").value(), 90min);
  EXPECT_EQ(ParseDuration("1.5s").value(), 1500ms);
  EXPECT_EQ(ParseDuration("10us").value(), 10us);
  EXPECT_EQ(ParseDuration("10µs").value(), 10us);
  EXPECT_EQ(ParseDuration("-3s").value(), -3s);
  EXPECT_EQ(ParseDuration("0").value(), 0s);
}

TEST(Duration, RefusesWhatGoRefuses) {
  for (const char* text : {"", "5", "s", "1 s", "1x", "--1s", "1e3s", "nan", "99999999999h"})
    EXPECT_EQ(ParseDuration(text).error().code(), Code::kDecode) << text;
}

}  // namespace
}  // namespace cdc
