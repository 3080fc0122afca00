#include "edge/server/data_dir.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(DataDir, ADiskThatIsNearlyFullIsRefused) {
  EXPECT_TRUE(CheckDiskSpace("/d", 100, 1000).ok());
  const Status status = CheckDiskSpace("/d", 99, 1000);
  EXPECT_EQ(status.code(), Code::kCheckDir);
  EXPECT_NE(status.message().find("9.9% of the disk of data-dir /d"), std::string_view::npos)
      << status.ToString();
}

TEST(DataDir, IsMadeWithItsParents) {
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "data_dir_test";
  std::filesystem::remove_all(dir);
  const Status status = PrepareDataDir((dir / "a" / "b").string());
  // The disk of whoever runs this may be full.
  EXPECT_TRUE(status.ok() || status.message().find("is free") != std::string_view::npos);
  EXPECT_TRUE(std::filesystem::is_directory(dir / "a" / "b"));
  std::filesystem::remove_all(dir);
}

TEST(DataDir, AFileInItsPlaceIsRefused) {
  const std::string path = testing::TempDir() + "/data_dir_file";
  std::ofstream(path) << "x";
  EXPECT_EQ(PrepareDataDir(path + "/sub").code(), Code::kCheckDir);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace cdc
