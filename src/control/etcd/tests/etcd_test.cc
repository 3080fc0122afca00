// The client, sessions, elections and the reactor worker against a real etcd.
#include <atomic>
#include <cstdio>
#include <thread>

#include <gtest/gtest.h>

#include "control/etcd/etcd_client.h"
#include "control/etcd/reactor_worker.h"
#include "control/etcd/session.h"
#include "control/etcd/tests/etcd_process.h"

namespace cdc {
namespace {

using Target = EtcdCompare::Target;

// Polls until `condition` holds; false after 30 s.
bool Eventually(const std::function<bool()>& condition) {
  const SteadyTime deadline = SystemClock().Now() + 30s;
  while (!condition()) {
    if (SystemClock().Now() > deadline) return false;
    (void)SystemClock().SleepFor(5ms, {});
  }
  return true;
}

class EtcdTest : public testing::Test {
 protected:
  EtcdProcess etcd_;
  std::unique_ptr<EtcdClient> client_ = etcd_.Client();
};

TEST_F(EtcdTest, ReadsBackWhatItWrote) {
  EXPECT_FALSE(client_->Get("k")->has_value());
  ASSERT_TRUE(client_->Put("k1", "v1").ok());
  ASSERT_TRUE(client_->Put("k2", std::string("\0\xff", 2)).ok());
  EXPECT_EQ(client_->Get("k1")->value().value, "v1");
  const EtcdRange range = client_->GetPrefix("k").value();
  ASSERT_EQ(range.kvs.size(), 2u);
  EXPECT_EQ(range.kvs[1].value, std::string("\0\xff", 2));
  EXPECT_EQ(client_->LastCreated("k", 0)->value().key, "k2");
  EXPECT_EQ(client_->LastCreated("k", range.kvs[1].create_revision - 1)->value().key, "k1");
  ASSERT_TRUE(client_->Delete("k1").ok());
  EXPECT_FALSE(client_->Get("k1")->has_value());
}

TEST_F(EtcdTest, ATransactionIsDoneOnlyWhenAllGuardsHold) {
  const EtcdCompare absent{Target::kCreateRevision, "a", 0};
  EXPECT_TRUE(
      client_->Txn({absent}, {{.key = "a", .value = "1"}, {.key = "b", .value = "2"}})->succeeded);
  EXPECT_FALSE(client_->Txn({absent}, {{.key = "b", .value = "3"}})->succeeded);
  const int64_t revision = client_->Get("b")->value().mod_revision;
  EXPECT_TRUE(client_->Txn({{Target::kModRevision, "b", revision}}, {{.key = "a", .value = {}}})
                  ->succeeded);
  EXPECT_FALSE(client_->Get("a")->has_value());
}

TEST_F(EtcdTest, GoesOnAtAnotherEndpoint) {
  const auto client =
      EtcdClient::Open(
          {.endpoints = {"http://127.0.0.1:1", etcd_.endpoint()}, .tls = {}, .request_timeout = 1s})
          .value();
  EXPECT_TRUE(client->Put("k", "v").ok());
  EXPECT_EQ(client->Get("k")->value().value, "v");
}

TEST_F(EtcdTest, AnEtcdThatDoesNotAnswerIsAnErrorInTime) {
  const auto client = etcd_.Client(1s);
  ASSERT_TRUE(client->Put("k", "v").ok());
  etcd_.Pause();
  EXPECT_EQ(client->Get("k").error().code(), Code::kEtcd);
  etcd_.Resume();
  EXPECT_TRUE(Eventually([&] { return client->Get("k").has_value(); }));
}

struct WatchLog {
  std::mutex mutex;
  std::vector<std::string> seen;
  Status error;
  EtcdClient::WatchCallback Callback() {
    return [this](Result<EtcdWatchBatch> batch) {
      std::lock_guard lock(mutex);
      if (!batch) {
        error = batch.error();
        return;
      }
      for (const EtcdEvent& event : batch->events)
        seen.push_back(event.kv.key + (event.deleted ? "-" : "=" + event.kv.value));
    };
  }
  std::vector<std::string> Seen() {
    std::lock_guard lock(mutex);
    return seen;
  }
};

TEST(EtcdTlsTest, BothSidesShowTheirCertificates) {
  EtcdProcess etcd(EtcdProcess::Security::kTls);
  const auto client = etcd.Client();
  EXPECT_TRUE(client->Put("k", "v").ok());
  WatchLog log;
  const auto watch = client->Watch("k", false, 1, log.Callback());
  EXPECT_TRUE(Eventually([&] { return log.Seen().size() == 1; }));
  const auto stranger = EtcdClient::Open({.endpoints = {etcd.endpoint()},
                                          .tls = {.ca_path = etcd.tls().ca_path},
                                          .request_timeout = 500ms})
                            .value();
  EXPECT_FALSE(stranger->Get("k")) << "it has no certificate";
}

TEST_F(EtcdTest, LogsInWhereUsersAreAskedFor) {
  etcd_.Etcdctl("user add root:secret");
  etcd_.Etcdctl("user grant-role root root");
  etcd_.Etcdctl("auth enable");
  EXPECT_FALSE(client_->Put("k", "v").ok());
  const auto open = [&](const std::string& password) {
    return EtcdClient::Open(
               {.endpoints = {etcd_.endpoint()}, .tls = {}, .user = "root", .password = password})
        .value();
  };
  EXPECT_FALSE(open("wrong")->Put("k", "v").ok());
  const auto client = open("secret");
  ASSERT_TRUE(client->Put("k", "v").ok());
  WatchLog log;
  const auto watch = client->Watch("k", false, 1, log.Callback());
  EXPECT_TRUE(Eventually([&] { return log.Seen().size() == 1; }));
  const auto session = Session::Open(*client, 5s, SystemClock());
  EXPECT_TRUE(session && (*session)->Alive());
  etcd_.Restart();  // which forgets every login
  EXPECT_TRUE(Eventually([&] { return client->Put("k", "w").ok(); }));
  EXPECT_TRUE(Eventually([&] { return log.Seen().size() >= 2; }));
}

TEST_F(EtcdTest, AWatchMissesNothingWhenEtcdRestarts) {
  WatchLog log;
  const auto watch = client_->Watch("k", true, 1, log.Callback());
  ASSERT_TRUE(client_->Put("k1", "a").ok());
  EXPECT_TRUE(Eventually([&] { return log.Seen().size() == 1; }));
  etcd_.Restart();
  ASSERT_TRUE(Eventually([&] { return client_->Put("k1", "b").ok(); }));
  ASSERT_TRUE(Eventually([&] { return client_->Delete("k1").ok(); }));
  EXPECT_TRUE(Eventually([&] { return !log.Seen().empty() && log.Seen().back() == "k1-"; }));
  EXPECT_EQ(log.Seen().front(), "k1=a");
}

TEST_F(EtcdTest, AWatchFromACompactedRevisionSaysSo) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client_->Put("k", "v").ok());
  etcd_.CompactAll();
  WatchLog log;
  const auto watch = client_->Watch("k", true, 2, log.Callback());
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(log.mutex);
    return log.error.code() == Code::kEtcdCompacted;
  }));
}

