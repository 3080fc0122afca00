#include "dataflow/sink/kafka/kafka_sink.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "dataflow/codec/utc_text.h"
#include "dataflow/sink/kafka/producer.h"

namespace cdc {
namespace {

double SecondsSince(SteadyTime start, const Clock& clock) {
  return std::chrono::duration<double>(clock.Now() - start).count();
}

// Where a protocol's consumers expect schema changes.
bool DdlToFirstPartitionOnly(Protocol protocol) {
  return protocol == Protocol::kCanalJson || protocol == Protocol::kCanal;
}

// What one waits for who sends and needs to know.
struct Outcome {
  std::mutex mutex;  // guards status
  std::condition_variable_any changed;
  std::optional<Status> status;
};

}  // namespace

Result<std::unique_ptr<Sink>> KafkaSink::Open(KafkaSinkConfig config, const SinkContext& context,
                                              MetricsRegistry& metrics) {
  if (config.brokerless()) return Error(Code::kSinkUri, "broker '-' is for cdc-replay --out only");
  ASSIGN_OR_RETURN(std::unique_ptr<KafkaAdmin> admin, KafkaAdmin::Open(config));
  ASSIGN_OR_RETURN(std::unique_ptr<MessageQueue> queue,
                   KafkaProducer::Open(config, std::move(admin), *context.clock, {}));
  return Make(std::move(config), context, std::move(queue), metrics);
}

Result<std::unique_ptr<Sink>> KafkaSink::Make(KafkaSinkConfig config, const SinkContext& context,
                                              std::unique_ptr<MessageQueue> queue,
                                              MetricsRegistry& metrics) {
  ASSIGN_OR_RETURN(std::unique_ptr<EventRouter> router,
                   EventRouter::Create(context.config->sink.dispatchers,
                                       context.config->case_sensitive, config.topic));
  config.codec.time_zone = ZoneName(context.time_zone);
  config.codec.cluster_id = context.cluster;
  RETURN_UNEXPECTED_IF_ERROR(OpenCodecResources(&config.codec, *context.clock));
  // An encoder that cannot be made shall not wait for the first row.
  const CodecOptions options =
      CodecOptionsFor(config, config.codec.max_batch_bytes, *context.clock);
  if (auto encoder = EventEncoder::Create(options); !encoder) return Unexpected(encoder.error());
  return std::unique_ptr<Sink>(
      new KafkaSink(std::move(config), context, std::move(router), std::move(queue), metrics));
}

Status KafkaSink::Validate(const Uri& uri, const ReplicaConfig& config) {
  ASSIGN_OR_RETURN_STATUS(const KafkaSinkConfig sink, KafkaSinkConfig::Make(uri, config, "check"));
  const auto router =
      EventRouter::Create(config.sink.dispatchers, config.case_sensitive, sink.topic);
  return router ? Status::Ok() : router.error();
}

KafkaSink::KafkaSink(KafkaSinkConfig config, const SinkContext& context,
                     std::unique_ptr<EventRouter> router, std::unique_ptr<MessageQueue> queue,
                     MetricsRegistry& metrics)
    : config_(std::move(config)),
      context_(context),
      metrics_(metrics, context.changefeed),
      router_(std::move(router)),
      control_options_(CodecOptionsFor(config_, config_.codec.max_batch_bytes, *context.clock)),
      next_topic_check_(context.clock->Now() + kTopicCheckPeriod),
      queue_(std::move(queue)),
      rows_(config_, *router_, *queue_, *context.clock),
      runner_([this](std::stop_token stop) { Run(stop); }) {}

KafkaSink::~KafkaSink() {
  {
    std::unique_lock lock(mutex_);
    context_.clock->WaitUntil(lock, changed_, context_.clock->Now() + 1s, {}, [this] {
      return !failure_.ok() || (!watermark_ && !watermark_under_way_);
    });
  }
  runner_.request_stop();
  runner_.join();
  queue_.reset();
  const Status stopped(Code::kStopped, "the Kafka sink was stopped");
  for (Waiting& left : waiting_) left.done(stopped);
}

Status KafkaSink::MayWrite() const {
  if (context_.may_write()) return Status::Ok();
  return Status(Code::kLeaseExpired, "this node's lease may have lapsed: nothing is sent");
}

void KafkaSink::Fail(const Status& status) {
  metrics_.errors.Add();
  std::lock_guard lock(mutex_);
  if (!failure_.ok()) return;
  failure_ = status;
  changed_.notify_all();
}

void KafkaSink::Write(std::shared_ptr<const RowBatch> batch, Done done) {
  metrics_.total_rows.Add(static_cast<double>(batch->rows.size()));
  const bool at_once = !queue_->quota().Exceeded() && rows_.TopicsOpen(*batch);
  Status failure;
  {
    std::lock_guard lock(mutex_);
    failure = failure_;
    if (failure.ok() && (!at_once || !waiting_.empty())) {
      waiting_.push_back({std::move(batch), std::move(done)});
      metrics_.waiting_batches.Set(static_cast<double>(waiting_.size()));
      changed_.notify_all();
      return;
    }
  }
  if (!failure.ok()) return done(failure);
  SendNow(*batch, std::move(done));
}

void KafkaSink::SendNow(const RowBatch& batch, Done done) {
  const size_t rows = batch.rows.size();
  const SteadyTime start = context_.clock->Now();
  Delivery* delivery =
      Delivery::Start([this, rows, start, done = std::move(done)](const Status& status) {
        if (status.ok()) {
          metrics_.flushed_rows.Add(static_cast<double>(rows));
          metrics_.flush_seconds.Observe(SecondsSince(start, *context_.clock));
        } else {
          Fail(status);
        }
        done(status);
      });
  Status status = MayWrite();
  if (status.ok()) status = rows_.Send(batch, delivery);
  delivery->Finish(status);
}

void KafkaSink::Run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto work = [this] { return !waiting_.empty() || (watermark_ && !watermark_under_way_); };
    context_.clock->WaitUntil(lock, changed_, next_topic_check_, stop, work);
    if (stop.stop_requested()) return;
    if (context_.clock->Now() >= next_topic_check_) CheckTopics(lock);
    if (watermark_ && !watermark_under_way_) SendWatermark(lock, stop);
    if (!waiting_.empty()) SendWaiting(lock, stop);
  }
}

