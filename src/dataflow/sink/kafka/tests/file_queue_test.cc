#include "dataflow/sink/kafka/file_queue.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace cdc {
namespace {

class FileQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.topic = "t";
    path_ = testing::TempDir() + "file_queue_test.jsonl";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string Contents() const {
    std::ifstream file(path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  KafkaSinkConfig config_;
  std::string path_;
};

TEST_F(FileQueueTest, WritesALineAMessage) {
  auto queue = FileQueue::Open(config_, path_).value();
  const QueueTopic* topic = queue->FindTopic("t");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->partitions, 3);
  Status outcome(Code::kUnexpected, "not called");
  Delivery* delivery = Delivery::Start([&](Status status) { outcome = std::move(status); });
  delivery->Expect(3);
  queue->Send(*topic, 2, {.key = std::nullopt, .value = "v"}, delivery);
  queue->Send(*topic, 0, {.key = "k", .value = std::nullopt}, delivery);
  queue->Send(*topic, 2, {.key = "", .value = "w"}, delivery);
  delivery->Finish(Status::Ok());
  EXPECT_TRUE(outcome.ok()) << outcome.ToString();
  queue.reset();
  EXPECT_EQ(Contents(),
            R"({"topic":"t","partition":2,"offset":0,"key":null,"value":"dg==","headers":{}})"
            "\n"
            R"({"topic":"t","partition":0,"offset":0,"key":"aw==","value":null,"headers":{}})"
            "\n"
            R"({"topic":"t","partition":2,"offset":1,"key":"","value":"dw==","headers":{}})"
            "\n");
}

TEST_F(FileQueueTest, TakesItsPartitionsFromTheConfiguration) {
  config_.partition_num = 7;
  auto queue = FileQueue::Open(config_, path_).value();
  EXPECT_EQ(queue->FindTopic("t")->partitions, 7);
  EXPECT_EQ(queue->OpenTopic("other", {}).value()->partitions, 7);
  EXPECT_EQ(queue->OpenTopics().size(), 2u);
}

TEST_F(FileQueueTest, SaysWhichFileCannotBeWritten) {
  const auto queue = FileQueue::Open(config_, "/no/such/dir/x");
  ASSERT_FALSE(queue);
  EXPECT_EQ(queue.error().ToString(),
            "[CDC:ErrSinkInvalidConfig]cannot write /no/such/dir/x: No such file or directory");
}

}  // namespace
}  // namespace cdc
