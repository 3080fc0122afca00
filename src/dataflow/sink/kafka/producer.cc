#include "dataflow/sink/kafka/producer.h"

#include <array>
#include <deque>
#include <map>
#include <shared_mutex>
#include <thread>

#include "base/log.h"
#include "dataflow/sink/kafka/client_properties.h"
#include "dataflow/sink/kafka/handle.h"
#include "dataflow/sink/kafka/partition_sender.h"
#include "dataflow/sink/kafka/topic_manager.h"

namespace cdc {
namespace {

struct ProducerTopic final : QueueTopic {
  TopicHandle handle;
  mutable std::deque<PartitionSender> senders;  // who only sends has the topic as const
};

class RdKafkaProducer final : public MessageQueue, public ProducerState {
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
    ASSIGN_OR_RETURN_STATUS(const TopicUse use, topic_manager_.Open(config_.topic, stop));
    ASSIGN_OR_RETURN_STATUS(ConfHandle conf, MakeConf(ProducerProperties(config_)));
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

  void Send(const QueueTopic& topic, int32_t partition, std::span<Message> messages,
            Delivery* delivery) override {
    CDC_CHECK(partition >= 0 && partition < topic.partitions, "partition {} of {} of topic {}",
              partition, topic.partitions, topic.name);
    static_cast<const ProducerTopic&>(topic).senders[static_cast<size_t>(partition)].Send(messages,
                                                                                          delivery);
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
    for (int32_t partition = 0; partition < use.partitions; ++partition)
      topic->senders.emplace_back(*this, *topic, topic->handle.get(), partition,
                                  std::min(kKafkaBatchBytesMax, use.message_bytes_max));
    std::unique_lock lock(topics_mutex_);
    topics_.emplace(name, std::move(topic));
    return Status::Ok();
  }

  void Poll(std::stop_token ending) {
    bool dropped = false;
    while (!ending.stop_requested() || !dropped || rd_kafka_outq_len(client_.get()) > 0) {
      // Not from the callbacks, nor by who calls Fail: here nothing of the client's is under way.
      if (failed() && !std::exchange(dropped, true)) DropAll();
      rd_kafka_poll(client_.get(), kPollMs);
    }
  }

  void DropAll() {
    std::vector<ProducerTopic*> topics;
    {
      std::shared_lock lock(topics_mutex_);
      for (const auto& [name, topic] : topics_) topics.push_back(topic.get());
    }
    // First: afterwards nobody gives librdkafka any more.
    for (ProducerTopic* topic : topics)
      for (PartitionSender& sender : topic->senders) sender.DropWaiting();
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  }

  // Both run in rd_kafka_poll.
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    static_cast<PartitionSender*>(message->_private)->Delivered(*message);
  }
  static void OnError(rd_kafka_t* client, int error, const char* reason, void* opaque) {
    auto* self = static_cast<RdKafkaProducer*>(opaque);
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
      std::array<char, kKafkaErrorTextBytes> text{};
      const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text.data(), text.size());
      return self->Fail(KafkaError(cause, Code::kKafkaSend, text.data()));
    }
    {
      std::lock_guard lock(self->failure_mutex_);
      self->last_error_ = reason;
    }
    static LogLimiter limiter(10s);
    if (limiter.Allow()) LogWarn("kafka connection failed, error=\"{}\"", reason);
  }

  void FailSending(rd_kafka_resp_err_t error, const QueueTopic& topic, int32_t partition,
                   size_t bytes) override {
    if (failed()) return;
    std::string what =
        fmt::format("message of {} bytes to topic {} partition {}", bytes, topic.name, partition);
    if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) {
      std::lock_guard lock(failure_mutex_);
      if (!last_error_.empty()) what += fmt::format(" (last connection error: {})", last_error_);
    }
    if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      what += " (the limit is the topic's max.message.bytes)";
    Fail(KafkaError(error, Code::kKafkaSend, what));
  }

  // The first failure is the one that counts.
  void Fail(Status status) {
    std::lock_guard lock(failure_mutex_);
    if (!failure_.ok()) return;
    failure_ = std::move(status);
    failed_.store(true, std::memory_order_release);
  }
  bool failed() const override { return failed_.load(std::memory_order_acquire); }
  Status failure() const override {
    std::lock_guard lock(failure_mutex_);
    return failure_;
  }

  static constexpr int kPollMs = 100;  // also how late a stop is seen

  const KafkaSinkConfig config_;
  const std::unique_ptr<KafkaAdmin> admin_;
  TopicManager topic_manager_;
  ClientHandle client_;  // constant after Start
  MemoryQuota quota_{KafkaSinkConfig::kQueueBytes};

  std::mutex opening_mutex_;                // held while a topic is opened
  mutable std::shared_mutex topics_mutex_;  // guards topics_
  std::map<std::string, std::unique_ptr<ProducerTopic>> topics_;

  std::atomic<bool> failed_{false};   // set once failure_ is
  mutable std::mutex failure_mutex_;  // guards both below
  Status failure_;
  std::string last_error_;  // of connections

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
