#include "dataflow/sink/kafka/topic_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/sink/kafka/tests/fake_kafka_admin.h"

namespace cdc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Time passes only by sleeping.
class SleepingClock final : public Clock {
 public:
  SteadyTime Now() const override { return now_; }
  WallTime WallNow() const override { return {}; }
  bool SleepFor(Duration duration, std::stop_token stop) override {
    now_ += duration;
    return !stop.stop_requested();
  }
  bool WaitUntil(std::unique_lock<std::mutex>&, std::condition_variable_any&, SteadyTime deadline,
                 std::stop_token, const std::function<bool()>& ready) override {
    now_ = deadline;
    return ready();
  }

 private:
  SteadyTime now_;
};

class TopicManagerTest : public testing::Test {
 protected:
  TopicManagerTest() { config_.topic = "t"; }

  Result<TopicUse> Open(const std::string& topic = "t") { return manager_.Open(topic, {}); }
  std::string Refusal(const std::string& topic = "t") {
    const auto use = Open(topic);
    EXPECT_FALSE(use);
    return use ? "" : use.error().ToString();
  }

  KafkaSinkConfig config_;
  FakeKafkaAdmin admin_;
  SleepingClock clock_;
  TopicManager manager_{config_, admin_, clock_};
};

TEST_F(TopicManagerTest, UsesAllPartitionsOfATopicThatIsThere) {
  admin_.topics["t"] = {.partitions = 7, .replicas = 1};
  EXPECT_EQ(Open()->partitions, 7);
  EXPECT_THAT(admin_.created, IsEmpty());
}

TEST_F(TopicManagerTest, UsesFewerPartitionsOfTheDefaultTopicIfToldTo) {
  config_.partition_num = 4;
  admin_.topics["t"] = {.partitions = 7, .replicas = 1};
  admin_.topics["other"] = {.partitions = 2, .replicas = 1};
  EXPECT_EQ(Open()->partitions, 4);
  EXPECT_EQ(Open("other")->partitions, 2);
}

TEST_F(TopicManagerTest, RefusesMorePartitionsThanTheTopicHas) {
  config_.partition_num = 8;
  admin_.topics["t"] = {.partitions = 7, .replicas = 1};
  EXPECT_THAT(Refusal(), HasSubstr("partition-num is 8, but topic t has 7"));
}

TEST_F(TopicManagerTest, MakesAMissingTopic) {
  config_.replication_factor = 2;
  EXPECT_EQ(Open()->partitions, 3);
  config_.partition_num = 5;
  EXPECT_EQ(Open("other")->partitions, 5);
  EXPECT_THAT(admin_.created, ElementsAre("t:3x2", "other:5x2"));
}

TEST_F(TopicManagerTest, WaitsUntilTheBrokersKnowTheNewTopic) {
  admin_.hidden_describes = 4;
  EXPECT_EQ(Open()->partitions, 3);
}

TEST_F(TopicManagerTest, DoesNotMakeTopicsWithoutLeave) {
  config_.auto_create_topic = false;
  EXPECT_THAT(Refusal(), HasSubstr("[CDC:ErrKafkaTopicNotExists]topic t is not there"));
  EXPECT_THAT(admin_.created, IsEmpty());
}

TEST_F(TopicManagerTest, PassesOnWhyATopicCannotBeMade) {
  admin_.create_error = Status(Code::kKafkaCreateTopic, "replication factor above brokers");
  EXPECT_EQ(Open().error().code(), Code::kKafkaCreateTopic);
  admin_.create_error = Status(Code::kKafkaAuthorization, "no CREATE");
  EXPECT_EQ(Open().error().code(), Code::kKafkaAuthorization);
}

TEST_F(TopicManagerTest, RefusesToMakeATopicThatCouldNeverAcknowledge) {
  admin_.config["min.insync.replicas"] = "2";
  EXPECT_THAT(Refusal(), HasSubstr("min.insync.replicas 2"));
  EXPECT_THAT(admin_.created, IsEmpty());
  config_.required_acks = 1;
  EXPECT_TRUE(Open());
}

TEST_F(TopicManagerTest, RefusesATopicThatCanNeverAcknowledge) {
  admin_.topics["t"] = {.partitions = 1, .replicas = 1};
  admin_.config["t/min.insync.replicas"] = "2";
  EXPECT_THAT(Refusal(), HasSubstr("topic t has 1 replicas"));
  config_.required_acks = 1;
  EXPECT_TRUE(Open());
}

TEST_F(TopicManagerTest, LearnsTheMessageLimitOfEachTopic) {
  admin_.topics["t"] = admin_.topics["other"] = {.partitions = 1, .replicas = 1};
  admin_.config["t/max.message.bytes"] = "2000";
  admin_.config["message.max.bytes"] = "3000";
  EXPECT_EQ(Open("t")->message_bytes_max, 2000u - 128);
  EXPECT_EQ(Open("other")->message_bytes_max, 3000u - 128);
}

TEST_F(TopicManagerTest, TheConfiguredLimitHoldsWhereNoneCanBeLearned) {
  config_.codec.max_batch_bytes = 4000;
  admin_.topics["t"] = {.partitions = 1, .replicas = 1};
  admin_.config_error = Status(Code::kKafkaAuthorization, "no DESCRIBE_CONFIGS");
  EXPECT_EQ(Open()->message_bytes_max, 4000u);
}

TEST_F(TopicManagerTest, TriesAgainWhileBrokersAreAway) {
  admin_.topics["t"] = {.partitions = 1, .replicas = 1};
  admin_.failures_before_answer = 20;
  EXPECT_TRUE(Open());
  admin_.failures_before_answer = 100'000;
  EXPECT_EQ(Open().error().code(), Code::kDeadline);
}

TEST_F(TopicManagerTest, DoesNotTryAgainWhatWillNotPass) {
  admin_.failures_before_answer = 2;
  admin_.failure = Status(Code::kKafkaAuthorization, "wrong password");
  EXPECT_EQ(Open().error().code(), Code::kKafkaAuthorization);
  EXPECT_EQ(admin_.failures_before_answer, 1);
}

TEST_F(TopicManagerTest, GivesUpWhenStopped) {
  admin_.failures_before_answer = 100;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(manager_.Open("t", stop.get_token()));
  EXPECT_EQ(admin_.failures_before_answer, 99);
}

TEST_F(TopicManagerTest, NoticesNewPartitionsAndLostTopics) {
  admin_.topics["t"] = {.partitions = 2, .replicas = 1};
  ASSERT_TRUE(Open());
  EXPECT_TRUE(manager_.Check().ok());
  admin_.topics["t"].partitions = 3;
  EXPECT_THAT(manager_.Check().ToString(),
              HasSubstr("[CDC:ErrKafkaInvalidPartitionNum]topic t has 3 partitions now, 2 when"));
  admin_.topics.clear();
  EXPECT_EQ(manager_.Check().code(), Code::kKafkaTopicMissing);
  admin_.failures_before_answer = 1;
  EXPECT_TRUE(manager_.Check().ok());  // no answer is no news
}

TEST_F(TopicManagerTest, NewPartitionsBeyondPartitionNumDoNotMatter) {
  config_.partition_num = 2;
  admin_.topics["t"] = {.partitions = 2, .replicas = 1};
  ASSERT_TRUE(Open());
  admin_.topics["t"].partitions = 3;
  EXPECT_TRUE(manager_.Check().ok());
}

}  // namespace
}  // namespace cdc
