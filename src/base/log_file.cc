#include "base/log_file.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

namespace cdc {
namespace {

namespace fs = std::filesystem;

std::string TimeName(WallTime now) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const time_t seconds = ms / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &utc);
  return fmt::format("{}.{:03}", text, ms % 1000);
}

struct Backup {
  fs::path path;
  std::string time;  // sorts as the times do
};

// Full files of `path`, the youngest first.
std::vector<Backup> Backups(const fs::path& path) {
  const std::string prefix = path.stem().string() + "-";
  const std::string extension = path.extension().string();
  const size_t length = TimeName({}).size();
  std::vector<Backup> backups;
  std::error_code error;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.size() != prefix.size() + length + extension.size() || !name.starts_with(prefix) ||
        !name.ends_with(extension))
      continue;
    backups.push_back({it->path(), name.substr(prefix.size(), length)});
  }
  std::ranges::sort(backups, std::greater(), &Backup::time);
  return backups;
}

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::Open(std::string path, LogFileLimits limits) {
  std::error_code error;
  if (const fs::path folder = fs::path(path).parent_path(); !folder.empty())
    fs::create_directories(folder, error);
  std::unique_ptr<LogFile> file(new LogFile(std::move(path), limits));
  RETURN_UNEXPECTED_IF_ERROR(file->Reopen());
  return file;
}

Status LogFile::Reopen() {
  file_.reset(std::fopen(path_.c_str(), "ae"));
  if (!file_)
    return Status(Code::kInvalidServerOption, "cannot open the log file {}: {}", path_,
                  std::generic_category().message(errno));
  std::error_code error;
  const uint64_t bytes = fs::file_size(path_, error);
  bytes_ = error ? 0 : bytes;
  return Status::Ok();
}

void LogFile::Write(std::string_view text, WallTime now) {
  if (bytes_ != 0 && bytes_ + text.size() > limits_.bytes_max) Rotate(now);
  bytes_ += std::fwrite(text.data(), 1, text.size(), file_.get());
}

// When the file cannot be renamed it goes on growing: better than losing lines.
void LogFile::Rotate(WallTime now) {
  const fs::path path(path_);
  const fs::path full =
      path.parent_path() / (path.stem().string() + "-" + TimeName(now) + path.extension().string());
  std::error_code error;
  std::fflush(file_.get());
  fs::rename(path, full, error);
  if (error) return;
  auto previous = std::move(file_);
  if (!Reopen().ok()) file_ = std::move(previous);
  DeleteOld(now);
}

void LogFile::DeleteOld(WallTime now) const {
  const std::string oldest =
      limits_.days_max > 0 ? TimeName(now - std::chrono::days(limits_.days_max)) : "";
  int kept = 0;
  for (const Backup& backup : Backups(path_)) {
    const bool too_many = limits_.backups_max > 0 && kept >= limits_.backups_max;
    const bool too_old = backup.time < oldest;
    std::error_code error;
    if (too_many || too_old)
      fs::remove(backup.path, error);
    else
      ++kept;
  }
}

}  // namespace cdc