TEST_F(EtcdTest, ASessionIsLostWhenItsLeaseIsGone) {
  const auto session = Session::Open(*client_, 5s, SystemClock()).value();
  EXPECT_TRUE(session->Alive());
  ASSERT_TRUE(client_->Put("mine", "v", session->lease()).ok());
  ASSERT_TRUE(client_->RevokeLease(session->lease()).ok());
  EXPECT_FALSE(client_->Get("mine")->has_value());
  EXPECT_TRUE(Eventually([&] { return session->lost().stop_requested(); }));
  EXPECT_FALSE(session->Alive());
}

TEST_F(EtcdTest, ASessionCountsAsDeadBeforeEtcdCanHaveLetItLapse) {
  const auto session = Session::Open(*client_, 5s, SystemClock()).value();
  const SteadyTime paused_at = SystemClock().Now();
  etcd_.Pause();
  EXPECT_TRUE(Eventually([&] { return !session->Alive(); }));
  EXPECT_TRUE(Eventually([&] { return session->lost().stop_requested(); }));
  EXPECT_LT(SystemClock().Now() - paused_at, Duration(5s)) << "whatever call hangs";
  etcd_.Resume();
}

TEST_F(EtcdTest, OneCandidateAtATimeIsElectedInOrder) {
  const auto session1 = Session::Open(*client_, 10s, SystemClock()).value();
  const auto session2 = Session::Open(*client_, 10s, SystemClock()).value();
  Election first(*client_, *session1, "/owner");
  Election second(*client_, *session2, "/owner");
  ASSERT_TRUE(first.Campaign("one", {}).ok());
  EXPECT_EQ(ElectionLeader(*client_, "/owner")->value(), "one");
  std::atomic<bool> elected = false;
  std::jthread campaign([&](std::stop_token stop) { elected = second.Campaign("two", stop).ok(); });
  EXPECT_TRUE(Eventually([&] { return client_->GetPrefix("/owner/")->kvs.size() == 2; }));
  EXPECT_FALSE(elected);
  ASSERT_TRUE(first.Resign().ok());
  EXPECT_TRUE(Eventually([&] { return elected.load(); }));
  EXPECT_EQ(ElectionLeader(*client_, "/owner")->value(), "two");
}

