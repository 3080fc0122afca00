// The HTTP paths of a node that is alone in its cluster, over a real etcd.
#include "edge/api/http_server.h"

#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/etcd/tests/etcd_process.h"
#include "edge/api/json_views.h"
#include "testing/fake_pd.h"
#include "testing/fake_tikv.h"

namespace cdc {
namespace {

bool Eventually(const std::function<bool()>& condition) {
  const SteadyTime deadline = SystemClock().Now() + 30s;
  while (!condition()) {
    if (SystemClock().Now() > deadline) return false;
    (void)SystemClock().SleepFor(5ms, {});
  }
  return true;
}

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    EXPECT_TRUE(Eventually([&] { return capture_.IsOwner(); }));
    ChangefeedInfo info;
    info.sink_uri = "mysql://root:secret@127.0.0.1:1/";
    info.state = FeedState::kStopped;
    info.start_ts = Ts::FromUnixMs(1'700'000'000'000);
    EXPECT_TRUE(etcd_client_->Put(paths_.Info("feed"), info.ToJson()).ok());
  }

  httplib::Result Get(const std::string& path) { return http_client_.Get(path); }
  OrderedJson GetJson(const std::string& path) {
    const auto answer = Get(path);
    EXPECT_TRUE(answer && answer->status == 200) << path;
    return answer ? OrderedJson::parse(answer->body, nullptr, false) : OrderedJson();
  }
  httplib::Result Post(const std::string& path, const httplib::Params& form) {
    return http_client_.Post(path, form);
  }

  const int port_ = FreePort();
  const KeyPaths paths_;
  EtcdProcess etcd_;
  std::unique_ptr<EtcdClient> etcd_client_ = etcd_.Client();
  FakePd pd_;
  FakeTiKv tikv_{pd_, 1};
  std::unique_ptr<TiKvClient> tikv_client_ =
      TiKvClient::Open(pd_.endpoints(), {}, {}, SystemClock()).value();
  WorkerPool workers_{1};
  Capture capture_{{.advertise_addr = "127.0.0.1:" + std::to_string(port_),
                    .version = "v",
                    .time_zone = "",
                    .paths = paths_,
                    .etcd = etcd_client_.get(),
                    .tikv = tikv_client_.get(),
                    .workers = &workers_,
                    .clock = &SystemClock()}};
  std::jthread run_{[this](std::stop_token stop) { EXPECT_TRUE(capture_.Run(stop).ok()); }};
  std::unique_ptr<HttpServer> server_ =
      HttpServer::Open({.addr = "127.0.0.1:" + std::to_string(port_),
                        .tls = {},
                        .paths = paths_,
                        .cluster_id = "",
                        .capture = &capture_,
                        .etcd = etcd_client_.get(),
                        .tikv = tikv_client_.get()})
          .value();
  httplib::Client http_client_{"127.0.0.1", port_};
};

TEST_F(HttpServerTest, TellsWhoItIs) {
  const OrderedJson status = GetJson("/status");
  EXPECT_EQ(status["id"], capture_.info().id);
  EXPECT_EQ(status["is_owner"], true);
  EXPECT_EQ(GetJson("/api/v1/captures")[0]["is_owner"], true);
  EXPECT_EQ(GetJson("/api/v2/captures")["total"], 1);
  EXPECT_EQ(Get("/api/v2/health")->status, 200);
  EXPECT_NE(Get("/metrics")->body.find("ticdc_owner_ownership_counter"), std::string::npos);
}

TEST_F(HttpServerTest, ShowsChangefeedsWithoutTheirPasswords) {
  const OrderedJson list = GetJson("/api/v1/changefeeds");
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["id"], "feed");
  EXPECT_EQ(list[0]["state"], "stopped");
  EXPECT_EQ(list[0]["checkpoint-time"], "2023-11-14 22:13:20.000");
  EXPECT_EQ(GetJson("/api/v1/changefeeds?state=normal").size(), 0u);
  for (const char* path : {"/api/v2/changefeeds/feed", "/debug/info"})
    EXPECT_EQ(Get(path)->body.find("secret"), std::string::npos) << path;
}

