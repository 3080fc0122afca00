#include "dataflow/sink/kafka/producer.h"

#include <array>
#include <map>
#include <shared_mutex>
#include <thread>

#include "base/log.h"
#include "dataflow/sink/kafka/client_properties.h"
#include "dataflow/sink/kafka/handle.h"
#include "dataflow/sink/kafka/topic_manager.h"

namespace cdc {
namespace {

struct ProducerTopic final : QueueTopic {
  TopicHandle handle;
};

class RdKafkaProducer final : public MessageQueue {
 public:
  RdKafkaProducer(KafkaSinkConfig config, std::unique_ptr<KafkaAdmin> admin, Clock& clock)
      : config_(std::move(config)),
        admin_(std::move(admin)),
        topic_manager_(config_, *admin_, clock) {}

  ~RdKafkaProducer() override {
    if (!poller_.joinable()) return;
    Fail(Status(Code::kStopped, "the Kafka producer was stopped"));
    poller_.request_stop();
    poller_.join();
    topics_.clear();
  }

  Status Start(std::stop_token stop) {
    // Its limit decides how large requests may be; they are larger than one message otherwise.
    ASSIGN_OR_RETURN_STATUS(const TopicUse use, topic_manager_.Open(config_.topic, stop));
    batch_bytes_max_ = use.message_bytes_max;
    ASSIGN_OR_RETURN_STATUS(ConfHandle conf,
                            MakeConf(ProducerProperties(config_, batch_bytes_max_)));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDelivery);
    rd_kafka_conf_set_error_cb(conf.get(), OnError);
    ASSIGN_OR_RETURN_STATUS(client_, MakeClient(RD_KAFKA_PRODUCER, std::move(conf)));
    RETURN_IF_ERROR(AddTopic(config_.topic, use));
    poller_ = std::jthread([this](std::stop_token ending) { Poll(ending); });
    return Status::Ok();
  }

  Result<const QueueTopic*> OpenTopic(const std::string& name, std::stop_token stop) override {
    if (const QueueTopic* topic = FindTopic(name)) return topic;
    std::lock_guard opening(opening_mutex_);
    if (const QueueTopic* topic = FindTopic(name)) return topic;
    ASSIGN_OR_RETURN(const TopicUse use, topic_manager_.Open(name, stop));
    if (use.message_bytes_max < std::min(batch_bytes_max_, kKafkaBatchBytesMax))
      LogWarn(
          "kafka topic takes smaller batches than the default topic, large ones may be refused, "
          "topic={} bytes={}",
          name, use.message_bytes_max);
    RETURN_UNEXPECTED_IF_ERROR(AddTopic(name, use));
    return FindTopic(name);
  }

  const QueueTopic* FindTopic(const std::string& name) const override {
    std::shared_lock lock(topics_mutex_);
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second.get();
  }

  std::vector<const QueueTopic*> OpenTopics() const override {
    std::shared_lock lock(topics_mutex_);
    std::vector<const QueueTopic*> topics;
    for (const auto& [name, topic] : topics_) topics.push_back(topic.get());
    return topics;
  }

  void Send(const QueueTopic& topic, int32_t partition, Message message,
            Delivery* delivery) override {
    if (failed_.load(std::memory_order_acquire)) return delivery->Finish(failure());
    const size_t bytes = message.Size();
    quota_.Force(bytes);
    // librdkafka copies key and value; it takes them as writable for C's sake only.
    const char* key = message.key ? message.key->data() : nullptr;
    char* value = message.value ? message.value->data() : nullptr;
    const int sent =
        rd_kafka_produce(static_cast<const ProducerTopic&>(topic).handle.get(), partition,
                         RD_KAFKA_MSG_F_COPY, value, message.value ? message.value->size() : 0, key,
                         message.key ? message.key->size() : 0, delivery);
    if (sent == 0) return;
    quota_.Release(bytes);
    Fail(DeliveryError(rd_kafka_last_error(), topic.name, partition, bytes));
    delivery->Finish(failure());
  }

  MemoryQuota& quota() override { return quota_; }
  Status CheckTopics() override { return topic_manager_.Check(); }