void KafkaSink::SendWaiting(std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  const std::shared_ptr<const RowBatch> batch = waiting_.front().batch;
  Status status = failure_;
  lock.unlock();
  if (status.ok()) status = rows_.OpenTopics(*batch, stop);
  const bool room = queue_->quota().WaitBelow(stop);
  lock.lock();
  if (!room || stop.stop_requested()) return;  // the destructor ends what waits
  Done done = std::move(waiting_.front().done);
  lock.unlock();
  if (status.ok()) {
    SendNow(*batch, std::move(done));
  } else {
    Fail(status);
    done(status);
  }
  lock.lock();
  // Only now: a batch of the same table that comes meanwhile must not overtake.
  waiting_.pop_front();
  metrics_.waiting_batches.Set(static_cast<double>(waiting_.size()));
}

void KafkaSink::CheckTopics(std::unique_lock<std::mutex>& lock) {
  next_topic_check_ = context_.clock->Now() + kTopicCheckPeriod;
  lock.unlock();
  if (Status status = queue_->CheckTopics(); !status.ok()) Fail(status);
  lock.lock();
}

Status KafkaSink::Checkpoint(Ts ts) {
  std::lock_guard lock(mutex_);
  if (!failure_.ok()) return failure_;
  if (watermark_ && *watermark_ >= ts) return Status::Ok();
  watermark_ = ts;
  changed_.notify_all();
  return Status::Ok();
}

void KafkaSink::SetTables(const std::vector<TableInfoPtr>& tables) {
  std::set<std::string> topics;
  for (const TableInfoPtr& table : tables)
    topics.insert(router_->TopicOf(table->schema, table->name));
  std::lock_guard lock(mutex_);
  topics_to_open_.merge(topics);
  if (config_.bootstrap.all_at_start && config_.codec.protocol == Protocol::kSimple &&
      !std::exchange(tables_described_, true))
    tables_to_describe_ = tables;
}

Status KafkaSink::SendBootstraps(const std::vector<TableInfoPtr>& tables) {
  if (tables.empty()) return Status::Ok();
  Delivery* delivery = Delivery::Start([this](const Status& status) {
    if (!status.ok()) Fail(status);
  });
  Status status;
  for (const TableInfoPtr& table : tables)
    if (status.ok()) status = rows_.SendBootstrap(*table, delivery);
  delivery->Finish(status);
  return status;
}