TEST_F(HttpServerTest, AnswersErrorsInTheFormOfEachGeneration) {
  const auto later = Get("/api/v2/changefeeds/nobody");
  EXPECT_EQ(later->status, 404);
  EXPECT_EQ(OrderedJson::parse(later->body)["error_code"], "CDC:ErrChangeFeedNotExists");
  const auto older = Post("/capture/owner/admin", {{"admin-job", "1"}, {"cf-id", "nobody"}});
  EXPECT_EQ(older->status, 404);
  EXPECT_TRUE(older->body.starts_with("[CDC:ErrChangeFeedNotExists]")) << older->body;
  EXPECT_EQ(Post("/capture/owner/admin", {{"admin-job", "9"}, {"cf-id", "feed"}})->status, 400);
}

TEST_F(HttpServerTest, TheOwnerRemovesAChangefeed) {
  EXPECT_EQ(Post("/capture/owner/admin", {{"admin-job", "3"}, {"cf-id", "feed"}})->status, 200);
  EXPECT_TRUE(Eventually([&] { return GetJson("/api/v1/changefeeds").empty(); }));
}

// As `curl -X POST` sends it: neither a body nor its length.
TEST_F(HttpServerTest, APostNeedsNoBody) {
  const auto ownership = [&] { return etcd_client_->GetPrefix("/tidb/cdc/owner")->kvs; };
  const int64_t before = ownership().at(0).create_revision;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string request = "POST /capture/owner/resign HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  char answer[64] = {};
  ASSERT_GT(recv(fd, answer, sizeof answer - 1, 0), 0);
  EXPECT_TRUE(std::string_view(answer).starts_with("HTTP/1.1 200")) << answer;
  close(fd);
  // The only candidate wins the next election, too.
  EXPECT_TRUE(Eventually([&] {
    const auto now = ownership();
    return !now.empty() && now.at(0).create_revision > before;
  }));
}

TEST_F(HttpServerTest, ARequestForTheOwnerWaitsForTheNextOne) {
  ASSERT_EQ(Post("/capture/owner/resign", {})->status, 200);
  const auto removed = http_client_.Delete("/api/v2/changefeeds/feed");
  EXPECT_EQ(removed->status, 200) << removed->body;
}

TEST_F(HttpServerTest, ChangesTheLogLevelAndRefusesUnknownOnes) {
  const auto post = [&](const std::string& body) {
    return http_client_.Post("/admin/log", body, "application/json")->status;
  };
  EXPECT_EQ(post("\"warn\""), 200);
  EXPECT_EQ(post("\"loud\""), 400);
  EXPECT_EQ(post("warn"), 400);
}

TEST_F(HttpServerTest, CreatesChangesAndRemovesAChangefeed) {
  const auto send = [&](const char* method, const std::string& path, const OrderedJson& body) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.body = body.dump();
    request.set_header("Content-Type", "application/json");
    return http_client_.send(request);
  };
  const std::string base = "/api/v2/changefeeds";
  const auto made = send("POST", base,
                         {{"changefeed_id", "made"},
                          {"sink_uri", "blackhole://"},
                          {"replica_config", {{"filter", {{"rules", {"none.*"}}}}}}});
  ASSERT_EQ(made->status, 200) << made->body;
  EXPECT_EQ(OrderedJson::parse(made->body)["config"]["filter"]["rules"][0], "none.*");
  EXPECT_EQ(send("POST", base, {{"changefeed_id", "made"}, {"sink_uri", "blackhole://"}})->status,
            400);
  EXPECT_EQ(send("PUT", base + "/made", {{"sink_uri", "blackhole://other"}})->status, 400)
      << "it is not stopped";
  ASSERT_EQ(http_client_.Post(base + "/made/pause")->status, 200);
  EXPECT_EQ(GetJson(base + "/made/status")["state"], "stopped");
  const auto changed = send("PUT", base + "/made", {{"sink_uri", "blackhole://other"}});
  ASSERT_EQ(changed->status, 200) << changed->body;
  EXPECT_EQ(GetJson(base + "/made")["sink_uri"], "blackhole://other");
  EXPECT_EQ(GetJson(base + "/made")["config"]["filter"]["rules"][0], "none.*");
  EXPECT_EQ(http_client_.Delete(base + "/made")->status, 200);
  EXPECT_EQ(Get(base + "/made")->status, 404);
  EXPECT_EQ(http_client_.Delete(base + "/made")->status, 200) << "gone is gone";
}

