#include <thread>

#include <gtest/gtest.h>

#include "base/backoff.h"
#include "base/bounded_queue.h"
#include "base/bytes.h"
#include "base/memory_budget.h"
#include "base/memory_quota.h"
#include "base/rate_limiter.h"
#include "base/status.h"

namespace cdc {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Error(Code::kNotSupported, "{} is odd", value);
  return value / 2;
}

Result<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

TEST(Status, CarriesNameMessageAndReaction) {
  const Status status(Code::kNotOwner, "capture {} is not the owner", "c1");
  EXPECT_EQ(status.ToString(), "[CDC:ErrNotOwner]capture c1 is not the owner");
  EXPECT_EQ(status.reaction(), Reaction::kStepDown);
  EXPECT_EQ(status.WithContext("resign").message(), "resign: capture c1 is not the owner");
  EXPECT_EQ(CodeFromName("CDC:ErrNotOwner"), Code::kNotOwner);
  EXPECT_TRUE(Status::Ok().WithContext("x").ok());
}

TEST(Status, ErrorsPassThroughAssignOrReturn) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message(), "3 is odd");
}

struct Item {
  size_t size;
  size_t bytes() const { return size; }
};

TEST(BoundedQueue, TakesAHugeItemWhenEmptyAndDrainsAfterClose) {
  BoundedQueue<Item> queue(10);
  EXPECT_TRUE(queue.Push(Item{100}, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(queue.Push(Item{1}, stop.get_token()));
  queue.Close();
  EXPECT_EQ(queue.Pop({})->size, 100u);
  EXPECT_FALSE(queue.Pop({}).has_value());
}

TEST(MemoryQuota, OneItemAlwaysFitsAndWaitersWake) {
  MemoryQuota quota(10);
  EXPECT_TRUE(quota.TryTake(50));
  EXPECT_FALSE(quota.TryTake(1));
  std::jthread releaser([&] { quota.Release(50); });
  EXPECT_TRUE(quota.Take(5, {}));
  EXPECT_EQ(quota.used(), 5u);
}

TEST(MemoryQuota, PartsShareTheLimitOfTheWhole) {
  const auto whole = std::make_shared<MemoryQuota>(100);
  MemoryQuota a(80, whole);
  MemoryQuota b(80, whole);
  a.Force(70);
  EXPECT_FALSE(a.Exceeded());
  EXPECT_EQ(a.Exceeding(20), &a);
  EXPECT_EQ(b.Exceeding(40), whole.get());
  EXPECT_FALSE(b.TryTake(40));
  EXPECT_EQ(b.used(), 0u) << "what the whole refuses must not stay taken from the part";
  EXPECT_TRUE(b.TryTake(30));
  EXPECT_TRUE(a.Exceeded() && b.Exceeded());
  EXPECT_TRUE(a.IsPartOf(*whole) && !a.IsPartOf(b));
  std::jthread releaser([&] { a.Release(70); });
  EXPECT_TRUE(b.Take(50, {})) << "room that another part made wakes those who wait";
  EXPECT_EQ(whole->used(), 80u);
}

TEST(MemoryBudget, PartsLeaveRoomForWhatNobodyCounts) {
  const MemoryBudget budget = MemoryBudget::Split(1 << 30, 100 << 20);
  EXPECT_EQ(budget.sorters->bytes_max(), 100u << 20);
  EXPECT_LT(budget.sorters->bytes_max() + budget.prewrites->bytes_max() +
                budget.sinks->bytes_max() + budget.received->bytes_max() + budget.disk_cache_bytes,
            budget.node->bytes_max() * 4 / 5);
  budget.sinks->Force(1000);
  EXPECT_EQ(budget.node->used(), 1000u);
  budget.sinks->Release(1000);
}

TEST(MemoryBudget, KnowsTheMachine) {
  EXPECT_GT(MemoryOfMachine(), 64u << 20);
  EXPECT_LT(MemoryOfMachine(), uint64_t{1} << 50);
}

TEST(Backoff, GrowsToItsLimit) {
  Backoff backoff({.first = 10ms, .max = 40ms, .jitter = 0}, 1);
  EXPECT_EQ(backoff.Next(), Duration(10ms));
  EXPECT_EQ(backoff.Next(), Duration(20ms));
  EXPECT_EQ(backoff.Next(), Duration(40ms));
  EXPECT_EQ(backoff.Next(), Duration(40ms));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), Duration(10ms));
}

TEST(RateLimiter, LetsABurstThroughThenPaces) {
  const SteadyTime start{};
  RateLimiter limiter(0.05, 2, start);
  EXPECT_EQ(limiter.Reserve(start), Duration::zero());
  EXPECT_EQ(limiter.Reserve(start), Duration::zero());
  EXPECT_EQ(limiter.Reserve(start), Duration(20s));
}

TEST(Bytes, Base64RoundTrip) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xff\xfe", "//4="}}) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text), bytes);
  }
  EXPECT_EQ(FromBase64("Zg"), "f");
  EXPECT_EQ(FromBase64("Z*").error().code(), Code::kDecode);
}

TEST(Bytes, HexRoundTripAndPrefixEnd) {
  EXPECT_EQ(FromHex(ToHex("a\xff")).value(), "a\xff");
  EXPECT_FALSE(FromHex("0").has_value());
  EXPECT_FALSE(FromHex("zz").has_value());
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff"), "");
}

}  // namespace
}  // namespace cdc
