#include "dataflow/sink/kafka/kafka_sink.h"

#include <future>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"
#include "dataflow/sink/kafka/tests/fake_message_queue.h"

namespace cdc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// How a batch ended.
class Ack {
 public:
  Sink::Done Done() {
    return [this](Status status) { promise_.set_value(std::move(status)); };
  }
  bool Ended() { return future_.wait_for(0ms) == std::future_status::ready; }
  Status Wait() {
    if (future_.wait_for(20s) != std::future_status::ready)
      return Status(Code::kDeadline, "never acknowledged");
    return future_.get();
  }

 private:
  std::promise<Status> promise_;
  std::future<Status> future_ = promise_.get_future();
};

template <typename Condition>
bool Eventually(Condition condition) {
  const SteadyTime deadline = SystemClock().Now() + 20s;
  while (!condition())
    if (SystemClock().Now() > deadline || !SystemClock().SleepFor(1ms, {})) return false;
  return true;
}

class KafkaSinkTest : public testing::Test {
 protected:
  KafkaSinkTest()
      : table_(MakeTable({{.name = "id", .type = MysqlType::kLonglong, .flags = kTestPrimaryKey},
                          {.name = "v", .type = MysqlType::kLonglong}})) {}

  void Open(const std::string& parameters = "protocol=canal-json&enable-tidb-extension=true",
            size_t queue_bytes = size_t{1} << 20) {
    auto config = KafkaSinkConfig::Make(Uri::Parse("kafka://b:1/main?" + parameters).value(),
                                        replica_config_, "feed");
    ASSERT_TRUE(config) << config.error().ToString();
    auto queue = std::make_unique<FakeMessageQueue>(queue_bytes);
    queue_ = queue.get();
    queue_->SetPartitions(partitions_);
    queue_->SetMessageBytesMax(message_bytes_max_);
    ASSERT_TRUE(queue_->OpenTopic("main", {}));
    auto sink = KafkaSink::Make(*config,
                                {.changefeed = "feed",
                                 .config = &replica_config_,
                                 .clock = &SystemClock(),
                                 .may_write = [this] { return may_write_.load(); }},
                                std::move(queue), metrics_);
    ASSERT_TRUE(sink) << sink.error().ToString();
    sink_ = std::move(*sink);
  }

  // Inserts of rows with these ids, each a transaction with its id as commit ts.
  std::shared_ptr<RowBatch> Inserts(const std::vector<int64_t>& ids) {
    auto batch = std::make_shared<RowBatch>();
    batch->tables.push_back(table_);
    for (const int64_t id : ids) {
      auto& values = values_.emplace_back(
          std::make_unique<std::vector<Datum>>(std::vector{Datum::Int(id), Datum::Int(0)}));
      RowChange& row = batch->rows.emplace_back();
      row.table = table_.get();
      row.physical_id = table_->id;
      row.start_ts = Ts(static_cast<uint64_t>(id));
      row.commit_ts = Ts(static_cast<uint64_t>(id));
      row.after = *values;
    }
    return batch;
  }

  std::vector<uint64_t> SentTs() const {
    std::vector<uint64_t> ts;
    for (const SentMessage& sent : queue_->sent()) ts.push_back(sent.message.ts.raw());
    return ts;
  }

  double Watermarks() { return KafkaSinkMetrics(metrics_, "feed").watermarks.Value(); }

  DdlEvent Ddl(uint64_t ts) {
    DdlEvent ddl;
    ddl.type = DdlType::kAddColumn;
    ddl.schema = "test";
    ddl.table = "t";
    ddl.query = "ALTER TABLE t ADD COLUMN x INT";
    ddl.commit_ts = Ts(ts);
    ddl.tables = {{.before = table_, .after = table_}};
    return ddl;
  }

  std::shared_ptr<TableInfo> table_;
  std::vector<std::unique_ptr<std::vector<Datum>>> values_;
  ReplicaConfig replica_config_;
  int32_t partitions_ = 3;
  size_t message_bytes_max_ = size_t{1} << 20;
  std::atomic<bool> may_write_{true};
  MetricsRegistry metrics_;
  FakeMessageQueue* queue_ = nullptr;  // the sink's
  std::unique_ptr<Sink> sink_;
};