TEST_F(HttpServerTest, NamesWhatIsWrongWithABody) {
  const auto refused = [&](const std::string& body) {
    const auto answer = http_client_.Post("/api/v2/changefeeds", body, "application/json");
    EXPECT_EQ(answer->status, 400) << answer->body;
    return OrderedJson::parse(answer->body)["error_msg"].get<std::string>();
  };
  EXPECT_NE(refused("[]").find("JSON object"), std::string::npos);
  EXPECT_NE(refused(R"({"sink_url": "blackhole://"})").find("sink_url"), std::string::npos);
  EXPECT_NE(refused(R"({"sink_uri": 1})").find("sink_uri"), std::string::npos);
  EXPECT_NE(refused(R"({"sink_uri": "blackhole://", "start_ts": -1})").find("start_ts"),
            std::string::npos);
  EXPECT_NE(
      refused(R"({"sink_uri": "blackhole://", "replica_config": {"no_such": 1}})").find("no-such"),
      std::string::npos);
  EXPECT_NE(refused(R"({"changefeed_id": "a"})").find("sink"), std::string::npos);
}

TEST_F(HttpServerTest, AResumeMayStartSomewhereElse) {
  const std::string path = "/api/v2/changefeeds/feed";
  const uint64_t ts = tikv_client_->pd().GetTs()->raw();
  const auto resume = [&](uint64_t at) {
    return http_client_.Post(path + "/resume",
                             fmt::format(R"({{"overwrite_checkpoint_ts": {}}})", at),
                             "application/json");
  };
  EXPECT_EQ(resume(ts + (uint64_t{3'600'000} << 18))->status, 400) << "in the future";
  const auto resumed = resume(ts);
  ASSERT_EQ(resumed->status, 200) << resumed->body;
  EXPECT_GE(GetJson(path + "/status")["checkpoint_ts"], ts);
}

TEST_F(HttpServerTest, DescribesEveryPathItServes) {
  const OrderedJson document = GetJson("/openapi.json");
  EXPECT_EQ(document["openapi"], "3.0.3");
  const OrderedJson& paths = document["paths"];
  for (const char* path : {"/status", "/metrics", "/capture/owner/admin", "/api/v1/changefeeds",
                           "/api/v2/changefeeds/{changefeed_id}/resume", "/api/v2/tso"})
    EXPECT_TRUE(paths.contains(path)) << path;
  for (const auto& [path, operations] : paths.items())
    for (const auto& [method, operation] : operations.items())
      for (const auto& [code, answer] : operation["responses"].items())
        if (answer.contains("content")) {
          const std::string schema = answer["content"]["application/json"]["schema"]["$ref"];
          const std::string name = schema.substr(schema.rfind('/') + 1);
          EXPECT_TRUE(document["components"]["schemas"].contains(name)) << path << " " << name;
        }
}

TEST_F(HttpServerTest, UnknownPathsAndMethodsAreRefused) {
  EXPECT_EQ(Get("/api/v2/nothing")->status, 404);
  EXPECT_EQ(OrderedJson::parse(Get("/api/v2/nothing")->body)["error_code"],
            "CDC:ErrAPIInvalidParam");
  EXPECT_EQ(http_client_.Put("/api/v2/status", "", "text/plain")->status, 405);
}

}  // namespace
}  // namespace cdc
