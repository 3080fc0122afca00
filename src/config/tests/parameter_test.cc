#include "config/parameter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr Code kCode = Code::kSinkUri;

TEST(Parameter, BooleansAreWhatGoTakesForThem) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"})
    EXPECT_TRUE(ParseBool(kCode, "p", yes).value()) << yes;
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"})
    EXPECT_FALSE(ParseBool(kCode, "p", no).value()) << no;
  for (const char* bad : {"", "yes", "tRUE", "2"}) EXPECT_FALSE(ParseBool(kCode, "p", bad)) << bad;
}

TEST(Parameter, NumbersKeepTheirLimits) {
  EXPECT_EQ(ParseInteger(kCode, "p", "-1", -1, 5), -1);
  EXPECT_EQ(ParseInteger(kCode, "p", "5", -1, 5), 5);
  for (const char* bad : {"-2", "6", "", "x", "1x", " 1", "1.0", "99999999999999999999"})
    EXPECT_FALSE(ParseInteger(kCode, "p", bad, -1, 5)) << bad;
}

TEST(Parameter, TimeoutsAreAboveZeroAndRoundedUp) {
  EXPECT_EQ(ParseTimeout(kCode, "p", "1m30s"), milliseconds(90'000));
  EXPECT_EQ(ParseTimeout(kCode, "p", "1us"), milliseconds(1));
  for (const char* bad : {"", "0s", "-1s", "10"})
    EXPECT_FALSE(ParseTimeout(kCode, "p", bad)) << bad;
}

TEST(Parameter, ErrorsNameTheParameterAndItsValue) {
  const Status status = ParseBool(Code::kSinkConfig, "enable-tls", "maybe").error();
  EXPECT_EQ(status.code(), Code::kSinkConfig);
  EXPECT_THAT(status.ToString(), HasSubstr("enable-tls 'maybe'"));
  EXPECT_THAT(ParseInteger(kCode, "max-retry", "x", 0, 9).error().ToString(),
              HasSubstr("max-retry 'x': expected a number from 0 to 9"));
}

}  // namespace
}  // namespace cdc