TEST_F(KafkaSinkTest, AcknowledgesABatchWhenItsLastMessageHasArrived) {
  Open();
  queue_->Hold();
  Ack ack;
  sink_->Write(Inserts({1, 2, 3}), ack.Done());
  EXPECT_THAT(SentTs(), ElementsAre(1, 2, 3));
  EXPECT_FALSE(ack.Ended());
  queue_->Release();
  EXPECT_TRUE(ack.Wait().ok());
}

TEST_F(KafkaSinkTest, RowsOfATableShareAPartitionByDefault) {
  Open();
  Ack ack;
  sink_->Write(Inserts({1, 2, 3, 4, 5, 6}), ack.Done());
  ASSERT_TRUE(ack.Wait().ok());
  const auto sent = queue_->sent();
  for (const SentMessage& one : sent) EXPECT_EQ(one.partition, sent.front().partition);
}

TEST_F(KafkaSinkTest, WatermarksReachTopicsThatOnlyOtherNodesWriteTo) {
  replica_config_.sink.dispatchers = {{.matcher = {"*.*"}, .topic = "{schema}.{table}"}};
  Open();
  sink_->SetTables({table_});
  ASSERT_TRUE(sink_->Checkpoint(Ts(9)).ok());
  ASSERT_TRUE(Eventually([&] { return queue_->sent().size() == 6; }));
  std::set<std::string> topics;
  for (const SentMessage& sent : queue_->sent()) topics.insert(sent.topic);
  EXPECT_THAT(topics, ElementsAre("main", "test.t"));
}

TEST_F(KafkaSinkTest, DescribesATableBeforeItsFirstRows) {
  Open("protocol=simple");
  for (int i = 0; i < 2; ++i) {
    Ack ack;
    sink_->Write(Inserts({i + 1}), ack.Done());
    ASSERT_TRUE(ack.Wait().ok());
  }
  const auto sent = queue_->sent();
  ASSERT_EQ(sent.size(), 5u) << "a description for each of three partitions, two rows";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sent[static_cast<size_t>(i)].partition, i);
    EXPECT_THAT(*sent[static_cast<size_t>(i)].message.value, HasSubstr("BOOTSTRAP"));
  }
}

TEST_F(KafkaSinkTest, DescribesAllTablesAtTheStartIfAskedTo) {
  replica_config_.sink.send_all_bootstrap_at_start = true;
  replica_config_.sink.send_bootstrap_to_all_partition = false;
  Open("protocol=simple");
  sink_->SetTables({table_});
  ASSERT_TRUE(sink_->Checkpoint(Ts(9)).ok());
  ASSERT_TRUE(Eventually([&] { return queue_->sent().size() == 4; }));
  EXPECT_THAT(*queue_->sent()[0].message.value, HasSubstr("BOOTSTRAP"));
  sink_->SetTables({table_});
  ASSERT_TRUE(sink_->Checkpoint(Ts(10)).ok());
  ASSERT_TRUE(Eventually([&] { return queue_->sent().size() == 7; }));
}

TEST_F(KafkaSinkTest, DispatchRulesChooseTopicAndPartition) {
  replica_config_.sink.dispatchers = {
      {.matcher = {"test.*"}, .partition = "ts", .topic = "{schema}.{table}"}};
  Open();
  Ack ack;
  sink_->Write(Inserts({3, 4, 5, 6}), ack.Done());
  ASSERT_TRUE(ack.Wait().ok());
  std::map<uint64_t, int32_t> partitions;
  for (const SentMessage& one : queue_->sent()) {
    EXPECT_EQ(one.topic, "test.t");
    partitions[one.message.ts.raw()] = one.partition;
  }
  EXPECT_EQ(partitions, (std::map<uint64_t, int32_t>{{3, 0}, {4, 1}, {5, 2}, {6, 0}}));
}

TEST_F(KafkaSinkTest, RowsWaitWhileTheQueueIsFullAndKeepTheirOrder) {
  Open("protocol=canal-json&enable-tidb-extension=true", /*queue_bytes=*/100);
  queue_->Hold();
  Ack first;
  Ack second;
  Ack third;
  sink_->Write(Inserts({1}), first.Done());
  sink_->Write(Inserts({2}), second.Done());
  sink_->Write(Inserts({3}), third.Done());
  EXPECT_THAT(SentTs(), ElementsAre(1));
  queue_->Release();
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
  EXPECT_TRUE(third.Wait().ok());
  EXPECT_THAT(SentTs(), ElementsAre(1, 2, 3));
}

