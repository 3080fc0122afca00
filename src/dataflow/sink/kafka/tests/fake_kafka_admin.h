// Brokers' answers about topics, made up.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataflow/sink/kafka/kafka_admin.h"

namespace cdc {

// Not thread-safe: set up before use. `topics` and `config` are what the brokers have.
class FakeKafkaAdmin : public KafkaAdmin {
 public:
  Result<std::optional<TopicMetadata>> Describe(const std::string& topic) override {
    if (failures_before_answer > 0) {
      --failures_before_answer;
      return Unexpected(failure);
    }
    const auto found = topics.find(topic);
    if (found == topics.end()) return std::nullopt;
    if (hidden_describes > 0) {
      --hidden_describes;
      return std::nullopt;
    }
    return found->second;
  }
  Result<std::optional<std::string>> TopicConfig(const std::string& topic,
                                                 const std::string& key) override {
    return Config(topic + "/" + key);
  }
  Result<std::optional<std::string>> BrokerConfig(const std::string& key) override {
    return Config(key);
  }
  Status CreateTopic(const std::string& topic, int32_t partitions,
                     int16_t replication_factor) override {
    if (!create_error.ok()) return create_error;
    created.push_back(fmt::format("{}:{}x{}", topic, partitions, replication_factor));
    topics[topic] = {.partitions = partitions, .replicas = replication_factor};
    return Status::Ok();
  }

  std::map<std::string, TopicMetadata> topics;
  std::map<std::string, std::string> config;  // "topic/key" and "key" of the broker
  Status config_error;                        // for all questions about configuration
  int failures_before_answer = 0;             // so many Describes end in `failure`
  Status failure = Status(Code::kDeadline, "no broker answers");
  int hidden_describes = 0;  // so many Describes do not see a topic yet
  Status create_error;
  std::vector<std::string> created;  // "topic:partitions x replicas"

 private:
  Result<std::optional<std::string>> Config(const std::string& key) {
    if (!config_error.ok()) return Unexpected(config_error);
    const auto found = config.find(key);
    if (found == config.end()) return std::nullopt;
    return found->second;
  }
};

}  // namespace cdc