 private:
  Status AddTopic(const std::string& name, const TopicUse& use) {
    auto topic = std::make_unique<ProducerTopic>();
    topic->name = name;
    topic->partitions = use.partitions;
    topic->message_bytes_max = use.message_bytes_max;
    topic->handle.reset(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
    if (!topic->handle) return KafkaError(rd_kafka_last_error(), Code::kKafkaProducer, name);
    std::unique_lock lock(topics_mutex_);
    topics_.emplace(name, std::move(topic));
    return Status::Ok();
  }

  void Poll(std::stop_token ending) {
    bool purged = false;
    while (!ending.stop_requested() || rd_kafka_outq_len(client_.get()) > 0) {
      // Not from the callbacks, nor by who calls Fail: here nothing of the client's is under way.
      if (failed_.load(std::memory_order_acquire) && !std::exchange(purged, true))
        rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      rd_kafka_poll(client_.get(), kPollMs);
    }
  }

  // Both run in rd_kafka_poll.
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<RdKafkaProducer*>(opaque)->Delivered(*message);
  }
  static void OnError(rd_kafka_t* client, int error, const char* reason, void* opaque) {
    auto* self = static_cast<RdKafkaProducer*>(opaque);
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
      std::array<char, kKafkaErrorTextBytes> text{};
      const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text.data(), text.size());
      return self->Fail(KafkaError(cause, Code::kKafkaSend, text.data()));
    }
    self->last_error_ = reason;
    static LogLimiter limiter(10s);
    if (limiter.Allow()) LogWarn("kafka connection failed, error=\"{}\"", reason);
  }

  void Delivered(const rd_kafka_message_t& message) {
    const size_t bytes = message.len + message.key_len + kRecordOverhead;
    auto* delivery = static_cast<Delivery*>(message._private);
    quota_.Release(bytes);
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return delivery->Finish(Status::Ok());
    // What is purged fails for the reason that had it purged.
    Fail(DeliveryError(message.err, rd_kafka_topic_name(message.rkt), message.partition, bytes));
    delivery->Finish(failure());
  }

  Status DeliveryError(rd_kafka_resp_err_t error, std::string_view topic, int32_t partition,
                       size_t bytes) {
    std::string what =
        fmt::format("message of {} bytes to topic {} partition {}", bytes, topic, partition);
    if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && !last_error_.empty())
      what += fmt::format(" (last connection error: {})", last_error_);
    if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      what += " (the limit is the topic's max.message.bytes)";
    return KafkaError(error, Code::kKafkaSend, what);
  }

  // The first failure is the one that counts.
  void Fail(Status status) {
    std::lock_guard lock(failure_mutex_);
    if (!failure_.ok()) return;
    failure_ = std::move(status);
    failed_.store(true, std::memory_order_release);
  }
  Status failure() const {
    std::lock_guard lock(failure_mutex_);
    return failure_;
  }

  static constexpr int kPollMs = 100;  // also how late a stop is seen

  const KafkaSinkConfig config_;
  const std::unique_ptr<KafkaAdmin> admin_;
  TopicManager topic_manager_;
  size_t batch_bytes_max_ = 0;  // constant after Start
  ClientHandle client_;         // likewise
  MemoryQuota quota_{KafkaSinkConfig::kQueueBytes};
  std::string last_error_;  // only the poller's

  std::mutex opening_mutex_;                // held while a topic is opened
  mutable std::shared_mutex topics_mutex_;  // guards topics_
  std::map<std::string, std::unique_ptr<ProducerTopic>> topics_;

  std::atomic<bool> failed_{false};   // set once failure_ is
  mutable std::mutex failure_mutex_;  // guards failure_
  Status failure_;

  std::jthread poller_;
};

}  // namespace

Result<std::unique_ptr<MessageQueue>> KafkaProducer::Open(KafkaSinkConfig config,
                                                          std::unique_ptr<KafkaAdmin> admin,
                                                          Clock& clock, std::stop_token stop) {
  auto producer = std::make_unique<RdKafkaProducer>(std::move(config), std::move(admin), clock);
  RETURN_UNEXPECTED_IF_ERROR(producer->Start(std::move(stop)));
  return producer;
}

}  // namespace cdc