TEST_F(KafkaSinkTest, ALostMessageFailsItsBatchAndAllAfterIt) {
  Open();
  queue_->Hold();
  Ack lost;
  sink_->Write(Inserts({1, 2}), lost.Done());
  queue_->Release(Status(Code::kKafkaSend, "refused"));
  EXPECT_EQ(lost.Wait().code(), Code::kKafkaSend);
  Ack later;
  sink_->Write(Inserts({3}), later.Done());
  EXPECT_EQ(later.Wait().code(), Code::kKafkaSend);
  EXPECT_EQ(sink_->Checkpoint(Ts(9)).code(), Code::kKafkaSend);
  EXPECT_EQ(sink_->ExecuteDdl(Ddl(10), {}).code(), Code::kKafkaSend);
  EXPECT_THAT(SentTs(), ElementsAre(1, 2));
}

TEST_F(KafkaSinkTest, ARowThatCannotFitFailsByName) {
  message_bytes_max_ = 60;
  Open();
  Ack ack;
  sink_->Write(Inserts({1}), ack.Done());
  const Status status = ack.Wait();
  EXPECT_EQ(status.code(), Code::kMessageTooLarge);
  EXPECT_THAT(status.ToString(), HasSubstr("test.t"));
}

TEST_F(KafkaSinkTest, ATopicThatCannotBeOpenedFailsTheBatch) {
  replica_config_.sink.dispatchers = {{.matcher = {"*.*"}, .topic = "other"}};
  Open();
  queue_->FailOpen(Status(Code::kKafkaTopicMissing, "no other"));
  Ack ack;
  sink_->Write(Inserts({1}), ack.Done());
  EXPECT_EQ(ack.Wait().code(), Code::kKafkaTopicMissing);
}

TEST_F(KafkaSinkTest, SendsNothingOnceTheLeaseMayHaveLapsed) {
  Open();
  may_write_ = false;
  Ack ack;
  sink_->Write(Inserts({1}), ack.Done());
  EXPECT_EQ(ack.Wait().code(), Code::kLeaseExpired);
  EXPECT_FALSE(sink_->ExecuteDdl(Ddl(2), {}).ok());
  EXPECT_THAT(queue_->sent(), IsEmpty());
}

TEST_F(KafkaSinkTest, DdlGoesWhereTheProtocolsConsumersLookForIt) {
  Open("protocol=canal-json");
  ASSERT_TRUE(sink_->ExecuteDdl(Ddl(7), {}).ok());
  ASSERT_THAT(queue_->sent(), SizeIs(1));
  EXPECT_EQ(queue_->sent()[0].partition, 0);
  Open("protocol=open-protocol");
  ASSERT_TRUE(sink_->ExecuteDdl(Ddl(7), {}).ok());
  EXPECT_THAT(SentTs(), ElementsAre(7, 7, 7));
}

TEST_F(KafkaSinkTest, TellsNothingOfSequences) {
  Open("protocol=open-protocol");
  auto sequence = MakeTable({{.name = "id", .type = MysqlType::kLonglong}});
  sequence->kind = TableInfo::Kind::kSequence;
  DdlEvent rename = Ddl(7);
  rename.type = DdlType::kRenameTable;
  rename.query = "RENAME TABLE s TO s2";
  rename.tables = {{.before = sequence, .after = sequence}};
  ASSERT_TRUE(sink_->ExecuteDdl(rename, {}).ok());
  EXPECT_THAT(queue_->sent(), IsEmpty()) << "consumers do not know it: its CREATE is not sent";
}

TEST_F(KafkaSinkTest, DdlWaitsForItsAcknowledgement) {
  Open("protocol=open-protocol");
  queue_->Hold();
  auto ran = std::async(std::launch::async, [&] { return sink_->ExecuteDdl(Ddl(7), {}); });
  EXPECT_TRUE(Eventually([&] { return queue_->sent().size() == 3; }));
  EXPECT_EQ(ran.wait_for(0ms), std::future_status::timeout);
  queue_->Release();
  EXPECT_TRUE(ran.get().ok());
}

