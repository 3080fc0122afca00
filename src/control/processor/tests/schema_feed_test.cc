#include "control/processor/schema_feed.h"

#include <atomic>

#include <gtest/gtest.h>

#include "testing/fake_pd.h"
#include "testing/fake_tikv.h"

namespace cdc {
namespace {

class SchemaFeedsTest : public testing::Test {
 protected:
  struct User {
    std::unique_ptr<SchemaFeed> feed;
    std::shared_ptr<std::atomic<int>> advances = std::make_shared<std::atomic<int>>(0);
  };

  User Open(const ChangefeedId& id, Ts start, const ReplicaConfig& config = {}) {
    User user;
    user.feed =
        feeds_.Open(id, config, start, {.on_advance = [advances = user.advances] { ++*advances; }})
            .value();
    return user;
  }

  static bool Eventually(const std::function<bool()>& holds) {
    const SteadyTime deadline = SystemClock().Now() + 30s;
    while (!holds())
      if (!SystemClock().SleepFor(2ms, {}) || SystemClock().Now() > deadline) return false;
    return true;
  }
  void AwaitResolved(User& user, Ts ts) {
    ASSERT_TRUE(Eventually([&] { return user.feed->store().resolved() >= ts; }));
  }

  FakePd pd_;
  FakeTiKv tikv_{pd_, 1};
  std::unique_ptr<TiKvClient> client_ =
      TiKvClient::Open(pd_.endpoints(), {}, {}, SystemClock()).value();
  SchemaFeeds feeds_{*client_};
};

TEST_F(SchemaFeedsTest, OwnerAndProcessorOfAChangefeedShareOneFeed) {
  const Ts start = pd_.NextTs();
  User owner = Open("f", start);
  AwaitResolved(owner, start.Next());
  const int subscriptions = tikv_.subscriptions();
  User processor = Open("f", start);
  EXPECT_EQ(&processor.feed->store(), &owner.feed->store());
  EXPECT_EQ(tikv_.subscriptions(), subscriptions);
  EXPECT_TRUE(Eventually([&] { return *processor.advances > 0; }));
  owner.feed.reset();
  AwaitResolved(processor, pd_.NextTs());
}

TEST_F(SchemaFeedsTest, OthersHaveTheirOwn) {
  const Ts start = pd_.NextTs();
  User one = Open("f", start);
  EXPECT_NE(&Open("g", start).feed->store(), &one.feed->store());
  ReplicaConfig other;
  other.force_replicate = true;
  EXPECT_NE(&Open("f", start, other).feed->store(), &one.feed->store());
}

TEST_F(SchemaFeedsTest, HistoryStaysAsLongAsOneUserNeedsIt) {
  const Ts start = pd_.NextTs();
  User owner = Open("f", start);
  AwaitResolved(owner, pd_.NextTs());
  User processor = Open("f", start);
  ASSERT_EQ(&processor.feed->store(), &owner.feed->store());
  const Ts later = owner.feed->store().resolved();
  owner.feed->CollectGarbage(later);
  EXPECT_EQ(&Open("f", start).feed->store(), &owner.feed->store());
  processor.feed->CollectGarbage(later);
  EXPECT_NE(&Open("f", start).feed->store(), &owner.feed->store()) << "that is forgotten here";
}

TEST_F(SchemaFeedsTest, WhoStartsAboveWhatIsKnownReadsForItself) {
  User owner = Open("f", pd_.NextTs());
  const Ts ahead = Ts(owner.feed->store().resolved().raw() + (uint64_t{1} << 40));
  EXPECT_NE(&Open("f", ahead).feed->store(), &owner.feed->store());
}

}  // namespace
}  // namespace cdc
