#include "dataflow/sink/kafka/producer.h"

#include <condition_variable>
#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/sink/kafka/tests/fake_kafka_admin.h"
#include "dataflow/sink/kafka/tests/mock_brokers.h"

namespace cdc {
namespace {

using testing::HasSubstr;

// Remembers how deliveries ended.
class Outcome {
 public:
  Delivery* Start() {
    return Delivery::Start([this](Status status) {
      std::lock_guard lock(mutex_);
      status_ = std::move(status);
      changed_.notify_all();
    });
  }
  // Ok, an error, or nullopt if it has not ended in time.
  std::optional<Status> Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [this] { return status_.has_value(); });
    return status_;
  }

 private:
  std::mutex mutex_;  // guards status_
  std::condition_variable changed_;
  std::optional<Status> status_;
};

class KafkaProducerTest : public testing::Test {
 protected:
  static constexpr int kPartitions = 2;

  KafkaProducerTest() {
    brokers_.CreateTopic("t", kPartitions);
    config_.brokers = {brokers_.addresses()};
    config_.topic = "t";
    config_.client_id = "test";
    Open();
  }

  void Open() {
    auto admin = std::make_unique<FakeKafkaAdmin>();
    admin->topics["t"] = {.partitions = partitions_told_, .replicas = 1};
    auto queue = KafkaProducer::Open(config_, std::move(admin), SystemClock(), {});
    ASSERT_TRUE(queue) << queue.error().ToString();
    queue_ = std::move(*queue);
    topic_ = queue_->FindTopic("t");
    ASSERT_NE(topic_, nullptr);
  }

  // "0", "1", … as values, alternating between the partitions.
  std::optional<Status> SendNumbers(int first, int count) {
    Outcome outcome;
    StartNumbers(first, count, &outcome);
    return outcome.Wait();
  }
  void StartNumbers(int first, int count, Outcome* outcome) {
    Delivery* delivery = outcome->Start();
    delivery->Expect(static_cast<size_t>(count));
    for (int i = first; i < first + count; ++i)
      queue_->Send(*topic_, i % kPartitions, {.key = "k", .value = std::to_string(i)}, delivery);
    delivery->Finish(Status::Ok());
  }
  void ExpectNumbers(int count) {
    for (int partition = 0; partition < kPartitions; ++partition) {
      const auto stored = brokers_.Read("t", partition, static_cast<size_t>(count / kPartitions));
      ASSERT_EQ(stored.size(), static_cast<size_t>(count / kPartitions));
      for (size_t i = 0; i < stored.size(); ++i)
        ASSERT_EQ(stored[i].value, std::to_string(static_cast<int>(i) * kPartitions + partition));
    }
  }

  int partitions_told_ = kPartitions;
  MockBrokers brokers_;
  KafkaSinkConfig config_;
  std::unique_ptr<MessageQueue> queue_;
  const QueueTopic* topic_ = nullptr;
};

TEST_F(KafkaProducerTest, DeliversInOrderAndSaysSo) {
  EXPECT_EQ(SendNumbers(0, 1000)->code(), Code::kOk);
  ExpectNumbers(1000);
  EXPECT_EQ(queue_->quota().used(), 0u);
}

TEST_F(KafkaProducerTest, KeepsNullsApartFromEmptyTexts) {
  Outcome outcome;
  Delivery* delivery = outcome.Start();
  delivery->Expect(3);
  queue_->Send(*topic_, 0, {.key = "k", .value = std::nullopt}, delivery);
  queue_->Send(*topic_, 0, {.key = std::nullopt, .value = "v"}, delivery);
  queue_->Send(*topic_, 0, {.key = "", .value = ""}, delivery);
  delivery->Finish(Status::Ok());
  ASSERT_TRUE(outcome.Wait()->ok());
  const auto stored = brokers_.Read("t", 0, 3);
  ASSERT_EQ(stored.size(), 3u);
  EXPECT_EQ(stored[0].value, std::nullopt);
  EXPECT_EQ(stored[1].key, std::nullopt);
  EXPECT_EQ(stored[2].key, "");
  EXPECT_EQ(stored[2].value, "");
}

TEST_F(KafkaProducerTest, KeepsTheOrderThroughRetries) {
  for (int round = 0; round < 5; ++round) {
    brokers_.FailProduce({RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
    ASSERT_EQ(SendNumbers(round * 100, 100)->code(), Code::kOk);
  }
  ExpectNumbers(500);
}

TEST_F(KafkaProducerTest, KeepsTheOrderWithoutIdempotenceToo) {
  config_.required_acks = 1;
  Open();
  for (int round = 0; round < 5; ++round) {
    brokers_.FailProduce(
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE});
    ASSERT_EQ(SendNumbers(round * 100, 100)->code(), Code::kOk);
  }
  ExpectNumbers(500);
}

TEST_F(KafkaProducerTest, OutlivesARestartOfTheBrokers) {
  ASSERT_TRUE(SendNumbers(0, 100)->ok());
  brokers_.Stop();
  Outcome outcome;
  StartNumbers(100, 100, &outcome);
  brokers_.Start();
  EXPECT_EQ(outcome.Wait()->code(), Code::kOk);
  ExpectNumbers(200);
}

TEST_F(KafkaProducerTest, FollowsALeader) {
  for (int round = 0; round < 6; ++round) {
    brokers_.SetLeader("t", 0, 1 + round % 2);
    ASSERT_EQ(SendNumbers(round * 100, 100)->code(), Code::kOk);
  }
  ExpectNumbers(600);
}

TEST_F(KafkaProducerTest, NamesTheMessageThatWasRefusedAndTakesNoMore) {
  brokers_.FailProduce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  const auto refused = SendNumbers(0, 1);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::kKafkaSend);
  EXPECT_THAT(refused->ToString(), HasSubstr("topic t partition 0"));
  EXPECT_THAT(refused->ToString(), HasSubstr("max.message.bytes"));
  EXPECT_EQ(SendNumbers(1, 1)->ToString(), refused->ToString());
  EXPECT_EQ(queue_->quota().used(), 0u);
}

