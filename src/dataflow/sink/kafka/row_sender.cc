#include "dataflow/sink/kafka/row_sender.h"

#include <algorithm>
#include <set>

namespace cdc {
namespace {

// The topics of a batch; nearly always one, since a batch is of one table.
std::set<std::string> TopicsOf(const RowBatch& batch, const EventRouter& router) {
  std::set<std::string> topics;
  const TableInfo* last = nullptr;
  for (const RowChange& row : batch.rows) {
    if (row.table == last) continue;
    last = row.table;
    topics.insert(router.TopicOf(last->schema, last->name));
  }
  return topics;
}

}  // namespace

CodecOptions CodecOptionsFor(const KafkaSinkConfig& config, size_t message_bytes_max,
                             Clock& clock) {
  CodecOptions options = config.codec;
  options.max_message_bytes = message_bytes_max;
  options.max_batch_bytes = std::min(options.max_batch_bytes, message_bytes_max);
  options.clock = &clock;
  return options;
}

bool RowSender::TopicsOpen(const RowBatch& batch) const {
  return std::ranges::all_of(TopicsOf(batch, router_), [&](const std::string& topic) {
    return queue_.FindTopic(topic) != nullptr;
  });
}

Status RowSender::OpenTopics(const RowBatch& batch, std::stop_token stop) {
  for (const std::string& topic : TopicsOf(batch, router_))
    if (auto opened = queue_.OpenTopic(topic, stop); !opened) return opened.error();
  return Status::Ok();
}

Status RowSender::Send(const RowBatch& batch, Delivery* delivery) {
  std::unique_ptr<Worker> worker = Borrow();
  Status status = SendRows(*worker, batch, delivery);
  GiveBack(std::move(worker));
  return status;
}

Status RowSender::SendRows(Worker& worker, const RowBatch& batch, Delivery* delivery) {
  worker.rows.clear();
  worker.order.Arrange(batch.rows, &worker.rows);
  std::span<const RowChange> rows = worker.rows;
  while (!rows.empty()) {
    const auto end = std::ranges::find_if(
        rows, [&](const RowChange& row) { return row.table != rows.front().table; });
    const auto count = static_cast<size_t>(end - rows.begin());
    RETURN_IF_ERROR(SendTable(worker, rows.first(count), delivery));
    rows = rows.subspan(count);
  }
  return Status::Ok();
}

Status RowSender::SendTable(Worker& worker, std::span<const RowChange> rows, Delivery* delivery) {
  const TableInfo& table = *rows.front().table;
  const QueueTopic* topic = queue_.FindTopic(router_.TopicOf(table.schema, table.name));
  CDC_CHECK(topic != nullptr, "the topic of {}.{} is not open", table.schema, table.name);
  const PartitionRule& rule = router_.PartitionRuleOf(table.schema, table.name);
  ASSIGN_OR_RETURN_STATUS(const TablePartitioner partitioner, rule.For(table));
  if (config_.column_selectors) RETURN_IF_ERROR(config_.column_selectors->Check(table));
  ASSIGN_OR_RETURN_STATUS(EventEncoder * encoder, EncoderFor(worker, topic->message_bytes_max));

  if (config_.codec.protocol == Protocol::kSimple &&
      bootstraps_.Due(table.id, rows.size(), clock_.Now()))
    RETURN_IF_ERROR(SendBootstrapTo(*encoder, table, *topic, delivery));

  worker.by_partition.resize(
      std::max(worker.by_partition.size(), static_cast<size_t>(topic->partitions)));
  for (auto& group : worker.by_partition) group.clear();
  int32_t partition = 0;
  for (const RowChange& row : rows) {
    if (&row == &rows.front() || !partitioner.per_table())
      partition = partitioner.PartitionOf(row, topic->partitions);
    worker.by_partition[static_cast<size_t>(partition)].push_back(&row);
  }
  for (int32_t i = 0; i < topic->partitions; ++i)
    RETURN_IF_ERROR(SendPartition(*encoder, worker, *topic, i, delivery));
  return Status::Ok();
}

Status RowSender::SendBootstrap(const TableInfo& table, Delivery* delivery) {
  const QueueTopic* topic = queue_.FindTopic(router_.TopicOf(table.schema, table.name));
  CDC_CHECK(topic != nullptr, "the topic of {}.{} is not open", table.schema, table.name);
  std::unique_ptr<Worker> worker = Borrow();
  auto encoder = EncoderFor(*worker, topic->message_bytes_max);
  Status status = encoder ? SendBootstrapTo(**encoder, table, *topic, delivery) : encoder.error();
  GiveBack(std::move(worker));
  return status;
}

Status RowSender::SendBootstrapTo(EventEncoder& encoder, const TableInfo& table,
                                  const QueueTopic& topic, Delivery* delivery) {
  std::vector<Message> messages;
  RETURN_IF_ERROR(encoder.EncodeBootstrap(table, &messages));
  const int32_t partitions = config_.bootstrap.to_all_partitions ? topic.partitions : 1;
  for (int32_t partition = 0; partition < partitions; ++partition) {
    delivery->Expect(messages.size());
    for (const Message& message : messages) queue_.Send(topic, partition, message, delivery);
  }
  return Status::Ok();
}

Status RowSender::SendPartition(EventEncoder& encoder, Worker& worker, const QueueTopic& topic,
                                int32_t partition, Delivery* delivery) {
  const auto& rows = worker.by_partition[static_cast<size_t>(partition)];
  if (rows.empty()) return Status::Ok();
  worker.messages.clear();
  encoder.UseTopic(topic.name);
  Status status = encoder.EncodeRows(rows, &worker.messages);
  delivery->Expect(worker.messages.size());
  queue_.Send(topic, partition, worker.messages, delivery);
  return status;
}

std::unique_ptr<RowSender::Worker> RowSender::Borrow() {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Worker>(!config_.output_raw_change_event);
  auto worker = std::move(idle_.back());
  idle_.pop_back();
  return worker;
}

void RowSender::GiveBack(std::unique_ptr<Worker> worker) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(worker));
}

const CodecOptions& RowSender::OptionsFor(size_t message_bytes_max) {
  std::lock_guard lock(mutex_);
  auto& options = options_[message_bytes_max];
  if (options == nullptr)
    options = std::make_unique<CodecOptions>(CodecOptionsFor(config_, message_bytes_max, clock_));
  return *options;
}

Result<EventEncoder*> RowSender::EncoderFor(Worker& worker, size_t message_bytes_max) {
  auto& encoder = worker.encoders[message_bytes_max];
  if (encoder == nullptr) {
    ASSIGN_OR_RETURN(encoder, EventEncoder::Create(OptionsFor(message_bytes_max)));
  }
  return encoder.get();
}

}  // namespace cdc
