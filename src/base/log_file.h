// A log file that starts anew when it is full.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace cdc {

struct LogFileLimits {
  uint64_t bytes_max = uint64_t{300} << 20;
  int days_max = 0;     // of a full file; 0: kept for ever
  int backups_max = 0;  // full files beside the current one; 0: any number
};

// The current file is `path`; a full one is renamed to `<name>-<time>.<extension>`, after which
// those that are too old or too many are deleted. An existing file is continued. Not thread-safe.
class LogFile {
 public:
  // Makes the folder if need be.
  static Result<std::unique_ptr<LogFile>> Open(std::string path, LogFileLimits limits);

  // A line that does not fit into an empty file is written all the same. `now` names the full file.
  void Write(std::string_view text, WallTime now);
  void Flush() { std::fflush(file_.get()); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  LogFile(std::string path, LogFileLimits limits) : path_(std::move(path)), limits_(limits) {}
  Status Reopen();
  void Rotate(WallTime now);
  void DeleteOld(WallTime now) const;

  const std::string path_;
  const LogFileLimits limits_;
  std::unique_ptr<std::FILE, Close> file_;
  uint64_t bytes_ = 0;  // of the current file
};

}  // namespace cdc