TEST_F(KafkaSinkTest, DdlGivesUpWhenStopped) {
  Open("protocol=open-protocol");
  queue_->Hold();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(sink_->ExecuteDdl(Ddl(7), stop.get_token()).code(), Code::kStopped);
}

TEST_F(KafkaSinkTest, WatermarksGoToAllPartitionsOfAllOpenTopics) {
  replica_config_.sink.dispatchers = {{.matcher = {"*.*"}, .topic = "other"}};
  Open();
  Ack ack;
  sink_->Write(Inserts({1}), ack.Done());
  ASSERT_TRUE(ack.Wait().ok());
  ASSERT_TRUE(sink_->Checkpoint(Ts(5)).ok());
  ASSERT_TRUE(Eventually([&] { return queue_->sent().size() == 1 + 6; }));
  std::map<std::string, int> topics;
  for (const SentMessage& one : queue_->sent())
    if (one.message.ts == Ts(5)) ++topics[one.topic];
  EXPECT_EQ(topics, (std::map<std::string, int>{{"main", 3}, {"other", 3}}));
}

TEST_F(KafkaSinkTest, OnlyTheLastOfTheWatermarksThatPileUpIsSent) {
  partitions_ = 1;
  Open();
  queue_->Hold();
  ASSERT_TRUE(sink_->Checkpoint(Ts(5)).ok());
  ASSERT_TRUE(Eventually([&] { return queue_->sent().size() == 1; }));
  for (uint64_t ts = 6; ts <= 9; ++ts) ASSERT_TRUE(sink_->Checkpoint(Ts(ts)).ok());
  queue_->Release();
  ASSERT_TRUE(Eventually([&] { return queue_->sent().size() == 2; }));
  EXPECT_THAT(SentTs(), ElementsAre(5, 9));
}

TEST_F(KafkaSinkTest, TheLastWatermarkIsNeverLeftOut) {
  partitions_ = 1;
  Open();
  for (uint64_t ts = 1; ts <= 3; ++ts) ASSERT_TRUE(sink_->Checkpoint(Ts(ts)).ok());
  ASSERT_TRUE(Eventually([&] { return !SentTs().empty() && SentTs().back() == 3; }));
}

TEST_F(KafkaSinkTest, ProtocolsWithoutWatermarksSendNone) {
  Open("protocol=canal-json");
  ASSERT_TRUE(sink_->Checkpoint(Ts(5)).ok());
  sink_.reset();  // not before the watermark was looked at
  EXPECT_EQ(Watermarks(), 0);
}

TEST_F(KafkaSinkTest, AWatermarkIsSentBeforeTheEnd) {
  Open();
  ASSERT_TRUE(sink_->Checkpoint(Ts(5)).ok());
  sink_.reset();
  EXPECT_EQ(Watermarks(), 1);
}

TEST_F(KafkaSinkTest, WhatIsLeftAtTheEndIsNotAcknowledged) {
  Open("protocol=canal-json", /*queue_bytes=*/100);
  queue_->Hold();
  Ack sent;
  Ack waiting;
  sink_->Write(Inserts({1}), sent.Done());
  sink_->Write(Inserts({2}), waiting.Done());
  sink_.reset();
  EXPECT_EQ(sent.Wait().code(), Code::kStopped);
  EXPECT_EQ(waiting.Wait().code(), Code::kStopped);
}

TEST(KafkaSinkValidate, RefusesWhatNeedsNoBrokerToBeSeenWrong) {
  const auto check = [](const char* uri, const ReplicaConfig& config = {}) {
    return KafkaSink::Validate(Uri::Parse(uri).value(), config);
  };
  EXPECT_TRUE(check("kafka://b/t?protocol=canal-json").ok());
  EXPECT_FALSE(check("kafka://b/t?protocol=nonsense").ok());
  EXPECT_FALSE(check("kafka://b/t?protocol=canal-json&x=1").ok());
  ReplicaConfig config;
  config.sink.dispatchers = {{.matcher = {"a.b"}, .topic = "{nonsense}"}};
  EXPECT_THAT(check("kafka://b/t?protocol=canal-json", config).ToString(), HasSubstr("{nonsense}"));
}

}  // namespace
}  // namespace cdc
