#include "base/log_file.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() { fs::remove_all(folder_); }
  ~LogFileTest() override { fs::remove_all(folder_); }

  std::unique_ptr<LogFile> Open(LogFileLimits limits) {
    return LogFile::Open((folder_ / "cdc.log").string(), limits).value();
  }
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.insert(entry.path().filename().string());
    return names;
  }
  std::string Text(const std::string& name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static WallTime Day(int day) { return WallTime() + std::chrono::days(day); }

  const fs::path folder_ = fs::path(testing::TempDir()) / "log_file_test";
};

TEST_F(LogFileTest, StartsAnewWhenFull) {
  const auto file = Open({.bytes_max = 10});
  file->Write("12345678\n", Day(0));
  file->Write("next\n", Day(1));
  file->Flush();
  EXPECT_THAT(Files(), ElementsAre("cdc-1970-01-02T00-00-00.000.log", "cdc.log"));
  EXPECT_EQ(Text("cdc.log"), "next\n");
  EXPECT_EQ(Text("cdc-1970-01-02T00-00-00.000.log"), "12345678\n");
}

TEST_F(LogFileTest, GoesOnWithTheFileThatIsThere) {
  Open({.bytes_max = 10})->Write("12345678\n", Day(0));
  const auto file = Open({.bytes_max = 10});
  file->Write("9\n", Day(0));
  file->Flush();
  EXPECT_EQ(Files().size(), 2u);
}

TEST_F(LogFileTest, DeletesWhatIsTooOldOrTooMany) {
  const auto few = Open({.bytes_max = 1, .backups_max = 2});
  for (int day = 0; day < 5; ++day) few->Write("line\n", Day(day));
  few->Flush();
  EXPECT_THAT(Files(), UnorderedElementsAre("cdc.log", "cdc-1970-01-04T00-00-00.000.log",
                                            "cdc-1970-01-05T00-00-00.000.log"));
  const auto young = Open({.bytes_max = 1, .days_max = 1});
  young->Write("line\n", Day(5));
  EXPECT_THAT(Files(), UnorderedElementsAre("cdc.log", "cdc-1970-01-05T00-00-00.000.log",
                                            "cdc-1970-01-06T00-00-00.000.log"));
}

TEST_F(LogFileTest, SaysWhyItCannotBeOpened) {
  const auto file = LogFile::Open("/proc/no/such.log", {});
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message().find("/proc/no/such.log"), std::string_view::npos);
}

}  // namespace
}  // namespace cdc
