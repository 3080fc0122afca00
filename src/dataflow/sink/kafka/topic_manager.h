// Decides how a topic is used: finds or makes it, learns its limits, checks it against the sink's
// configuration.
#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "dataflow/sink/kafka/kafka_admin.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"

namespace cdc {

struct TopicUse {
  int32_t partitions = 0;        // that messages go to
  size_t message_bytes_max = 0;  // of one message
};

// Remembers each topic that it has opened. Thread-safe; Open blocks and is meant for one thread at
// a time.
class TopicManager {
 public:
  // All outlive the manager.
  TopicManager(const KafkaSinkConfig& config, KafkaAdmin& admin, Clock& clock)
      : config_(config), admin_(admin), clock_(clock) {}

  // What may pass by itself is tried again for a while. Errors: kKafkaTopicMissing,
  // kKafkaCreateTopic, kKafkaAuthorization, kKafkaAdmin; kKafkaConfig where the topic contradicts
  // the configuration (fewer partitions than partition-num, fewer replicas than
  // min.insync.replicas).
  Result<TopicUse> Open(const std::string& topic, std::stop_token stop);

  // Whether the topics are as they were. Errors: kKafkaPartitions, kKafkaTopicMissing; what cannot
  // be found out now counts as unchanged.
  Status Check();

 private:
  Result<TopicMetadata> DescribeOrCreate(const std::string& topic, std::stop_token stop);
  Status Create(const std::string& topic, std::stop_token stop);
  Status CheckReplicas(const std::string& topic, const TopicMetadata& metadata);
  Result<int32_t> PartitionsToUse(const std::string& topic, const TopicMetadata& metadata) const;
  size_t MessageBytesMax(const std::string& topic);

  const KafkaSinkConfig& config_;
  KafkaAdmin& admin_;
  Clock& clock_;
  std::mutex mutex_;                           // guards partitions_
  std::map<std::string, int32_t> partitions_;  // of opened topics, as the brokers say
};

}  // namespace cdc
