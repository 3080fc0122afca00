#include "edge/server/data_dir.h"

#include <algorithm>
#include <filesystem>

#include <sys/statvfs.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"

namespace cdc {
namespace {

constexpr double kFreePartMin = 0.1;
constexpr uint64_t kBytesWanted = uint64_t{500} * 1000 * 1000 * 1000;

}  // namespace

Status PrepareDataDir(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return Status(Code::kCheckDir, "cannot create data-dir {}: {}", dir, error.message());
  if (access(dir.c_str(), R_OK | W_OK | X_OK) != 0)
    return Status(Code::kCheckDirWritable, "data-dir {} is not writable", dir);
  if (FailPoint("InjectCheckDataDirSatisfied")) return Status::Ok();
  struct statvfs disk{};
  if (statvfs(dir.c_str(), &disk) != 0)
    return Status(Code::kCheckDir, "cannot examine data-dir {}", dir);
  const uint64_t bytes_free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  RETURN_IF_ERROR(
      CheckDiskSpace(dir, bytes_free, static_cast<uint64_t>(disk.f_blocks) * disk.f_frsize));
  if (bytes_free < kBytesWanted)
    LogWarn("data-dir {} has {} GB free, 500 GB are recommended", dir, bytes_free / 1'000'000'000);
  return Status::Ok();
}

Status CheckDiskSpace(const std::string& dir, uint64_t bytes_free, uint64_t bytes_total) {
  const double free_part =
      static_cast<double>(bytes_free) / static_cast<double>(std::max<uint64_t>(1, bytes_total));
  if (free_part >= kFreePartMin) return Status::Ok();
  return Status(Code::kCheckDir,
                "only {:.1f}% of the disk of data-dir {} is free, {:.0f}% is the least",
                free_part * 100, dir, kFreePartMin * 100);
}

}  // namespace cdc
