#include "testing/fake_etcd.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

class FakeEtcdTest : public testing::Test {
 protected:
  int64_t Put(const std::string& key, const std::string& value, LeaseId lease = kNoLease) {
    return etcd_.Txn({}, {{.key = key, .value = value, .lease = lease}})->revision;
  }
  std::string Keys(std::string_view prefix) const {
    std::string keys;
    for (const EtcdKv& kv : etcd_.GetPrefix(prefix).kvs) keys += kv.key + " ";
    return keys;
  }

  FakeEtcd etcd_;
};

TEST_F(FakeEtcdTest, GuardsDecideAboutTheWholeTransaction) {
  const int64_t created = Put("a", "1");
  const int64_t modified = Put("a", "2");
  const EtcdCompare stale{EtcdCompare::Target::kModRevision, "a", created};
  const EtcdCompare same_key{EtcdCompare::Target::kCreateRevision, "a", created};
  const EtcdCompare absent{EtcdCompare::Target::kModRevision, "b", 0};
  EXPECT_FALSE(etcd_.Txn({same_key, stale}, {{.key = "b", .value = "x"}})->succeeded);
  EXPECT_EQ(etcd_.revision(), modified);
  EXPECT_TRUE(etcd_.Txn({same_key, absent}, {{.key = "b", .value = "x"}})->succeeded);
  EXPECT_EQ(Keys(""), "a b ");
}

TEST_F(FakeEtcdTest, WhatChangesNothingMakesNoRevision) {
  const int64_t revision = Put("a", "1");
  EXPECT_TRUE(etcd_.Txn({}, {{.key = "b", .value = std::nullopt}})->succeeded);
  EXPECT_EQ(etcd_.revision(), revision);
}

TEST_F(FakeEtcdTest, KeysGoWithTheirLease) {
  const LeaseId lease = etcd_.GrantLease(std::chrono::seconds(5), std::chrono::seconds(0));
  Put("a", "1", lease);
  Put("b", "1", lease);
  Put("b", "2");  // is not the lease's any more
  EXPECT_EQ(etcd_.KeepAlive(lease, std::chrono::seconds(4)), std::chrono::seconds(5));
  etcd_.ExpireLeases(std::chrono::seconds(8));
  EXPECT_EQ(Keys(""), "a b ");
  etcd_.ExpireLeases(std::chrono::seconds(9));
  EXPECT_EQ(Keys(""), "b ");
  EXPECT_EQ(etcd_.KeepAlive(lease, std::chrono::seconds(9)).count(), 0);
  EXPECT_FALSE(etcd_.Txn({}, {{.key = "c", .value = "1", .lease = lease}}).has_value());
}

TEST_F(FakeEtcdTest, AWatchGetsWhatItAskedForUntilThatIsCompacted) {
  const int64_t first = Put("x/a", "1");
  Put("y", "1");
  const int64_t last = Put("x/b", "1");
  const auto batch = etcd_.EventsBetween("x/", true, first, last);
  ASSERT_EQ(batch->events.size(), 2u);
  EXPECT_EQ(batch->events[1].kv.key, "x/b");
  EXPECT_EQ(etcd_.EventsBetween("x/", true, first, last - 1)->events.size(), 1u);
  EXPECT_EQ(etcd_.EventsBetween("x/", false, first, last)->events.size(), 0u);
  etcd_.Compact(first);
  EXPECT_EQ(etcd_.EventsBetween("x/", true, first, last).error().code(), Code::kEtcdCompacted);
  EXPECT_EQ(etcd_.EventsBetween("x/", true, first + 1, last)->events.size(), 1u);
}

TEST_F(FakeEtcdTest, TheOldestCandidateIsTheFirstCreated) {
  Put("owner/b", "1");
  const int64_t second = Put("owner/a", "1");
  Put("owner/b", "2");
  EXPECT_EQ(etcd_.FirstCreated("owner/")->key, "owner/b");
  EXPECT_EQ(etcd_.LastCreated("owner/", 0)->key, "owner/a");
  EXPECT_EQ(etcd_.LastCreated("owner/", second - 1)->key, "owner/b");
}

}  // namespace
}  // namespace cdc
