#include "dataflow/sink/kafka/kafka_admin.h"

#include <array>
#include <limits>
#include <mutex>
#include <utility>

#include "dataflow/sink/kafka/handle.h"

namespace cdc {
namespace {

using OptionalText = std::optional<std::string>;

bool MayPass(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
      return true;
    default:
      return false;
  }
}

Status AdminError(rd_kafka_resp_err_t error, std::string_view what) {
  return KafkaError(error, MayPass(error) ? Code::kDeadline : Code::kKafkaAdmin, what);
}

// What connections failed by for good, as librdkafka tells it beside the requests that time out.
class ConnectionTrouble {
 public:
  static void OnError(rd_kafka_t*, int error, const char* reason, void* opaque) {
    auto* self = static_cast<ConnectionTrouble*>(opaque);
    const bool for_good =
        error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL;
    if (!for_good) return;
    std::lock_guard lock(self->mutex_);
    self->reason_ = reason;
  }
  // In place of `status`, if it is one that trying again would not help.
  Status Explain(Status status) {
    std::lock_guard lock(mutex_);
    if (status.code() != Code::kDeadline || reason_.empty()) return status;
    return Status(Code::kKafkaAuthorization, "{}: {}", status.message(),
                  std::exchange(reason_, ""));
  }

 private:
  std::mutex mutex_;  // guards reason_
  std::string reason_;
};

std::optional<TopicMetadata> FromMetadata(const rd_kafka_metadata_topic_t& topic) {
  TopicMetadata out{.partitions = topic.partition_cnt,
                    .replicas = std::numeric_limits<int32_t>::max()};
  for (int i = 0; i < topic.partition_cnt; ++i)
    out.replicas = std::min<int32_t>(out.replicas, topic.partitions[i].replica_cnt);
  return out;
}

// Owns a client of the consumer kind: a producer's metadata requests would make missing topics
// where brokers allow that.
class RdKafkaAdmin final : public KafkaAdmin {
 public:
  RdKafkaAdmin(std::unique_ptr<ConnectionTrouble> trouble, ClientHandle client,
               std::chrono::milliseconds timeout)
      : trouble_(std::move(trouble)),
        client_(std::move(client)),
        timeout_ms_(static_cast<int>(timeout.count())) {}

  Result<std::optional<TopicMetadata>> Describe(const std::string& topic) override {
    const std::string what = fmt::format("metadata of topic {}", topic);
    const TopicHandle handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
    if (!handle) return Unexpected(AdminError(rd_kafka_last_error(), what));
    const rd_kafka_metadata_t* raw = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_.get(), /*all_topics=*/0, handle.get(), &raw, timeout_ms_);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Unexpected(Explained(error, what));
    const MetadataHandle metadata(raw);
    if (raw->topic_cnt != 1) return Error(Code::kKafkaAdmin, "{}: no answer for it", what);
    const rd_kafka_metadata_topic_t& answer = raw->topics[0];
    if (answer.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return std::nullopt;
    if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) return Unexpected(AdminError(answer.err, what));
    return FromMetadata(answer);
  }

  Result<OptionalText> TopicConfig(const std::string& topic, const std::string& key) override {
    return Config(RD_KAFKA_RESOURCE_TOPIC, topic, key);
  }

  Result<OptionalText> BrokerConfig(const std::string& key) override {
    const int32_t broker = rd_kafka_controllerid(client_.get(), timeout_ms_);
    if (broker < 0) return Error(Code::kDeadline, "the Kafka cluster tells no controller");
    return Config(RD_KAFKA_RESOURCE_BROKER, std::to_string(broker), key);
  }

