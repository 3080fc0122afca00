// Questions to Kafka brokers about topics, and their creation.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"

namespace cdc {

struct TopicMetadata {
  int32_t partitions = 0;
  int32_t replicas = 0;  // of the partition that has fewest
};

// All calls block, at most about the read timeout. Thread-safe.
// Errors: kKafkaAuthorization, kKafkaAdmin; those that may pass by themselves have kDeadline.
class KafkaAdmin {
 public:
  static Result<std::unique_ptr<KafkaAdmin>> Open(const KafkaSinkConfig& config);
  virtual ~KafkaAdmin() = default;

  // nullopt: there is no such topic. Never makes one, whatever the brokers' settings.
  virtual Result<std::optional<TopicMetadata>> Describe(const std::string& topic) = 0;
  // nullopt: the broker has no such key.
  virtual Result<std::optional<std::string>> TopicConfig(const std::string& topic,
                                                         const std::string& key) = 0;
  virtual Result<std::optional<std::string>> BrokerConfig(const std::string& key) = 0;
  // Ok also if the topic is there by now. Errors: kKafkaCreateTopic with the brokers' answer.
  virtual Status CreateTopic(const std::string& topic, int32_t partitions,
                             int16_t replication_factor) = 0;
};

}  // namespace cdc
