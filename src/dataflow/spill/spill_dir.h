// A directory of this process alone, gone when the process is.
#pragma once

#include <string>

#include "base/status.h"

namespace cdc {

// Made below a directory that several processes may share. A lock tells the directories of those
// that run from what a crash left behind.
class SpillDir {
 public:
  // Removes what processes that are no more left in `parent`.
  static Result<SpillDir> Make(const std::string& parent);
  ~SpillDir();  // removes the directory
  SpillDir(SpillDir&& other) noexcept;
  SpillDir& operator=(SpillDir&&) = delete;

  const std::string& path() const { return path_; }
  // Of the disk that it lies on; UINT64_MAX if that cannot be found out.
  uint64_t disk_bytes_free() const;

 private:
  SpillDir(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
};

}  // namespace cdc
