#include "dataflow/spill/spill_dir.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"

namespace cdc {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "run-";
constexpr char kLockFile[] = "lock";

// -1 if another one holds it.
int TryLock(const fs::path& file) {
  const int fd = open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return -1;
}

void RemoveLeftOnes(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    const int lock = TryLock(entry.path() / kLockFile);
    if (lock < 0) continue;
    LogInfo("removing {}, which a process that ended left behind", entry.path().string());
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
    close(lock);
  }
}

}  // namespace

Result<SpillDir> SpillDir::Make(const std::string& parent) {
  static std::atomic<uint64_t> next{1};
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) return Error(Code::kCheckDir, "cannot create {}: {}", parent, error.message());
  RemoveLeftOnes(parent);
  const std::string name = fmt::format("{}-{}", getpid(), next++);
  const fs::path path = fs::path(parent) / (kPrefix + name);
  // Named so that others look at it only once it is locked.
  const fs::path unlocked = fs::path(parent) / ("new-" + name);
  fs::create_directory(unlocked, error);
  if (error)
    return Error(Code::kCheckDir, "cannot create {}: {}", unlocked.string(), error.message());
  const int lock = TryLock(unlocked / kLockFile);
  if (lock < 0)
    return Error(Code::kCheckDirWritable, "cannot lock {}: {}", unlocked.string(), strerror(errno));
  fs::rename(unlocked, path, error);
  if (error) {
    close(lock);
    return Error(Code::kCheckDir, "cannot create {}: {}", path.string(), error.message());
  }
  return SpillDir(path.string(), lock);
}

SpillDir::~SpillDir() {
  if (lock_ < 0) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  close(lock_);
}

SpillDir::SpillDir(SpillDir&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

uint64_t SpillDir::disk_bytes_free() const {
  struct statvfs disk{};
  if (statvfs(path_.c_str(), &disk) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

}  // namespace cdc
