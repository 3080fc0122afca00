// A message queue in memory that can hold back, fail and lack room.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataflow/sink/kafka/message_queue.h"

namespace cdc {

struct SentMessage {
  std::string topic;
  int32_t partition = 0;
  Message message;
};

// Acknowledges at once unless held. Topics open with `partitions` partitions. Thread-safe.
class FakeMessageQueue : public MessageQueue {
 public:
  explicit FakeMessageQueue(size_t bytes_max = size_t{1} << 20) : quota_(bytes_max) {}
  ~FakeMessageQueue() override { Release(Status(Code::kStopped, "the queue was closed")); }

  Result<const QueueTopic*> OpenTopic(const std::string& name, std::stop_token) override {
    std::lock_guard lock(mutex_);
    if (!open_error_.ok()) return Unexpected(open_error_);
    auto& topic = topics_[name];
    if (topic == nullptr) {
      topic = std::make_unique<QueueTopic>();
      topic->name = name;
      topic->partitions = partitions_;
      topic->message_bytes_max = message_bytes_max_;
    }
    return topic.get();
  }
  const QueueTopic* FindTopic(const std::string& name) const override {
    std::lock_guard lock(mutex_);
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second.get();
  }
  std::vector<const QueueTopic*> OpenTopics() const override {
    std::lock_guard lock(mutex_);
    std::vector<const QueueTopic*> topics;
    for (const auto& [name, topic] : topics_) topics.push_back(topic.get());
    return topics;
  }
  using MessageQueue::Send;
  void Send(const QueueTopic& topic, int32_t partition, std::span<Message> messages,
            Delivery* delivery) override {
    for (Message& message : messages) {
      const size_t bytes = message.Size();
      {
        std::lock_guard lock(mutex_);
        sent_.push_back({topic.name, partition, std::move(message)});
        if (hold_) {
          quota_.Force(bytes);
          held_.push_back({delivery, bytes});
          continue;
        }
      }
      delivery->Finish(Status::Ok());
    }
  }
  MemoryQuota& quota() override { return quota_; }
  Status CheckTopics() override {
    std::lock_guard lock(mutex_);
    ++topic_checks_;
    return check_error_;
  }

  void SetPartitions(int32_t partitions) { partitions_ = partitions; }  // of topics opened later
  void SetMessageBytesMax(size_t bytes) { message_bytes_max_ = bytes; }
  void FailOpen(Status status) {
    std::lock_guard lock(mutex_);
    open_error_ = std::move(status);
  }
  void FailCheck(Status status) {
    std::lock_guard lock(mutex_);
    check_error_ = std::move(status);
  }
  void Hold() {
    std::lock_guard lock(mutex_);
    hold_ = true;
  }
  // Ends all that is held, and holds no more.
  void Release(const Status& status = Status::Ok()) {
    std::deque<Held> held;
    {
      std::lock_guard lock(mutex_);
      hold_ = false;
      held.swap(held_);
    }
    for (const Held& one : held) {
      quota_.Release(one.bytes);
      one.delivery->Finish(status);
    }
  }
  std::vector<SentMessage> sent() const {
    std::lock_guard lock(mutex_);
    return sent_;
  }
  int topic_checks() const {
    std::lock_guard lock(mutex_);
    return topic_checks_;
  }

 private:
  struct Held {
    Delivery* delivery;
    size_t bytes;
  };

  MemoryQuota quota_;
  int32_t partitions_ = 3;                      // set up before use
  size_t message_bytes_max_ = size_t{1} << 20;  // likewise
  mutable std::mutex mutex_;                    // guards all below
  bool hold_ = false;
  Status open_error_;
  Status check_error_;
  int topic_checks_ = 0;
  std::map<std::string, std::unique_ptr<QueueTopic>> topics_;
  std::deque<Held> held_;
  std::vector<SentMessage> sent_;
};

}  // namespace cdc
