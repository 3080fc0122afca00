// kafka://: rows, schema changes and watermarks as messages of topics.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "dataflow/dispatcher/event_router.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"
#include "dataflow/sink/kafka/message_queue.h"
#include "dataflow/sink/kafka/metrics.h"
#include "dataflow/sink/kafka/row_sender.h"
#include "dataflow/sink/sink.h"

namespace cdc {

// Rows are encoded on the thread that calls Write, as long as the queue has room and their topic is
// open; else by the sink's own thread, in the order in which they came. A batch is acknowledged
// when all of its messages are. Between partitions of one table there is no order; consumers that
// need one have the commit ts and watermarks.
//
// A watermark follows the rows below it in every partition of every topic in use here, or by the
// tables of SetTables. Watermarks that come faster than they are acknowledged are left out, but
// never the last one.
//
// Owns: the queue, one thread. Errors are sticky: after the first, everything fails with it.
class KafkaSink final : public Sink {
 public:
  // Connects and opens the default topic.
  static Result<std::unique_ptr<Sink>> Open(KafkaSinkConfig config, const SinkContext& context,
                                            MetricsRegistry& metrics);
  // Into a queue of the caller's.
  static Result<std::unique_ptr<Sink>> Make(KafkaSinkConfig config, const SinkContext& context,
                                            std::unique_ptr<MessageQueue> queue,
                                            MetricsRegistry& metrics);
  // All that can be checked without a connection.
  static Status Validate(const Uri& uri, const ReplicaConfig& config);

  // Gives a watermark under way a second to arrive.
  ~KafkaSink() override;

  void Write(std::shared_ptr<const RowBatch> batch, Done done) override;
  // To every partition, or for canal and canal-json to the first one, as TiCDC does.
  Status ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) override;
  Status Checkpoint(Ts ts) override;
  // Their topics are opened before the next watermark; the first time, their descriptions are sent
  // where the configuration asks for that.
  void SetTables(const std::vector<TableInfoPtr>& tables) override;

  // How often the topics are looked at for new partitions: as often as TiCDC does.
  static constexpr Duration kTopicCheckPeriod = 10min;

 private:
  struct Waiting {
    std::shared_ptr<const RowBatch> batch;
    Done done;
  };

  KafkaSink(KafkaSinkConfig config, const SinkContext& context, std::unique_ptr<EventRouter> router,
            std::unique_ptr<MessageQueue> queue, MetricsRegistry& metrics);

  void Run(std::stop_token stop);
  // Of the first one that waits. Both are called with `lock` held and give it up meanwhile.
  void SendWaiting(std::unique_lock<std::mutex>& lock, std::stop_token stop);
  void SendWatermark(std::unique_lock<std::mutex>& lock, std::stop_token stop);
  void CheckTopics(std::unique_lock<std::mutex>& lock);
  void SendNow(const RowBatch& batch, Done done);
  Status OpenTopicsOfTables(std::stop_token stop);
  Status SendBootstraps(const std::vector<TableInfoPtr>& tables);
  Status SendDdl(std::vector<Message> messages, const std::vector<std::string>& topics,
                 Delivery* delivery, std::stop_token stop);
  void WatermarkDone(const Status& status);
  void Fail(const Status& status);
  Status MayWrite() const;

  const KafkaSinkConfig config_;
  const SinkContext context_;
  KafkaSinkMetrics metrics_;
  const std::unique_ptr<EventRouter> router_;
  const CodecOptions control_options_;  // for DDL and watermarks, which have no size limit of ours

  std::mutex mutex_;  // guards all below up to the thread; not held while sending
  std::condition_variable_any changed_;
  std::deque<Waiting> waiting_;  // its first one stays here while it is sent
  std::optional<Ts> watermark_;  // to be sent
  bool watermark_under_way_ = false;
  std::set<std::string> topics_to_open_;  // of tables that other nodes may write
  std::vector<TableInfoPtr> tables_to_describe_;
  bool tables_described_ = false;
  SteadyTime next_topic_check_;
  Status failure_;

  std::unique_ptr<MessageQueue> queue_;  // its last callbacks use all above
  RowSender rows_;
  std::jthread runner_;
};

}  // namespace cdc
