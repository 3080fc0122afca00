// Kafka brokers inside the test's process: librdkafka's own mock of them, with its faults.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "dataflow/sink/kafka/handle.h"

// clang-format off: it wants rdkafka.h before it
#include <librdkafka/rdkafka_mock.h>
// clang-format on

namespace cdc {

struct StoredMessage {
  std::optional<std::string> key;
  std::optional<std::string> value;
};

class MockBrokers {
 public:
  static constexpr int kBrokers = 2;
  static constexpr int16_t kProduceRequest = 0;

  MockBrokers()
      : client_(MakeClient(RD_KAFKA_PRODUCER, MakeConf({}).value()).value()),
        cluster_(rd_kafka_mock_cluster_new(client_.get(), kBrokers)) {}
  ~MockBrokers() { rd_kafka_mock_cluster_destroy(cluster_); }

  std::string addresses() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void CreateTopic(const std::string& topic, int partitions) {
    const auto error = rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
    CDC_CHECK(error == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // The next produce requests get these answers, one each.
  void FailProduce(const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_, kProduceRequest, errors.size(),
                                            errors.data());
  }
  void SetLeader(const std::string& topic, int partition, int broker) {
    rd_kafka_mock_partition_set_leader(cluster_, topic.c_str(), partition, broker);
  }
  void SetRoundTrip(int ms) {
    for (int broker = 1; broker <= kBrokers; ++broker)
      rd_kafka_mock_broker_set_rtt(cluster_, broker, ms);
  }
  void Stop() {
    for (int broker = 1; broker <= kBrokers; ++broker)
      rd_kafka_mock_broker_set_down(cluster_, broker);
  }
  void Start() {
    for (int broker = 1; broker <= kBrokers; ++broker)
      rd_kafka_mock_broker_set_up(cluster_, broker);
  }

  // The first `count` messages of a partition; fewer if they don't come in time.
  std::vector<StoredMessage> Read(const std::string& topic, int partition, size_t count) {
    const ClientHandle consumer =
        MakeClient(RD_KAFKA_CONSUMER, MakeConf({{"bootstrap.servers", addresses()}}).value())
            .value();
    const TopicHandle handle(rd_kafka_topic_new(consumer.get(), topic.c_str(), nullptr));
    rd_kafka_consume_start(handle.get(), partition, RD_KAFKA_OFFSET_BEGINNING);
    std::vector<StoredMessage> out;
    const SteadyTime deadline = SystemClock().Now() + 20s;
    while (out.size() < count && SystemClock().Now() < deadline) {
      const MessageHandle message(rd_kafka_consume(handle.get(), partition, 100));
      if (!message || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      out.push_back({Text(message->key, message->key_len), Text(message->payload, message->len)});
    }
    rd_kafka_consume_stop(handle.get(), partition);
    return out;
  }

 private:
  static std::optional<std::string> Text(const void* data, size_t size) {
    if (data == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(data), size);
  }

  ClientHandle client_;
  rd_kafka_mock_cluster_t* cluster_;  // lives on client_'s threads
};

}  // namespace cdc