TEST_F(EtcdTest, AStoppedCampaignLeavesNoCandidate) {
  const auto session1 = Session::Open(*client_, 10s, SystemClock()).value();
  const auto session2 = Session::Open(*client_, 10s, SystemClock()).value();
  Election first(*client_, *session1, "/owner");
  Election second(*client_, *session2, "/owner");
  ASSERT_TRUE(first.Campaign("one", {}).ok());
  Status status;
  {
    std::jthread campaign([&](std::stop_token stop) { status = second.Campaign("two", stop); });
    EXPECT_TRUE(Eventually([&] { return client_->GetPrefix("/owner/")->kvs.size() == 2; }));
  }
  EXPECT_EQ(status.code(), Code::kStopped);
  EXPECT_EQ(client_->GetPrefix("/owner/")->kvs.size(), 1u);
}

TEST_F(EtcdTest, AnElectionIsSharedWithEtcdsOwnPackage) {
  const auto session = Session::Open(*client_, 10s, SystemClock()).value();
  Election ours(*client_, *session, "/owner");
  ASSERT_TRUE(ours.Campaign("ours", {}).ok());
  const std::string command =
      "ETCDCTL_API=3 timeout -s KILL 5 etcdctl --endpoints=" + etcd_.endpoint() +
      " elect /owner theirs";
  FILE* theirs = popen(command.c_str(), "r");
  ASSERT_NE(theirs, nullptr);
  EXPECT_TRUE(Eventually([&] { return client_->GetPrefix("/owner/")->kvs.size() == 2; }));
  EXPECT_EQ(ElectionLeader(*client_, "/owner")->value(), "ours");
  ASSERT_TRUE(ours.Resign().ok());
  char line[256] = {};
  EXPECT_NE(fgets(line, sizeof line, theirs), nullptr);  // it prints its key once elected
  EXPECT_EQ(ElectionLeader(*client_, "/owner")->value(), "theirs");
  pclose(theirs);
}

// Adds one to a counter in each tick until it has done its share.
class Adder : public Reactor {
 public:
  explicit Adder(int share) : share_(share) {}
  Result<std::vector<EtcdPatch>> Tick(const EtcdState& state, SteadyTime) override {
    ++ticks;
    const EtcdState::Value* counter = state.Find("/x/sum");
    const EtcdState::Value* mine = state.Find(Key());
    const int done_now = mine ? std::stoi(mine->value) : 0;
    done = done_now;
    if (done_now == share_) return std::vector<EtcdPatch>{};
    EtcdPatches patches(state);
    patches.Set("/x/sum", std::to_string((counter ? std::stoi(counter->value) : 0) + 1));
    patches.Set(Key(), std::to_string(done_now + 1));
    return patches.Take();
  }
  std::string Key() const { return fmt::format("/x/{}", static_cast<const void*>(this)); }
  std::atomic<int> done = 0;
  std::atomic<int> ticks = 0;

