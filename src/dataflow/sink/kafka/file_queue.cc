#include "dataflow/sink/kafka/file_queue.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#include "dataflow/sink/kafka/message_line.h"

namespace cdc {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

class FileQueueImpl final : public MessageQueue {
 public:
  FileQueueImpl(File file, std::string path, int32_t partitions, size_t message_bytes_max)
      : path_(std::move(path)),
        partitions_(partitions),
        message_bytes_max_(message_bytes_max),
        file_(std::move(file)) {}

  Result<const QueueTopic*> OpenTopic(const std::string& name, std::stop_token) override {
    std::lock_guard lock(mutex_);
    auto& topic = topics_[name];
    if (topic == nullptr) {
      topic = std::make_unique<QueueTopic>();
      topic->name = name;
      topic->partitions = partitions_;
      topic->message_bytes_max = message_bytes_max_;
    }
    return topic.get();
  }

  const QueueTopic* FindTopic(const std::string& name) const override {
    std::lock_guard lock(mutex_);
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second.get();
  }

  std::vector<const QueueTopic*> OpenTopics() const override {
    std::lock_guard lock(mutex_);
    std::vector<const QueueTopic*> topics;
    for (const auto& [name, topic] : topics_) topics.push_back(topic.get());
    return topics;
  }

  void Send(const QueueTopic& topic, int32_t partition, std::span<Message> messages,
            Delivery* delivery) override {
    for (const Message& message : messages) delivery->Finish(Append(topic, partition, message));
  }

  MemoryQuota& quota() override { return quota_; }
  Status CheckTopics() override { return Status::Ok(); }

 private:
  Status Append(const QueueTopic& topic, int32_t partition, const Message& message) {
    std::lock_guard lock(mutex_);
    line_.clear();
    AppendMessageLine(topic.name, partition, offsets_[{topic.name, partition}]++, message.key,
                      message.value, &line_);
    if (std::fwrite(line_.data(), 1, line_.size(), file_.get()) == line_.size())
      return Status::Ok();
    return Status(Code::kKafkaSend, "writing {}: {}", path_, std::strerror(errno));
  }

  const std::string path_;
  const int32_t partitions_;
  const size_t message_bytes_max_;
  MemoryQuota quota_{KafkaSinkConfig::kQueueBytes};  // nothing is ever under way

  mutable std::mutex mutex_;  // guards all below
  File file_;
  std::string line_;
  std::map<std::pair<std::string, int32_t>, int64_t> offsets_;
  std::map<std::string, std::unique_ptr<QueueTopic>> topics_;
};

}  // namespace

Result<std::unique_ptr<MessageQueue>> FileQueue::Open(const KafkaSinkConfig& config,
                                                      const std::string& path) {
  File file(std::fopen(path.c_str(), "wb"));
  if (file == nullptr)
    return Error(Code::kSinkConfig, "cannot write {}: {}", path, std::strerror(errno));
  auto queue = std::make_unique<FileQueueImpl>(
      std::move(file), path, config.partition_num.value_or(KafkaSinkConfig::kDefaultPartitions),
      config.codec.max_batch_bytes);
  if (auto topic = queue->OpenTopic(config.topic, {}); !topic) return Unexpected(topic.error());
  return queue;
}

}  // namespace cdc
