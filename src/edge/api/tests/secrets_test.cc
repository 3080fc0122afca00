#include "edge/api/secrets.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

const OrderedJson kConfig = OrderedJson::parse(R"({
    "filter": {"rules": ["*.*"]},
    "sink": {"schema_registry": "http://user:hush@h:8081", "protocol": "avro",
             "kafka_config": {"sasl_user": "me", "sasl_password": "hush"}}})");

TEST(Secrets, AreMaskedAtAnyDepthAndNothingElseIs) {
  OrderedJson shown = kConfig;
  MaskSecrets(&shown);
  EXPECT_EQ(shown.dump().find("hush"), std::string::npos) << shown.dump();
  EXPECT_EQ(shown["sink"]["kafka_config"]["sasl_password"], "******");
  EXPECT_EQ(shown["sink"]["kafka_config"]["sasl_user"], "me");
  EXPECT_EQ(shown["filter"], kConfig["filter"]);
}

TEST(Secrets, AMaskThatComesBackMeansWhatItHid) {
  OrderedJson given = kConfig;
  MaskSecrets(&given);
  given["filter"]["rules"] = {"a.*"};
  RestoreSecrets(kConfig, &given);
  EXPECT_EQ(given["sink"], kConfig["sink"]);
  EXPECT_EQ(given["filter"]["rules"][0], "a.*");
  given["sink"]["kafka_config"]["sasl_password"] = "new";
  RestoreSecrets(kConfig, &given);
  EXPECT_EQ(given["sink"]["kafka_config"]["sasl_password"], "new");
}

}  // namespace
}  // namespace cdc
