#include "dataflow/sink/kafka/topic_manager.h"

#include <charconv>

#include "base/backoff.h"
#include "base/log.h"

namespace cdc {
namespace {

constexpr BackoffConfig kBackoff{.first = 100ms, .max = 1s};
// As long as TiCDC tries metadata requests.
constexpr Duration kPatience = 60s;
// A record batch's header, and the numbers around a record: a message that just fits by its own
// size must not make a batch that does not.
constexpr size_t kBatchOverhead = 128;

std::optional<int64_t> AsNumber(const std::optional<std::string>& text) {
  int64_t number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

// Runs `call` until it succeeds, fails for good, or patience ends.
template <typename Call>
auto Patiently(Clock& clock, std::stop_token stop, Call call) {
  const SteadyTime end = clock.Now() + kPatience;
  Backoff backoff(kBackoff);
  while (true) {
    auto result = call();
    if (result || result.error().code() != Code::kDeadline || clock.Now() >= end) return result;
    static LogLimiter limiter(10s);
    if (limiter.Allow())
      LogWarn("kafka request failed, trying again, error=\"{}\"", result.error().ToString());
    if (!clock.SleepFor(backoff.Next(), stop)) return result;
  }
}

}  // namespace

Result<TopicUse> TopicManager::Open(const std::string& topic, std::stop_token stop) {
  ASSIGN_OR_RETURN(const TopicMetadata metadata, DescribeOrCreate(topic, stop));
  RETURN_UNEXPECTED_IF_ERROR(CheckReplicas(topic, metadata));
  TopicUse use;
  ASSIGN_OR_RETURN(use.partitions, PartitionsToUse(topic, metadata));
  use.message_bytes_max = MessageBytesMax(topic);
  std::lock_guard lock(mutex_);
  partitions_[topic] = metadata.partitions;
  return use;
}

Result<TopicMetadata> TopicManager::DescribeOrCreate(const std::string& topic,
                                                     std::stop_token stop) {
  const auto describe = [&] { return admin_.Describe(topic); };
  ASSIGN_OR_RETURN(std::optional<TopicMetadata> metadata, Patiently(clock_, stop, describe));
  if (metadata) return *metadata;
  RETURN_UNEXPECTED_IF_ERROR(Create(topic, stop));
  // Brokers learn of a new topic one after the other.
  const auto describe_new = [&]() -> Result<TopicMetadata> {
    ASSIGN_OR_RETURN(const std::optional<TopicMetadata> made, admin_.Describe(topic));
    if (!made) return Error(Code::kDeadline, "topic {} was created and is not there yet", topic);
    return *made;
  };
  return Patiently(clock_, stop, describe_new);
}

Status TopicManager::Create(const std::string& topic, std::stop_token stop) {
  if (!config_.auto_create_topic)
    return Status(Code::kKafkaTopicMissing, "topic {} is not there and auto-create-topic is false",
                  topic);
  // The new topic takes this over from the broker; TiCDC's check before it makes one.
  if (config_.required_acks == -1) {
    const auto broker = admin_.BrokerConfig("min.insync.replicas");
    const auto min_insync = broker ? AsNumber(*broker) : std::nullopt;
    if (min_insync && config_.replication_factor < *min_insync)
      return Status(Code::kKafkaConfig,
                    "replication-factor {} is below the brokers' min.insync.replicas {}: no "
                    "message to topic {} would be acknowledged with required-acks=-1",
                    config_.replication_factor, *min_insync, topic);
  }
  const int32_t partitions = config_.partition_num.value_or(KafkaSinkConfig::kDefaultPartitions);
  const auto create = [&]() -> Result<bool> {
    RETURN_UNEXPECTED_IF_ERROR(admin_.CreateTopic(topic, partitions, config_.replication_factor));
    return true;
  };
  if (auto created = Patiently(clock_, stop, create); !created) return created.error();
  LogInfo("kafka topic created, topic={} partitions={} replication_factor={}", topic, partitions,
          config_.replication_factor);
  return Status::Ok();
}

Status TopicManager::CheckReplicas(const std::string& topic, const TopicMetadata& metadata) {
  if (config_.required_acks != -1) return Status::Ok();
  const auto answer = admin_.TopicConfig(topic, "min.insync.replicas");
  const auto min_insync = answer ? AsNumber(*answer) : std::nullopt;
  if (!min_insync || metadata.replicas >= *min_insync) return Status::Ok();
  return Status(Code::kKafkaConfig,
                "topic {} has {} replicas, below its min.insync.replicas {}: no message would be "
                "acknowledged with required-acks=-1",
                topic, metadata.replicas, *min_insync);
}

Result<int32_t> TopicManager::PartitionsToUse(const std::string& topic,
                                              const TopicMetadata& metadata) const {
  if (topic != config_.topic || !config_.partition_num) return metadata.partitions;
  if (*config_.partition_num > metadata.partitions)
    return Error(Code::kKafkaConfig, "partition-num is {}, but topic {} has {} partitions",
                 *config_.partition_num, topic, metadata.partitions);
  if (*config_.partition_num < metadata.partitions)
    LogWarn("kafka topic has more partitions than are used, topic={} partitions={} used={}", topic,
            metadata.partitions, *config_.partition_num);
  return *config_.partition_num;
}

size_t TopicManager::MessageBytesMax(const std::string& topic) {
  auto answer = admin_.TopicConfig(topic, "max.message.bytes");
  std::optional<int64_t> limit = answer ? AsNumber(*answer) : std::nullopt;
  if (!limit) {
    answer = admin_.BrokerConfig("message.max.bytes");
    if (answer) limit = AsNumber(*answer);
  }
  if (limit && *limit > static_cast<int64_t>(kBatchOverhead))
    return static_cast<size_t>(*limit) - kBatchOverhead;
  LogWarn(
      "kafka topic does not tell its max.message.bytes, max-message-bytes holds, topic={} bytes={} "
      "error=\"{}\"",
      topic, config_.codec.max_batch_bytes, answer ? "" : answer.error().ToString());
  return config_.codec.max_batch_bytes;
}

Status TopicManager::Check() {
  std::map<std::string, int32_t> known;
  {
    std::lock_guard lock(mutex_);
    known = partitions_;
  }
  for (const auto& [topic, partitions] : known) {
    const auto metadata = admin_.Describe(topic);
    if (!metadata) continue;
    if (!*metadata)
      return Status(Code::kKafkaTopicMissing, "topic {} is not there any more", topic);
    const bool fixed = topic == config_.topic && config_.partition_num;
    if ((*metadata)->partitions > partitions && !fixed)
      return Status(Code::kKafkaPartitions,
                    "topic {} has {} partitions now, {} when it was opened: a restart uses them",
                    topic, (*metadata)->partitions, partitions);
  }
  return Status::Ok();
}

}  // namespace cdc