 private:
  const int share_;
};

TEST_F(EtcdTest, ReactorsThatShareAKeyLoseNoUpdate) {
  Adder one(20);
  Adder two(20);
  const auto run = [&](Adder* adder) {
    return [this, adder](std::stop_token stop) {
      ReactorWorker worker(*client_, *adder, {.prefix = "/x/", .interval = 10ms, .guards = {}},
                           SystemClock());
      EXPECT_TRUE(worker.Run(stop).ok());
    };
  };
  std::jthread thread1(run(&one));
  std::jthread thread2(run(&two));
  EXPECT_TRUE(Eventually([&] { return one.done == 20 && two.done == 20; }));
  EXPECT_EQ(client_->Get("/x/sum")->value().value, "40");
}

// Wants 400 keys, 6 KiB each, there.
class Hoarder : public Reactor {
 public:
  static constexpr size_t kKeys = 400;
  Result<std::vector<EtcdPatch>> Tick(const EtcdState& state, SteadyTime) override {
    EtcdPatches patches(state);
    for (size_t i = 0; i < kKeys; ++i)
      patches.Set(fmt::format("/x/{:03}", i), std::string(6 << 10, 'v'));
    have = state.values().size();
    return patches.Take();
  }
  std::atomic<size_t> have = 0;
};

TEST_F(EtcdTest, WhatIsTooMuchForOneTransactionIsSplit) {
  Hoarder hoarder;
  std::jthread thread([&](std::stop_token stop) {
    ReactorWorker worker(*client_, hoarder, {.prefix = "/x/", .interval = 10ms, .guards = {}},
                         SystemClock());
    EXPECT_TRUE(worker.Run(stop).ok());
  });
  EXPECT_TRUE(Eventually([&] { return hoarder.have == Hoarder::kKeys; }));
}

TEST_F(EtcdTest, AReactorSurvivesRestartAndCompaction) {
  Adder adder(1);
  std::jthread thread([&](std::stop_token stop) {
    ReactorWorker worker(*client_, adder, {.prefix = "/x/", .interval = 20ms, .guards = {}},
                         SystemClock());
    EXPECT_TRUE(worker.Run(stop).ok());
  });
  EXPECT_TRUE(Eventually([&] { return adder.done == 1; }));
  etcd_.Restart();
  for (int i = 0; i < 5; ++i) (void)Eventually([&] { return client_->Put("/y", "v").ok(); });
  etcd_.CompactAll();
  ASSERT_TRUE(client_->Delete(adder.Key()).ok());
  EXPECT_TRUE(Eventually([&] { return client_->Get(adder.Key())->has_value(); }));
}

TEST_F(EtcdTest, AReactorWithNothingToDoTicksAtItsIntervalOnly) {
  Adder idle(0);
  std::jthread thread([&](std::stop_token stop) {
    ReactorWorker worker(*client_, idle, {.prefix = "/x/", .interval = 50ms, .guards = {}},
                         SystemClock());
    EXPECT_TRUE(worker.Run(stop).ok());
  });
  const SteadyTime start = SystemClock().Now();
  EXPECT_TRUE(Eventually([&] { return idle.ticks >= 4; }));
  EXPECT_GE(SystemClock().Now() - start, Duration(100ms));
}

TEST_F(EtcdTest, AReactorEndsWhenItsGuardIsGone) {
  ASSERT_TRUE(client_->Put("/x/guard", "v").ok());
  const int64_t revision = client_->Get("/x/guard")->value().create_revision;
  Adder adder(1'000'000);
  Status status;
  std::jthread thread([&](std::stop_token stop) {
    ReactorWorker worker(*client_, adder,
                         {.prefix = "/x/",
                          .interval = 10ms,
                          .guards = {{Target::kCreateRevision, "/x/guard", revision}}},
                         SystemClock());
    status = worker.Run(stop);
  });
  EXPECT_TRUE(Eventually([&] { return adder.done > 3; }));
  ASSERT_TRUE(client_->Delete("/x/guard").ok());
  thread.join();
  EXPECT_EQ(status.code(), Code::kEtcdSessionDone);
}

}  // namespace
}  // namespace cdc
