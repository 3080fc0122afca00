#include "testing/recording.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(Recording, ReadsMetaBaseAndTransactionsInCommitOrder) {
  auto recording = Recording::Open(CDC_RECORDINGS "/20_bank");
  ASSERT_TRUE(recording.has_value()) << recording.error().ToString();
  EXPECT_EQ((*recording)->meta().filter, std::vector<std::string>{"c20_bank.*"});

  size_t base_keys = 0;
  EXPECT_TRUE((*recording)
                  ->base()
                  .Scan(PrefixRange("m"), Ts(),
                        [&](auto, auto) {
                          ++base_keys;
                          return Status::Ok();
                        })
                  .ok());
  EXPECT_GT(base_keys, 100u);

  size_t mutations = 0;
  size_t updates = 0;
  Ts last;
  const Status status = (*recording)->ReadTransactions([&](std::vector<KvEvent> events) {
    for (const KvEvent& event : events) {
      EXPECT_GE(event.commit_ts, last);
      last = event.commit_ts;
      ++mutations;
      updates += !event.old_value.empty() && !event.value.empty();
    }
    return Status::Ok();
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(mutations, 2103u);  // as its meta.json says
  EXPECT_GT(updates, 100u);
  EXPECT_LE(last, (*recording)->meta().end_ts);
}

TEST(Recording, SaysWhatIsMissing) {
  const auto recording = Recording::Open("/nonexistent");
  ASSERT_FALSE(recording.has_value());
  EXPECT_NE(recording.error().message().find("/nonexistent/meta.json"), std::string::npos);
}

}  // namespace
}  // namespace cdc
