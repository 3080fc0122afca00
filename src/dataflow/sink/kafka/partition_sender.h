// The messages of one partition on their way to librdkafka. Private to producer.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "dataflow/sink/kafka/message_queue.h"

namespace cdc {

// What all partitions of a producer share.
class ProducerState {
 public:
  virtual ~ProducerState() = default;
  virtual bool failed() const = 0;
  // The first failure is the one that counts.
  virtual void FailSending(rd_kafka_resp_err_t error, const QueueTopic& topic, int32_t partition,
                           size_t bytes) = 0;
  virtual Status failure() const = 0;
  virtual MemoryQuota& quota() = 0;
};

// Gives librdkafka one batch at a time, as large as one request may be, and the next one when all
// of it is acknowledged; meanwhile the others wait here. librdkafka itself has one request under
// way for each partition if it is idempotent; its thread never sleeps while more of them wait for
// that (2.0.2), which costs as much as all the rest.
//
// Owns the messages until they have ended; librdkafka only refers to their values.
// Threads: Send from any, Delivered and DropWaiting from the one that polls.
class PartitionSender {
 public:
  PartitionSender(ProducerState& producer, const QueueTopic& topic, rd_kafka_topic_t* handle,
                  int32_t partition, size_t batch_bytes_max)
      : producer_(producer),
        topic_(topic),
        handle_(handle),
        partition_(partition),
        batch_bytes_max_(batch_bytes_max) {}

  // Moves the messages out of the span.
  void Send(std::span<Message> messages, Delivery* delivery);
  // The end of one that librdkafka had; `message._private` is this.
  void Delivered(const rd_kafka_message_t& message);
  // Fails what librdkafka does not have yet. From now on the producer has failed.
  void DropWaiting();

  // librdkafka's batch.num.messages.
  static constexpr size_t kBatchMessagesMax = 10'000;

 private:
  struct Item {
    Message message;
    Delivery* delivery = nullptr;
  };

  // Called with mutex_ held. What librdkafka did not take is in the result.
  std::vector<Item> HandOver();
  void End(std::vector<Item> items, bool ok);

  ProducerState& producer_;
  const QueueTopic& topic_;
  rd_kafka_topic_t* const handle_;
  const int32_t partition_;
  const size_t batch_bytes_max_;

  std::mutex mutex_;  // guards all below
  std::deque<Item> waiting_;
  std::vector<Item> under_way_;
  size_t outstanding_ = 0;  // of those under way
  bool refused_ = false;    // one of them
  std::vector<rd_kafka_message_t> scratch_;
};

}  // namespace cdc
