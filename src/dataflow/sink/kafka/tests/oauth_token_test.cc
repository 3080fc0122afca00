#include "dataflow/sink/kafka/oauth_token.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

namespace cdc {
namespace {

using testing::HasSubstr;

KafkaSasl Sasl(const std::string& url) {
  KafkaSasl sasl;
  sasl.mechanism = KafkaSasl::Mechanism::kOauth;
  sasl.oauth_client_id = "me";
  sasl.oauth_client_secret = "s3cret&";
  sasl.oauth_token_url = url;
  sasl.oauth_scopes = {"a", "b"};
  sasl.oauth_audience = "kafka";
  return sasl;
}

// An OAuth server that answers as it is told.
class OauthTokenTest : public testing::Test {
 protected:
  OauthTokenTest() {
    server_.Post("/token", [this](const httplib::Request& request, httplib::Response& response) {
      form_ = request.params;
      response.status = status_;
      response.set_content(answer_, "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
  }
  ~OauthTokenTest() override { server_.stop(); }

  std::string Url() const { return fmt::format("http://127.0.0.1:{}/token", port_); }
  std::string Form(const std::string& name) const {
    const auto found = form_.find(name);
    return found == form_.end() ? "" : found->second;
  }

  httplib::Server server_;
  httplib::Params form_;
  int status_ = 200;
  std::string answer_ = R"({"access_token":"abc","expires_in":77})";
  int port_ = 0;
  std::jthread thread_;
};

TEST_F(OauthTokenTest, AsksWithTheClientsCredentials) {
  const auto token = FetchOauthToken(Sasl(Url()));
  ASSERT_TRUE(token) << token.error().ToString();
  EXPECT_EQ(token->token, "abc");
  EXPECT_EQ(token->lifetime.count(), 77);
  EXPECT_EQ(Form("grant_type"), "client_credentials");
  EXPECT_EQ(Form("client_id"), "me");
  EXPECT_EQ(Form("client_secret"), "s3cret&");
  EXPECT_EQ(Form("scope"), "a b");
  EXPECT_EQ(Form("audience"), "kafka");
}

TEST_F(OauthTokenTest, ARefusalIsTold) {
  status_ = 401;
  answer_ = "{\"error\":\"invalid_client\"}";
  const auto token = FetchOauthToken(Sasl(Url()));
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code(), Code::kKafkaAuthorization);
  EXPECT_THAT(token.error().ToString(), HasSubstr("invalid_client"));
}

TEST(ParseOauthAnswer, AnswersWithoutATokenAreErrors) {
  for (const char* answer :
       {"", "[]", "{}", R"({"access_token":1})", R"({"access_token":"a","expires_in":0})"})
    EXPECT_FALSE(ParseOauthAnswer(answer)) << answer;
  EXPECT_TRUE(ParseOauthAnswer(R"({"access_token":"a"})"));
}

TEST(OauthSettings, SurviveTheirText) {
  const auto read = ParseOauthSettings(OauthSettings(Sasl("https://x/y")));
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->oauth_client_secret, "s3cret&");
  EXPECT_EQ(read->oauth_scopes, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(ParseOauthSettings("{}"));
}

TEST(FetchOauthToken, RefusesUrlsThatAreNone) {
  EXPECT_EQ(FetchOauthToken(Sasl("ftp://x")).error().code(), Code::kKafkaConfig);
}

}  // namespace
}  // namespace cdc