Status KafkaSink::OpenTopicsOfTables(std::stop_token stop) {
  std::set<std::string> topics;
  std::vector<TableInfoPtr> tables;
  {
    std::lock_guard lock(mutex_);
    topics.swap(topics_to_open_);
    tables.swap(tables_to_describe_);
  }
  for (const std::string& topic : topics)
    if (auto opened = queue_->OpenTopic(topic, stop); !opened) return opened.error();
  return SendBootstraps(tables);
}

void KafkaSink::SendWatermark(std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  const Ts ts = *watermark_;
  watermark_.reset();
  watermark_under_way_ = true;
  lock.unlock();
  Delivery* delivery = Delivery::Start([this](const Status& status) { WatermarkDone(status); });
  Status status = MayWrite();
  if (status.ok()) status = OpenTopicsOfTables(stop);
  std::vector<Message> messages;
  if (status.ok()) {
    auto encoder = EventEncoder::Create(control_options_);
    status = encoder ? (*encoder)->EncodeWatermark(ts, &messages) : encoder.error();
  }
  if (status.ok() && !messages.empty()) {
    metrics_.watermarks.Add();
    for (const QueueTopic* topic : queue_->OpenTopics())
      for (int32_t partition = 0; partition < topic->partitions; ++partition) {
        delivery->Expect(messages.size());
        for (const Message& message : messages) queue_->Send(*topic, partition, message, delivery);
      }
  }
  delivery->Finish(status);
  lock.lock();
}

void KafkaSink::WatermarkDone(const Status& status) {
  if (!status.ok()) Fail(status);
  std::lock_guard lock(mutex_);
  watermark_under_way_ = false;
  changed_.notify_all();
}

Status KafkaSink::ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) {
  if (IsForDatabasesOnly(ddl)) return Status::Ok();
  const SteadyTime start = context_.clock->Now();
  {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
  }
  RETURN_IF_ERROR(MayWrite());
  ASSIGN_OR_RETURN_STATUS(const auto encoder, EventEncoder::Create(control_options_));
  std::vector<Message> messages;
  RETURN_IF_ERROR(encoder->EncodeDdl(ddl, &messages));
  if (messages.empty()) {
    LogInfo("ddl has no message in this protocol, changefeed={} commit_ts={} query=\"{}\"",
            context_.changefeed, ddl.commit_ts, ddl.query);
    return Status::Ok();
  }
  auto outcome = std::make_shared<Outcome>();  // may outlive this call, if it is stopped
  Delivery* delivery = Delivery::Start([outcome](Status status) {
    std::lock_guard lock(outcome->mutex);
    outcome->status = std::move(status);
    outcome->changed.notify_all();
  });
  delivery->Finish(SendDdl(std::move(messages), router_->TopicsOf(ddl), delivery, stop));
  std::unique_lock lock(outcome->mutex);
  outcome->changed.wait(lock, stop, [&] { return outcome->status.has_value(); });
  if (!outcome->status) return Status(Code::kStopped, "stopped before a DDL was acknowledged");
  if (outcome->status->ok()) {
    metrics_.ddl_seconds.Observe(SecondsSince(start, *context_.clock));
    LogInfo("ddl sent, changefeed={} commit_ts={} query=\"{}\"", context_.changefeed, ddl.commit_ts,
            ddl.query);
  }
  return *outcome->status;
}

Status KafkaSink::SendDdl(std::vector<Message> messages, const std::vector<std::string>& topics,
                          Delivery* delivery, std::stop_token stop) {
  // A message a table; or one for all of them, which then each of their topics gets.
  const bool one_each = messages.size() == topics.size();
  std::set<std::pair<std::string, size_t>> sends;
  for (size_t message = 0; message < messages.size(); ++message)
    for (size_t topic = 0; topic < topics.size(); ++topic)
      if (!one_each || topic == message) sends.emplace(topics[topic], message);
  for (const auto& [name, message] : sends) {
    ASSIGN_OR_RETURN_STATUS(const QueueTopic* topic, queue_->OpenTopic(name, stop));
    const int32_t partitions =
        DdlToFirstPartitionOnly(config_.codec.protocol) ? 1 : topic->partitions;
    for (int32_t partition = 0; partition < partitions; ++partition) {
      delivery->Expect(1);
      queue_->Send(*topic, partition, messages[message], delivery);
    }
  }
  return Status::Ok();
}

}  // namespace cdc
