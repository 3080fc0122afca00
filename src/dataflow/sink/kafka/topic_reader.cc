#include "dataflow/sink/kafka/topic_reader.h"

#include "base/log.h"
#include "dataflow/sink/kafka/client_properties.h"
#include "dataflow/sink/kafka/handle.h"

namespace cdc {
namespace {

using PartitionListHandle =
    KafkaHandle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

std::optional<std::string> Copy(const void* bytes, size_t size) {
  if (bytes == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(bytes), size);
}

class RdKafkaReader final : public TopicReader {
 public:
  RdKafkaReader(ClientHandle client, std::chrono::milliseconds timeout)
      : client_(std::move(client)),
        queue_(rd_kafka_queue_new(client_.get())),
        timeout_ms_(static_cast<int>(timeout.count())) {}

  ~RdKafkaReader() override {
    for (const auto& [place, topic] : started_) rd_kafka_consume_stop(topic, place.second);
  }

  Result<std::map<std::string, int32_t>> Topics() override {
    const rd_kafka_metadata_t* raw = nullptr;
    const auto error =
        rd_kafka_metadata(client_.get(), /*all_topics=*/1, nullptr, &raw, timeout_ms_);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
      return Unexpected(KafkaError(error, Code::kDeadline, "listing topics"));
    const MetadataHandle metadata(raw);
    std::map<std::string, int32_t> topics;
    for (int i = 0; i < raw->topic_cnt; ++i)
      if (raw->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        topics[raw->topics[i].topic] = raw->topics[i].partition_cnt;
    return topics;
  }

  Status Start(const std::string& topic, int32_t partition,
               std::optional<int64_t> offset) override {
    TopicHandle& handle = topics_[topic];
    if (!handle) handle.reset(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
    if (!handle) return KafkaError(rd_kafka_last_error(), Code::kKafkaAdmin, topic);
    if (rd_kafka_consume_start_queue(handle.get(), partition,
                                     offset.value_or(RD_KAFKA_OFFSET_BEGINNING), queue_.get()) != 0)
      return KafkaError(rd_kafka_last_error(), Code::kKafkaAdmin,
                        fmt::format("reading topic {} partition {}", topic, partition));
    started_[{topic, partition}] = handle.get();
    return Status::Ok();
  }

  Result<bool> AtEnd(const std::string& topic, int32_t partition, int64_t next_offset) override {
    int64_t begin = 0;
    int64_t end = 0;
    const auto error = rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), partition,
                                                        &begin, &end, timeout_ms_);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
      return Unexpected(KafkaError(
          error, Code::kDeadline, fmt::format("topic {} partition {}: its end", topic, partition)));
    return next_offset >= end || begin == end;
  }

  Status SetPaused(const std::string& topic, int32_t partition, bool paused) override {
    const PartitionListHandle list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    const auto error = paused ? rd_kafka_pause_partitions(client_.get(), list.get())
                              : rd_kafka_resume_partitions(client_.get(), list.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
    return KafkaError(error, Code::kKafkaAdmin, fmt::format("pausing topic {}", topic));
  }

  Result<std::optional<ReadMessage>> Poll(std::chrono::milliseconds timeout) override {
    rd_kafka_poll(client_.get(), 0);
    const MessageHandle message(
        rd_kafka_consume_queue(queue_.get(), static_cast<int>(timeout.count())));
    if (!message) return std::nullopt;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      RETURN_UNEXPECTED_IF_ERROR(Judge(*message));
      return std::nullopt;
    }
    return ReadMessage{.topic = rd_kafka_topic_name(message->rkt),
                       .partition = message->partition,
                       .offset = message->offset,
                       .key = Copy(message->key, message->key_len),
                       .value = Copy(message->payload, message->len)};
  }

 private:
  static Status Judge(const rd_kafka_message_t& message) {
    const std::string where =
        message.rkt == nullptr ? "reading"
                               : fmt::format("reading topic {} partition {}",
                                             rd_kafka_topic_name(message.rkt), message.partition);
    switch (message.err) {
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return Status(Code::kKafkaPartitions, "{}: messages that were not read yet are gone: {}",
                      where, rd_kafka_message_errstr(&message));
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return KafkaError(message.err, Code::kKafkaTopicMissing, where);
      case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return KafkaError(message.err, Code::kKafkaAuthorization, where);
      default: {
        static LogLimiter limiter(std::chrono::seconds(10));
        if (limiter.Allow())
          LogWarn("kafka read failed, trying on, error=\"{}: {}\"", where,
                  rd_kafka_err2str(message.err));
        return Status::Ok();
      }
    }
  }

  const ClientHandle client_;
  const QueueHandle queue_;
  const int timeout_ms_;
  std::map<std::string, TopicHandle> topics_;
  std::map<std::pair<std::string, int32_t>, rd_kafka_topic_t*> started_;
};

}  // namespace

Result<std::unique_ptr<TopicReader>> TopicReader::Open(const KafkaSinkConfig& config) {
  KafkaProperties properties = ClientProperties(config);
  properties["auto.offset.reset"] = "error";
  properties["fetch.message.max.bytes"] = "67108864";
  properties["fetch.max.bytes"] = "134217728";
  properties["receive.message.max.bytes"] = "268435456";
  properties["queued.max.messages.kbytes"] = "65536";
  properties["fetch.wait.max.ms"] = "50";
  ASSIGN_OR_RETURN(ConfHandle conf, MakeConf(properties));
  ASSIGN_OR_RETURN(ClientHandle client, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  return std::make_unique<RdKafkaReader>(std::move(client), config.read_timeout);
}

}  // namespace cdc
