// Reads messages of topics back, partition by partition: for cdc-kafka-consumer and tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"

namespace cdc {

struct ReadMessage {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
};

// Reads the partitions it is told to, without a consumer group. librdkafka fetches ahead, up to a
// limit of bytes. Threads: one at a time.
// Errors: kKafkaTopicMissing; kKafkaPartitions where messages from the asked offset on are gone;
// kKafkaAuthorization. What may pass is tried again for ever, by librdkafka.
class TopicReader {
 public:
  static Result<std::unique_ptr<TopicReader>> Open(const KafkaSinkConfig& config);
  virtual ~TopicReader() = default;

  // All topics and how many partitions each has. kDeadline if brokers do not answer.
  virtual Result<std::map<std::string, int32_t>> Topics() = 0;
  // From `offset` on; nullopt: from the first message there is.
  virtual Status Start(const std::string& topic, int32_t partition,
                       std::optional<int64_t> offset) = 0;
  // Whether `next_offset` is behind the last message that is there now. kDeadline if brokers do not
  // answer.
  virtual Result<bool> AtEnd(const std::string& topic, int32_t partition, int64_t next_offset) = 0;
  virtual Status SetPaused(const std::string& topic, int32_t partition, bool paused) = 0;
  // The next message of any partition; nullopt if none came in time.
  virtual Result<std::optional<ReadMessage>> Poll(std::chrono::milliseconds timeout) = 0;
};

}  // namespace cdc
