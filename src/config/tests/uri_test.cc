#include "config/uri.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(Uri, TakesAMySqlUriApart) {
  const auto uri =
      Uri::Parse("MySQL://root:p%40ss%23@127.0.0.1:3306/?worker-count=8&time-zone=").value();
  EXPECT_EQ(uri.scheme, "mysql");
  EXPECT_EQ(uri.user, "root");
  EXPECT_EQ(uri.password, "p@ss#");
  EXPECT_EQ(uri.host, "127.0.0.1");
  EXPECT_EQ(uri.port, 3306);
  EXPECT_EQ(uri.path, "/");
  EXPECT_EQ(uri.params.at("worker-count"), "8");
  EXPECT_EQ(uri.params.at("time-zone"), "");
}

TEST(Uri, KeepsAnEmptyPasswordApartFromNone) {
  EXPECT_EQ(Uri::Parse("mysql://u:@h").value().password, "");
  EXPECT_EQ(Uri::Parse("mysql://u@h").value().password, std::nullopt);
}

TEST(Uri, KeepsTheBrokersOfAKafkaUriTogether) {
  const auto uri = Uri::Parse("kafka://b1:9092,b2:9093/topic").value();
  EXPECT_EQ(uri.host, "b1:9092,b2:9093");
  EXPECT_EQ(uri.port, std::nullopt);
  EXPECT_EQ(uri.path, "/topic");
}

TEST(Uri, ReadsIpv6HostsFilesAndSinksWithoutHost) {
  const auto v6 = Uri::Parse("tidb://root@[::1]:4000").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.port, 4000);
  EXPECT_EQ(Uri::Parse("file:///data/out?protocol=csv").value().path, "/data/out");
  EXPECT_EQ(Uri::Parse("blackhole://").value().scheme, "blackhole");
  EXPECT_EQ(Uri::Parse("mysql+ssl://h:1").value().scheme, "mysql+ssl");
}

TEST(Uri, LeavesSlashesAndColonsOfParametersAlone) {
  const auto uri = Uri::Parse("s3://b/p?endpoint=http://h:9000/x&note=a+b%2Bc").value();
  EXPECT_EQ(uri.host, "b");
  EXPECT_EQ(uri.params.at("endpoint"), "http://h:9000/x");
  EXPECT_EQ(uri.params.at("note"), "a b+c");
}

TEST(Uri, SaysWhatIsWrong) {
  const auto message = [](const char* text) {
    const auto uri = Uri::Parse(text);
    EXPECT_FALSE(uri) << text;
    EXPECT_EQ(uri.error().code(), Code::kSinkUri);
    return std::string(uri.error().message());
  };
  EXPECT_NE(message("127.0.0.1:3306").find("scheme"), std::string::npos);
  EXPECT_NE(message("://h").find("scheme"), std::string::npos);
  EXPECT_NE(message("mysql://h:99999/").find("99999"), std::string::npos);
  EXPECT_NE(message("mysql://h:1/?a=1&a=2").find("\"a\" is given twice"), std::string::npos);
  EXPECT_NE(message("mysql://u:p%zz@h/").find("percent"), std::string::npos);
  EXPECT_NE(message("mysql://u:p#q@h/").find("%23"), std::string::npos);
}

TEST(Uri, MasksPasswordsAndSecretParameters) {
  EXPECT_EQ(Uri::Mask("mysql://root:secret@h:3306/?ssl-ca=/f"),
            "mysql://root:xxxxx@h:3306/?ssl-ca=/f");
  EXPECT_EQ(Uri::Mask("kafka://h/t?sasl-user=u&sasl-password=pw&x=1"),
            "kafka://h/t?sasl-user=u&sasl-password=xxxxx&x=1");
  EXPECT_EQ(Uri::Mask("s3://b/p?access-key=A&secret-access-key=B"),
            "s3://b/p?access-key=xxxxx&secret-access-key=xxxxx");
  EXPECT_EQ(Uri::Mask("blackhole://"), "blackhole://");
}

TEST(Uri, MasksPasswordsThatShouldHaveBeenEncoded) {
  EXPECT_EQ(Uri::Mask("mysql://root:a/b@h:3306/"), "mysql://root:xxxxx@h:3306/");
  EXPECT_EQ(Uri::Mask("mysql://root:a@b/c@h:3306/"), "mysql://root:xxxxx@h:3306/");
}

}  // namespace
}  // namespace cdc
