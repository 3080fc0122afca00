// TLS between callers and a node, with certificates made on the spot.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "control/etcd/tests/etcd_process.h"
#include "edge/api/http_client.h"
#include "edge/api/http_server.h"
#include "testing/fake_pd.h"
#include "testing/fake_tikv.h"

namespace cdc {
namespace {

// Files in a folder of its own, made by openssl.
class Certificates {
 public:
  Certificates() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "san") << "subjectAltName=IP:127.0.0.1\n";
    for (const char* ca : {"ca", "other-ca"})
      Run(
          fmt::format("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                      "-keyout {0}.key -out {0}.pem -subj /CN={0} -days 2",
                      ca));
    for (const auto& [name, common_name, ca] :
         {std::tuple("node", "node", "ca"), std::tuple("good", "good", "ca"),
          std::tuple("bad", "bad", "ca"), std::tuple("forged", "good", "other-ca")}) {
      Run(
          fmt::format("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                      "-keyout {0}.key -out {0}.csr -subj /CN={1}",
                      name, common_name));
      Run(
          fmt::format("x509 -req -in {0}.csr -CA {1}.pem -CAkey {1}.key -CAcreateserial "
                      "-out {0}.pem -days 2 -extfile san",
                      name, ca));
    }
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }

  // Trusts `ca` and shows the certificate `name` ("": none).
  TlsConfig Files(const std::string& name, const std::string& ca = "ca") const {
    TlsConfig files{.ca_path = Path(ca + ".pem"), .cert_path = {}, .key_path = {}};
    if (name.empty()) return files;
    files.cert_path = Path(name + ".pem");
    files.key_path = Path(name + ".key");
    return files;
  }

 private:
  std::string Path(const std::string& file) const { return (folder_ / file).string(); }
  void Run(const std::string& arguments) const {
    const std::string command =
        fmt::format("cd {} && openssl {} 2>openssl.log", folder_.string(), arguments);
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }

  const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / "http_tls_test";
};

class HttpTlsTest : public testing::Test {
 protected:
  // A node that is not in any cluster, serving with `tls`.
  void Serve(HttpTls tls) {
    auto server = HttpServer::Open({.addr = address_,
                                    .tls = std::move(tls),
                                    .paths = KeyPaths(),
                                    .cluster_id = "",
                                    .capture = &capture_,
                                    .etcd = etcd_.get(),
                                    .tikv = tikv_client_.get()});
    ASSERT_TRUE(server) << server.error().ToString();
    server_ = *std::move(server);
  }
  // Whether a caller with `tls` gets an answer.
  bool Answers(const HttpTls& tls) const {
    const auto answer = CallNode(address_, tls, {.target = "/status", .headers = {}, .body = {}});
    return answer && answer->status == 200;
  }

  const Certificates certificates_;
  const std::string address_ = "127.0.0.1:" + std::to_string(FreePort());
  FakePd pd_;
  FakeTiKv tikv_{pd_, 1};
  std::unique_ptr<TiKvClient> tikv_client_ =
      TiKvClient::Open(pd_.endpoints(), {}, {}, SystemClock()).value();
  std::unique_ptr<EtcdClient> etcd_ =
      EtcdClient::Open({.endpoints = {"http://127.0.0.1:1"}, .tls = {}}).value();
  WorkerPool workers_{1};
  Capture capture_{{.advertise_addr = address_,
                    .version = "v",
                    .time_zone = "",
                    .paths = KeyPaths(),
                    .etcd = etcd_.get(),
                    .tikv = tikv_client_.get(),
                    .workers = &workers_,
                    .clock = &SystemClock()}};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTlsTest, PlainHttpIsRefused) {
  Serve({.files = certificates_.Files("node"), .allowed_cn = {}});
  EXPECT_FALSE(Answers({}));
  EXPECT_TRUE(Answers({.files = certificates_.Files(""), .allowed_cn = {}}));
}

TEST_F(HttpTlsTest, OnlyAllowedNamesAreServed) {
  Serve({.files = certificates_.Files("node"), .allowed_cn = {"good", "better"}});
  EXPECT_TRUE(Answers({.files = certificates_.Files("good"), .allowed_cn = {}}));
  EXPECT_FALSE(Answers({.files = certificates_.Files("bad"), .allowed_cn = {}}));
  EXPECT_FALSE(Answers({.files = certificates_.Files(""), .allowed_cn = {}}));
  EXPECT_FALSE(Answers({.files = certificates_.Files("forged"), .allowed_cn = {}}));
}

TEST_F(HttpTlsTest, MutualTlsAsksForAnyCertificateOfTheCa) {
  Serve({.files = certificates_.Files("node"), .allowed_cn = {}, .client_certificate = true});
  EXPECT_TRUE(Answers({.files = certificates_.Files("bad"), .allowed_cn = {}}));
  EXPECT_FALSE(Answers({.files = certificates_.Files(""), .allowed_cn = {}}));
  EXPECT_FALSE(Answers({.files = certificates_.Files("forged"), .allowed_cn = {}}));
}

TEST_F(HttpTlsTest, ACallerChecksTheNode) {
  Serve({.files = certificates_.Files("node"), .allowed_cn = {}});
  EXPECT_FALSE(Answers({.files = certificates_.Files("", "other-ca"), .allowed_cn = {}}));
  EXPECT_FALSE(Answers({.files = certificates_.Files(""), .allowed_cn = {"good"}}));
  EXPECT_TRUE(Answers({.files = certificates_.Files(""), .allowed_cn = {"node"}}));
}

TEST_F(HttpTlsTest, SaysWhichFileCannotBeUsed) {
  TlsConfig files = certificates_.Files("node");
  files.cert_path = "/no/such.pem";
  const auto server = HttpServer::Open({.addr = address_,
                                        .tls = {.files = files, .allowed_cn = {}},
                                        .paths = KeyPaths(),
                                        .cluster_id = "",
                                        .capture = &capture_,
                                        .etcd = etcd_.get(),
                                        .tikv = tikv_client_.get()});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), Code::kTls);
  EXPECT_NE(server.error().message().find("/no/such.pem"), std::string_view::npos);
}

}  // namespace
}  // namespace cdc
