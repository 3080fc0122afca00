// The seam between the Kafka sink and what takes its messages: brokers, a file, a test's fake.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/memory_quota.h"
#include "base/status.h"
#include "dataflow/codec/encoder.h"

namespace cdc {

// A topic in use. What it says stays as it is while the queue lives.
struct QueueTopic {
  virtual ~QueueTopic() = default;
  std::string name;
  int32_t partitions = 0;
  size_t message_bytes_max = 0;  // of a message, its overhead included
};

// Counts the messages of one batch that are on their way and calls `done` when the last of them
// has arrived or will never, with the first error.
// Ownership: Start makes it, the last Finish deletes it. Thread-safe.
class Delivery {
 public:
  // One is outstanding from the start: the caller's own, so that it may add messages in peace.
  static Delivery* Start(std::function<void(Status)> done) { return new Delivery(std::move(done)); }

  void Expect(size_t messages) { outstanding_.fetch_add(messages, std::memory_order_relaxed); }
  void Finish(const Status& status, size_t messages = 1) {
    if (!status.ok()) {
      std::lock_guard lock(mutex_);
      if (status_.ok()) status_ = status;
    }
    const size_t before = outstanding_.fetch_sub(messages, std::memory_order_acq_rel);
    CDC_CHECK(before >= messages, "{} finished of {}", messages, before);
    if (before > messages) return;
    done_(status_);
    delete this;
  }

 private:
  explicit Delivery(std::function<void(Status)> done) : done_(std::move(done)) {}
  ~Delivery() = default;

  const std::function<void(Status)> done_;
  std::atomic<size_t> outstanding_{1};
  std::mutex mutex_;  // guards status_
  Status status_;
};

// Threads: all from any.
// Order: messages of one partition arrive in the order of Send, also where they had to be sent
// again. After one has failed, all others fail: only a new queue takes messages again.
class MessageQueue {
 public:
  // Fails what has not arrived yet with kStopped.
  virtual ~MessageQueue() = default;

  // The topic, made if it is missing and may be made. Blocks when it is used for the first time.
  // The result lives as long as the queue.
  virtual Result<const QueueTopic*> OpenTopic(const std::string& name, std::stop_token stop) = 0;
  // The same, but null instead of waiting.
  virtual const QueueTopic* FindTopic(const std::string& name) const = 0;
  virtual std::vector<const QueueTopic*> OpenTopics() const = 0;

  // Takes the messages, in their order; never blocks. delivery->Finish counts each of them once, on
  // a thread of the queue or before Send returns.
  virtual void Send(const QueueTopic& topic, int32_t partition, std::span<Message> messages,
                    Delivery* delivery) = 0;
  void Send(const QueueTopic& topic, int32_t partition, Message message, Delivery* delivery) {
    Send(topic, partition, std::span(&message, 1), delivery);
  }

  // Counts the bytes of messages that have neither arrived nor failed. Send takes past its limit;
  // the caller waits for it.
  virtual MemoryQuota& quota() = 0;

  // Looks whether open topics are as they were. Blocks. Errors: kKafkaPartitions for one that has
  // got more partitions, kKafkaTopicMissing for one that is gone.
  virtual Status CheckTopics() = 0;
};

}  // namespace cdc
