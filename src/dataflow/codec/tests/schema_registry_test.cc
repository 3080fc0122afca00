#include "dataflow/codec/schema_registry.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

// A clock on which waiting costs nothing: each sleep moves it.
class JumpingClock final : public Clock {
 public:
  SteadyTime Now() const override { return now_; }
  WallTime WallNow() const override { return {}; }
  bool SleepFor(Duration duration, std::stop_token) override {
    now_ += duration;
    ++sleeps;
    return true;
  }
  bool WaitUntil(std::unique_lock<std::mutex>&, std::condition_variable_any&, SteadyTime,
                 std::stop_token, const std::function<bool()>& ready) override {
    return ready();
  }
  int sleeps = 0;

 private:
  SteadyTime now_{};
};

// A registry that remembers what it was asked.
class SchemaRegistryTest : public testing::Test {
 protected:
  SchemaRegistryTest() {
    server_.Get("/base", [this](const httplib::Request& request, httplib::Response& response) {
      authorization_ = request.get_header_value("Authorization");
      response.set_content("{}", "application/json");
    });
    server_.Post(R"(/base/subjects/(.*)/versions)",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   ++posts_;
                   subject_ = request.matches[1];
                   schema_ = nlohmann::json::parse(request.body)["schema"];
                   response.status = status_;
                   response.set_content(answer_, "application/json");
                 });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~SchemaRegistryTest() override {
    server_.stop();
    thread_.join();
  }

  Result<std::unique_ptr<SchemaRegistry>> Connect() {
    return ConnectSchemaRegistry(
        {.url = "http://user:p%40ss@127.0.0.1:" + std::to_string(port_) + "/base/"}, clock_);
  }

  JumpingClock clock_;
  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::atomic<int> posts_ = 0;
  std::string authorization_;
  std::string subject_;
  std::string schema_;
  int status_ = 200;
  std::string answer_ = R"({"id":42})";
};

TEST_F(SchemaRegistryTest, AsksOnceForASchemasNumber) {
  auto registry = Connect();
  ASSERT_TRUE(registry) << registry.error().ToString();
  EXPECT_EQ(authorization_, "Basic dXNlcjpwQHNz");
  EXPECT_EQ((*registry)->Register("t-key", R"({"a":"\"b"})").value(), 42u);
  EXPECT_EQ((*registry)->Register("t-key", R"({"a":"\"b"})").value(), 42u);
  EXPECT_EQ(posts_, 1);
  EXPECT_EQ(subject_, "t-key");
  EXPECT_EQ(schema_, R"({"a":"\"b"})");
}

TEST_F(SchemaRegistryTest, SaysWhatTheRegistryRefused) {
  auto registry = Connect();
  ASSERT_TRUE(registry) << registry.error().ToString();
  status_ = 409;
  answer_ = R"({"error_code":409,"message":"incompatible"})";
  const auto refused = (*registry)->Register("t-value", "{}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kSchemaRegistry);
  EXPECT_NE(refused.error().message().find("incompatible"), std::string::npos);
  status_ = 200;
  answer_ = "{}";
  EXPECT_FALSE((*registry)->Register("t-value", "{}")) << "no id";
  answer_ = R"({"id":7})";
  EXPECT_EQ((*registry)->Register("t-value", "{}").value(), 7u) << "a refusal is not remembered";
}

TEST_F(SchemaRegistryTest, TriesForAWhileWhenNobodyAnswers) {
  server_.stop();
  const auto registry = Connect();
  ASSERT_FALSE(registry);
  EXPECT_EQ(registry.error().code(), Code::kSchemaRegistry);
  EXPECT_GE(clock_.sleeps, 3);
}

TEST_F(SchemaRegistryTest, RefusesWhatIsNoAddress) {
  EXPECT_EQ(ConnectSchemaRegistry({.url = "localhost:8081"}, clock_).error().code(),
            Code::kSinkConfig);
  EXPECT_EQ(ConnectSchemaRegistry({.url = "http:///path"}, clock_).error().code(),
            Code::kSinkConfig);
}

}  // namespace
}  // namespace cdc
