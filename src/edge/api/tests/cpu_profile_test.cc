#include "edge/api/cpu_profile.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(CpuProfile, HoldsSamplesOfABusyThreadAndTheMapOfTheProcess) {
  std::atomic<uint64_t> work{0};
  const std::jthread busy([&](std::stop_token stop) {
    while (!stop.stop_requested()) ++work;
  });
  const auto profile = TakeCpuProfile(std::chrono::seconds(1), {});
  ASSERT_TRUE(profile) << profile.error().ToString();
  std::vector<uintptr_t> words(profile->size() / sizeof(uintptr_t));
  std::memcpy(words.data(), profile->data(), words.size() * sizeof(uintptr_t));
  ASSERT_GT(words.size(), 8u);
  EXPECT_EQ(words[1], 3u) << "words in the header after these two";
  EXPECT_EQ(words[3], 10'000u) << "microseconds between samples";
  EXPECT_EQ(words[5], 1u) << "the first sample counts once";
  EXPECT_GT(words[6], 0u) << "and has frames";
  EXPECT_NE(profile->find("r-xp"), std::string::npos);
}

TEST(CpuProfile, RefusesTimesThatAreTooLong) {
  EXPECT_EQ(TakeCpuProfile(std::chrono::seconds(0), {}).error().code(), Code::kApiInvalidParam);
  EXPECT_EQ(TakeCpuProfile(std::chrono::seconds(999), {}).error().code(), Code::kApiInvalidParam);
}

}  // namespace
}  // namespace cdc