TEST_F(KafkaProducerTest, NamesMissingRights) {
  brokers_.FailProduce({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  EXPECT_EQ(SendNumbers(0, 1)->code(), Code::kKafkaAuthorization);
}

TEST_F(KafkaProducerTest, NamesAPartitionThatIsNotThereAnyMore) {
  partitions_told_ = 10;
  Open();
  ASSERT_TRUE(SendNumbers(0, 2)->ok());
  Outcome outcome;
  Delivery* delivery = outcome.Start();
  delivery->Expect(1);
  queue_->Send(*topic_, 9, {.key = "k", .value = "v"}, delivery);
  delivery->Finish(Status::Ok());
  const auto status = outcome.Wait();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code(), Code::kKafkaSend);
  EXPECT_THAT(status->ToString(), HasSubstr("partition 9"));
}

// librdkafka's own thread spins while messages wait for a request before theirs.
TEST_F(KafkaProducerTest, RestsWhileItWaitsForAcknowledgements) {
  ASSERT_TRUE(SendNumbers(0, 2)->ok());
  brokers_.SetRoundTrip(1000);
  const std::clock_t before = std::clock();
  Outcome first;
  StartNumbers(2, 100, &first);
  Outcome second;
  StartNumbers(102, 100, &second);
  ASSERT_TRUE(first.Wait()->ok());
  ASSERT_TRUE(second.Wait()->ok());
  brokers_.SetRoundTrip(0);
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 4);
  ExpectNumbers(202);
}

TEST_F(KafkaProducerTest, DeliversSeveralBatchesOfAPartitionInOrder) {
  Outcome outcome;
  Delivery* delivery = outcome.Start();
  constexpr int kCount = 40;  // 4 MB: more than one request may hold, not more than the mock keeps
  delivery->Expect(kCount);
  for (int i = 0; i < kCount; ++i) {
    std::vector<Message> one(1);
    one[0].value = std::to_string(i) + std::string(100'000, ' ');
    queue_->Send(*topic_, 0, one, delivery);
  }
  delivery->Finish(Status::Ok());
  ASSERT_EQ(outcome.Wait()->code(), Code::kOk);
  const auto stored = brokers_.Read("t", 0, kCount);
  ASSERT_EQ(stored.size(), static_cast<size_t>(kCount));
  for (int i = 0; i < kCount; ++i)
    ASSERT_EQ(std::atoi(stored[static_cast<size_t>(i)].value->c_str()), i);
  EXPECT_EQ(queue_->quota().used(), 0u);
}

TEST_F(KafkaProducerTest, FailsWhatWaitsBehindWhatWasRefused) {
  brokers_.Stop();
  Outcome first, second;
  StartNumbers(0, 2, &first);
  StartNumbers(2, 2, &second);
  brokers_.FailProduce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  brokers_.Start();
  EXPECT_EQ(first.Wait()->code(), Code::kKafkaSend);
  EXPECT_EQ(second.Wait()->code(), Code::kKafkaSend);
  EXPECT_EQ(queue_->quota().used(), 0u);
}

TEST_F(KafkaProducerTest, CountsTheBytesThatAreUnderWay) {
  brokers_.Stop();
  Outcome outcome;
  Delivery* delivery = outcome.Start();
  delivery->Expect(1);
  queue_->Send(*topic_, 0, {.key = "k", .value = std::string(1000, 'v')}, delivery);
  delivery->Finish(Status::Ok());
  EXPECT_EQ(queue_->quota().used(), 1001 + kRecordOverhead);
  brokers_.Start();
  ASSERT_TRUE(outcome.Wait()->ok());
  EXPECT_EQ(queue_->quota().used(), 0u);
}

TEST_F(KafkaProducerTest, FailsWhatIsLeftWhenItEnds) {
  brokers_.Stop();
  Outcome outcome;
  StartNumbers(0, 10, &outcome);
  queue_.reset();
  EXPECT_EQ(outcome.Wait()->code(), Code::kStopped);
}

TEST_F(KafkaProducerTest, OpensNoTopicThatCannotBe) {
  EXPECT_EQ(queue_->FindTopic("other"), nullptr);
  EXPECT_TRUE(queue_->OpenTopic("other", {}));
  EXPECT_NE(queue_->FindTopic("other"), nullptr);
  config_.auto_create_topic = false;
  Open();
  EXPECT_EQ(queue_->OpenTopic("missing", {}).error().code(), Code::kKafkaTopicMissing);
}

}  // namespace
}  // namespace cdc
