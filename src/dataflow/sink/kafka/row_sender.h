// Batches of rows to messages in a queue: order, topic, partition, encoding.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/message_order.h"
#include "dataflow/dispatcher/event_router.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"
#include "dataflow/sink/kafka/message_queue.h"

namespace cdc {

// Threads: all from any; concurrent Sends use an encoder each.
class RowSender {
 public:
  // All outlive the sender. `clock` is for formats that hold the time of encoding.
  RowSender(const KafkaSinkConfig& config, const EventRouter& router, MessageQueue& queue,
            Clock& clock)
      : config_(config),
        router_(router),
        queue_(queue),
        clock_(clock),
        bootstraps_(config.bootstrap) {}

  // Whether Send finds all topics of the batch open.
  bool TopicsOpen(const RowBatch& batch) const;
  // Opens those that are not. Blocks.
  Status OpenTopics(const RowBatch& batch, std::stop_token stop);

  // The table's description, where the protocol has one, to its open topic.
  Status SendBootstrap(const TableInfo& table, Delivery* delivery);

  // Sends all of the batch, with its topics open, or as much as there is before the first error.
  // Never blocks; `delivery` learns of the messages, not of the error.
  Status Send(const RowBatch& batch, Delivery* delivery);

 private:
  // What one Send at a time uses.
  struct Worker {
    explicit Worker(bool split_key_updates) : order(split_key_updates) {}
    MessageOrder order;
    std::map<size_t, std::unique_ptr<EventEncoder>> encoders;  // by the limit of messages
    std::vector<RowChange> rows;
    std::vector<std::vector<const RowChange*>> by_partition;
    std::vector<Message> messages;
  };

  std::unique_ptr<Worker> Borrow();
  void GiveBack(std::unique_ptr<Worker> worker);
  Status SendRows(Worker& worker, const RowBatch& batch, Delivery* delivery);
  // Of one table, in order.
  Status SendTable(Worker& worker, std::span<const RowChange> rows, Delivery* delivery);
  Status SendBootstrapTo(EventEncoder& encoder, const TableInfo& table, const QueueTopic& topic,
                         Delivery* delivery);
  Status SendPartition(EventEncoder& encoder, Worker& worker, const QueueTopic& topic,
                       int32_t partition, Delivery* delivery);
  Result<EventEncoder*> EncoderFor(Worker& worker, size_t message_bytes_max);
  const CodecOptions& OptionsFor(size_t message_bytes_max);

  const KafkaSinkConfig& config_;
  const EventRouter& router_;
  MessageQueue& queue_;
  Clock& clock_;
  BootstrapSchedule bootstraps_;

  std::mutex mutex_;  // guards all below
  std::vector<std::unique_ptr<Worker>> idle_;
  std::map<size_t, std::unique_ptr<CodecOptions>> options_;  // by the limit; encoders refer to them
};

// The codec's options for a topic with this limit.
CodecOptions CodecOptionsFor(const KafkaSinkConfig& config, size_t message_bytes_max, Clock& clock);

}  // namespace cdc