  Status CreateTopic(const std::string& topic, int32_t partitions,
                     int16_t replication_factor) override {
    std::array<char, kKafkaErrorTextBytes> text{};
    const NewTopicHandle request(rd_kafka_NewTopic_new(
        topic.c_str(), partitions, replication_factor, text.data(), text.size()));
    if (!request) return Status(Code::kKafkaCreateTopic, "topic {}: {}", topic, text.data());
    rd_kafka_NewTopic_t* requests[] = {request.get()};
    const QueueHandle queue(rd_kafka_queue_new(client_.get()));
    const AdminOptionsHandle options = Options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(client_.get(), requests, 1, options.get(), queue.get());
    const std::string what = fmt::format("creating topic {}", topic);
    ASSIGN_OR_RETURN_STATUS(const EventHandle event, Await(*queue, what));
    size_t count = 0;
    const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event.get()), &count);
    if (count != 1) return Status(Code::kKafkaAdmin, "{}: no answer for it", what);
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      return Status::Ok();
    if (MayPass(error)) return AdminError(error, what);
    const char* reason = rd_kafka_topic_result_error_string(results[0]);
    return KafkaError(error, Code::kKafkaCreateTopic,
                      reason == nullptr ? what : fmt::format("{} ({})", what, reason));
  }

 private:
  AdminOptionsHandle Options(rd_kafka_admin_op_t operation) {
    AdminOptionsHandle options(rd_kafka_AdminOptions_new(client_.get(), operation));
    rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms_, nullptr, 0);
    if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS)
      rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout_ms_, nullptr, 0);
    return options;
  }

  // The answer to the one request whose result goes to this queue.
  Result<EventHandle> Await(rd_kafka_queue_t& queue, const std::string& what) {
    // The request's own timeout comes first.
    EventHandle event(rd_kafka_queue_poll(&queue, timeout_ms_ * 2 + 1000));
    if (!event) return Error(Code::kDeadline, "{}: no answer in time", what);
    if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return Unexpected(Explained(rd_kafka_event_error(event.get()), what));
    return event;
  }

  Status Explained(rd_kafka_resp_err_t error, const std::string& what) {
    rd_kafka_poll(client_.get(), 0);  // calls OnError
    return trouble_->Explain(AdminError(error, what));
  }

  Result<OptionalText> Config(rd_kafka_ResourceType_t type, const std::string& name,
                              const std::string& key) {
    const ConfigResourceHandle resource(rd_kafka_ConfigResource_new(type, name.c_str()));
    rd_kafka_ConfigResource_t* resources[] = {resource.get()};
    const QueueHandle queue(rd_kafka_queue_new(client_.get()));
    const AdminOptionsHandle options = Options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(client_.get(), resources, 1, options.get(), queue.get());
    const std::string what =
        fmt::format("configuration of {} {}", rd_kafka_ResourceType_name(type), name);
    ASSIGN_OR_RETURN(const EventHandle event, Await(*queue, what));
    size_t count = 0;
    const rd_kafka_ConfigResource_t** answers = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    if (count != 1) return Error(Code::kKafkaAdmin, "{}: no answer for it", what);
    const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(answers[0]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Unexpected(AdminError(error, what));
    const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(answers[0], &count);
    for (size_t i = 0; i < count; ++i) {
      if (rd_kafka_ConfigEntry_name(entries[i]) != key) continue;
      const char* value = rd_kafka_ConfigEntry_value(entries[i]);
      if (value != nullptr) return OptionalText(value);
    }
    return OptionalText();
  }

  const std::unique_ptr<ConnectionTrouble> trouble_;  // the client's callback uses it
  const ClientHandle client_;
  const int timeout_ms_;
};

}  // namespace

Result<std::unique_ptr<KafkaAdmin>> KafkaAdmin::Open(const KafkaSinkConfig& config) {
  ASSIGN_OR_RETURN(ConfHandle conf, MakeConf(ClientProperties(config)));
  auto trouble = std::make_unique<ConnectionTrouble>();
  rd_kafka_conf_set_opaque(conf.get(), trouble.get());
  rd_kafka_conf_set_error_cb(conf.get(), ConnectionTrouble::OnError);
  ASSIGN_OR_RETURN(ClientHandle client, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  return std::make_unique<RdKafkaAdmin>(std::move(trouble), std::move(client), config.read_timeout);
}

}  // namespace cdc
