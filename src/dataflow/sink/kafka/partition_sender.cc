#include "dataflow/sink/kafka/partition_sender.h"

#include <utility>

#include "base/failpoint.h"

namespace cdc {

void PartitionSender::Send(std::span<Message> messages, Delivery* delivery) {
  size_t bytes = 0;
  for (const Message& message : messages) bytes += message.Size();
  std::vector<Item> refused;
  {
    std::lock_guard lock(mutex_);
    // Looked at while the lock is held: DropWaiting comes after the failure.
    if (!producer_.failed()) {
      producer_.quota().Force(bytes);
      for (Message& message : messages) waiting_.push_back({std::move(message), delivery});
      if (outstanding_ == 0) refused = HandOver();
      messages = {};
    }
  }
  if (!messages.empty()) return delivery->Finish(producer_.failure(), messages.size());
  End(std::move(refused), false);
}

std::vector<PartitionSender::Item> PartitionSender::HandOver() {
  std::vector<Item> refused;
  if (producer_.failed()) return refused;  // DropWaiting ends what waits
  size_t bytes = 0;
  under_way_.clear();
  scratch_.clear();
  while (!waiting_.empty() && under_way_.size() < kBatchMessagesMax) {
    bytes += waiting_.front().message.Size();
    if (!under_way_.empty() && bytes > batch_bytes_max_) break;
    under_way_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  // Only now: short strings move with their items. librdkafka copies keys; it takes values as
  // writable for C's sake only.
  for (Item& item : under_way_) {
    Message& message = item.message;
    rd_kafka_message_t& out = scratch_.emplace_back();
    out = {};
    out.payload = message.value ? message.value->data() : nullptr;
    out.len = message.value ? message.value->size() : 0;
    out.key = message.key ? message.key->data() : nullptr;
    out.key_len = message.key ? message.key->size() : 0;
    out._private = this;
  }
  outstanding_ = scratch_.size();
  refused_ = false;
  if (scratch_.empty()) return refused;
  const int taken = rd_kafka_produce_batch(handle_, partition_, 0, scratch_.data(),
                                           static_cast<int>(scratch_.size()));
  outstanding_ = static_cast<size_t>(taken);
  if (outstanding_ == scratch_.size()) return refused;
  for (const rd_kafka_message_t& message : scratch_)
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      producer_.FailSending(message.err, topic_, partition_,
                            message.len + message.key_len + kRecordOverhead);
  refused_ = true;
  if (outstanding_ == 0) refused.swap(under_way_);
  return refused;
}

void PartitionSender::Delivered(const rd_kafka_message_t& message) {
  std::vector<Item> ended;
  std::vector<Item> refused;
  bool ok = false;
  {
    std::lock_guard lock(mutex_);
    const rd_kafka_resp_err_t error =
        FailPoint("KafkaSinkAsyncSendError") ? RD_KAFKA_RESP_ERR_UNKNOWN : message.err;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // What is purged fails for the reason that had it purged.
      producer_.FailSending(error, topic_, partition_,
                            message.len + message.key_len + kRecordOverhead);
      refused_ = true;
    }
    if (--outstanding_ > 0) return;
    ok = !refused_;
    ended.swap(under_way_);
    refused = HandOver();
  }
  End(std::move(ended), ok);
  End(std::move(refused), false);
}

void PartitionSender::DropWaiting() {
  std::deque<Item> dropped;
  {
    std::lock_guard lock(mutex_);
    dropped.swap(waiting_);
  }
  End({std::make_move_iterator(dropped.begin()), std::make_move_iterator(dropped.end())}, false);
}

void PartitionSender::End(std::vector<Item> items, bool ok) {
  if (items.empty()) return;
  size_t bytes = 0;
  for (const Item& item : items) bytes += item.message.Size();
  producer_.quota().Release(bytes);
  const Status status = ok ? Status::Ok() : producer_.failure();
  for (size_t begin = 0, i = 1; i <= items.size(); ++i) {
    if (i < items.size() && items[i].delivery == items[begin].delivery) continue;
    items[begin].delivery->Finish(status, i - begin);
    begin = i;
  }
}

}  // namespace cdc
