#include "edge/consumer/progress_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "edge/consumer/json_reader.h"

namespace cdc {
namespace {

Status Failed(const char* what, const std::string& file) {
  return Status(Code::kUnexpected, "{} {}: {}", what, file, std::strerror(errno));
}

Status WriteDurably(const std::string& file, const std::string& text) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Failed("cannot write", file);
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  Status status = written ? Status::Ok() : Failed("cannot write", file);
  close(fd);
  return status;
}

}  // namespace

Result<Progress> LoadProgress(const std::string& file) {
  Progress progress;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return progress;
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  auto json = ParseObject(text.str());
  if (!json) return Unexpected(json.error().WithContext(file));
  progress.resolved = Ts(NumberOf(*json, "resolved"));
  const nlohmann::json& partitions = Member(*json, "partitions");
  if (!partitions.is_array()) return Error(Code::kDecode, "{}: no partitions", file);
  for (const nlohmann::json& item : partitions) {
    const TopicPartition partition{TextOf(item, "topic"),
                                   static_cast<int32_t>(NumberOf(item, "partition"))};
    progress.positions[partition] = {static_cast<int64_t>(NumberOf(item, "offset")),
                                     Ts(NumberOf(item, "watermark"))};
  }
  return progress;
}

Status SaveProgress(const std::string& file, const Progress& progress) {
  nlohmann::json partitions = nlohmann::json::array();
  for (const auto& [name, position] : progress.positions)
    partitions.push_back({{"topic", name.topic},
                          {"partition", name.partition},
                          {"offset", position.offset},
                          {"watermark", position.watermark.raw()}});
  const nlohmann::json json = {{"resolved", progress.resolved.raw()}, {"partitions", partitions}};
  const std::string next = file + ".next";
  RETURN_IF_ERROR(WriteDurably(next, json.dump() + "\n"));
  if (std::rename(next.c_str(), file.c_str()) != 0) return Failed("cannot replace", file);
  return Status::Ok();
}

}  // namespace cdc
