#include "dataflow/codec/claim_check.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "model/uuid.h"

namespace cdc {
namespace {

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

Status Failed(std::string_view what, const std::string& path) {
  return Status(Code::kClaimCheck, "{} {}: {}", what, path, std::strerror(errno));
}

Status WriteDurably(const std::string& path, std::string_view content) {
  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0) return Failed("create", path);
  while (!content.empty()) {
    const ssize_t written = write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(file.get()) != 0) return Failed("sync", path);
  return Status::Ok();
}

class FileStore final : public ClaimCheckStore {
 public:
  explicit FileStore(std::string directory) : directory_(std::move(directory)) {}

  // Under another name first: no reader finds half a message.
  Result<std::string> Put(std::string_view content) override {
    const std::string path = directory_ + "/" + MakeUuid() + ".json";
    const std::string unfinished = path + ".tmp";
    RETURN_UNEXPECTED_IF_ERROR(WriteDurably(unfinished, content));
    if (rename(unfinished.c_str(), path.c_str()) != 0) return Unexpected(Failed("rename", path));
    const File directory(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0 || fsync(directory.get()) != 0)
      return Unexpected(Failed("sync", directory_));
    return "file://" + path;
  }

 private:
  const std::string directory_;
};

}  // namespace

Result<std::unique_ptr<ClaimCheckStore>> ClaimCheckStore::Open(const std::string& uri) {
  constexpr std::string_view kFile = "file://";
  if (uri.empty()) return Error(Code::kSinkConfig, "claim-check needs claim-check-storage-uri");
  if (!uri.starts_with(kFile)) {
    const std::string scheme = uri.substr(0, uri.find(':'));
    return Error(Code::kNotSupported,
                 "claim-check-storage-uri: {} is not there yet, only file:///directory", scheme);
  }
  std::string directory = uri.substr(kFile.size(), uri.find('?') - kFile.size());
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (!directory.starts_with('/'))
    return Error(Code::kSinkConfig, "claim-check-storage-uri needs an absolute path: file:///…");
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure)
    return Error(Code::kClaimCheck, "create directory {}: {}", directory, failure.message());
  return std::make_unique<FileStore>(std::move(directory));
}

}  // namespace cdc
