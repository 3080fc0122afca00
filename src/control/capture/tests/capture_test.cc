// A capture's life against a real etcd.
#include "control/capture/capture.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/failpoint.h"
#include "control/etcd/tests/etcd_process.h"
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

// A way to etcd on which the questions of a campaign may get no answer.
class LossyEtcd : public EtcdClient {
 public:
  explicit LossyEtcd(EtcdClient& etcd) : etcd_(etcd) {}
  void FailNextCampaign() { fail_ = true; }
  int registrations() const { return registrations_; }

  Result<std::optional<EtcdKv>> LastCreated(std::string_view prefix, int64_t max) override {
    if (fail_.exchange(false)) return Error(Code::kEtcd, "no answer");
    return etcd_.LastCreated(prefix, max);
  }
  Status Put(std::string_view key, std::string_view value, LeaseId lease) override {
    registrations_ += key.starts_with(KeyPaths().captures());
    return etcd_.Put(key, value, lease);
  }
  Result<std::optional<EtcdKv>> Get(std::string_view key) override { return etcd_.Get(key); }
  Result<EtcdRange> GetPrefix(std::string_view prefix) override { return etcd_.GetPrefix(prefix); }
  Status Delete(std::string_view key) override { return etcd_.Delete(key); }
  Result<EtcdTxnResult> Txn(const std::vector<EtcdCompare>& guards,
                            const std::vector<EtcdOp>& ops) override {
    return etcd_.Txn(guards, ops);
  }
  Result<LeaseId> GrantLease(std::chrono::seconds ttl) override { return etcd_.GrantLease(ttl); }
  Result<std::chrono::seconds> KeepAlive(LeaseId lease) override { return etcd_.KeepAlive(lease); }
  Result<std::chrono::seconds> TimeToLive(LeaseId lease) override {
    return etcd_.TimeToLive(lease);
  }
  Status RevokeLease(LeaseId lease) override { return etcd_.RevokeLease(lease); }
  std::unique_ptr<EtcdWatch> Watch(std::string_view key, bool prefix, int64_t revision,
                                   WatchCallback callback) override {
    return etcd_.Watch(key, prefix, revision, std::move(callback));
  }

 private:
  EtcdClient& etcd_;
  std::atomic<bool> fail_ = false;
  std::atomic<int> registrations_ = 0;
};

class CaptureTest : public testing::Test {
 protected:
  // A node that runs until it goes.
  struct Node {
    Node(CaptureTest& test, const std::string& address)
        : capture({.advertise_addr = address,
                   .version = "v",
                   .time_zone = "",
                   .session_ttl = 5s,
                   .paths = KeyPaths(),
                   .etcd = &test.lossy_,
                   .tikv = test.tikv_client_.get(),
                   .workers = &test.workers_,
                   .clock = &SystemClock()}),
          thread([this](std::stop_token stop) { EXPECT_TRUE(capture.Run(stop).ok()); }) {}
    Capture capture;
    std::jthread thread;
  };

  size_t Captures() { return client_->GetPrefix(KeyPaths().captures())->kvs.size(); }

  EtcdProcess etcd_;
  std::unique_ptr<EtcdClient> client_ = etcd_.Client();
  LossyEtcd lossy_{*client_};
  FakePd pd_;
  FakeTiKv tikv_{pd_, 1};
  std::unique_ptr<TiKvClient> tikv_client_ =
      TiKvClient::Open(pd_.endpoints(), {}, {}, SystemClock()).value();
  WorkerPool workers_{1};
};

TEST_F(CaptureTest, RegistersBecomesTheOwnerAndLeavesNothingBehind) {
  {
    Node node(*this, "a:1");
    EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
    const std::string id = node.capture.info().id;
    const auto kv = client_->Get(KeyPaths().Capture(id)).value();
    ASSERT_TRUE(kv.has_value());
    EXPECT_EQ(CaptureInfo::FromJson(kv->value)->address, "a:1");
    EXPECT_NE(kv->lease, kNoLease);
    EXPECT_EQ(ElectionLeader(*client_, KeyPaths().owner())->value(), id);
    node.capture.AsyncClose();
    node.capture.AsyncClose();
  }
  EXPECT_TRUE(client_->GetPrefix("/tidb/cdc/")->kvs.empty());
}

TEST_F(CaptureTest, ALostLeaseMeansANewLifeUnderANewId) {
  Node node(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
  const std::string id = node.capture.info().id;
  ASSERT_TRUE(client_->RevokeLease(client_->Get(KeyPaths().Capture(id))->value().lease).ok());
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner() && node.capture.info().id != id; }));
  EXPECT_EQ(Captures(), 1u);
}

TEST_F(CaptureTest, AnotherNodeTakesOverWhenTheOwnerGoes) {
  auto first = std::make_unique<Node>(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return first->capture.IsOwner(); }));
  Node second(*this, "b:1");
  EXPECT_TRUE(Eventually([&] { return Captures() == 2; }));
  EXPECT_FALSE(second.capture.IsOwner());
  EXPECT_EQ(second.capture.OperateOwner([](Owner&) { return Status::Ok(); }).code(),
            Code::kNotOwner);
  first.reset();
  EXPECT_TRUE(Eventually([&] { return second.capture.IsOwner(); }));
  EXPECT_EQ(Captures(), 1u);
}

TEST_F(CaptureTest, AnOwnerCanResignAndStaysACapture) {
  Node first(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return first.capture.IsOwner(); }));
  Node second(*this, "b:1");
  EXPECT_TRUE(Eventually([&] { return client_->GetPrefix(KeyPaths().owner())->kvs.size() == 2; }));
  const std::string id = first.capture.info().id;
  ASSERT_TRUE(first.capture
                  .OperateOwner([](Owner& owner) {
                    owner.AsyncStop();
                    return Status::Ok();
                  })
                  .ok());
  EXPECT_TRUE(Eventually([&] { return second.capture.IsOwner(); }));
  EXPECT_FALSE(first.capture.IsOwner());
  EXPECT_EQ(first.capture.info().id, id);
}

TEST_F(CaptureTest, SurvivesAnEtcdThatRestarts) {
  Node node(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
  const std::string id = node.capture.info().id;
  etcd_.Restart();
  EXPECT_TRUE(Eventually([&] { return client_->Put("/tidb/cdc/x", "v").ok(); }));
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
  EXPECT_EQ(node.capture.info().id, id) << "the lease outlived the restart";
}

// A fail point for as long as this lives.
class SetPoint {
 public:
  SetPoint(const char* name, const char* terms) : name_(name) {
    EXPECT_TRUE(EnableFailPoint(name, terms).ok());
  }
  ~SetPoint() { (void)DisableFailPoint(name_); }

 private:
  const std::string name_;
};

TEST_F(CaptureTest, AResignThatFailsEndsTheLife) {
  Node node(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
  const std::string id = node.capture.info().id;
  const SetPoint point("capture-resign-failed", "1*return(true)");
  ASSERT_TRUE(node.capture
                  .OperateOwner([](Owner& owner) {
                    owner.AsyncStop();
                    return Status::Ok();
                  })
                  .ok());
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner() && node.capture.info().id != id; }));
}

TEST_F(CaptureTest, ACampaignThatMetACompactionIsTriedAgainInTheSameLife) {
  const SetPoint point("capture-campaign-compacted-error", "1*return(true)");
  Node node(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return Captures() == 1; }));
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
  EXPECT_EQ(client_->GetPrefix(KeyPaths().owner())->kvs.size(), 1u) << "one candidacy is left";
}

TEST_F(CaptureTest, ACampaignThatFailsEndsTheLife) {
  lossy_.FailNextCampaign();
  Node node(*this, "a:1");
  EXPECT_TRUE(Eventually([&] { return node.capture.IsOwner(); }));
  EXPECT_EQ(lossy_.registrations(), 2);
  EXPECT_EQ(Captures(), 1u) << "the life before has left nothing behind";
}

TEST_F(CaptureTest, CloseBeforeTheStartAndFromManyThreadsIsSafe) {
  Node* started = nullptr;
  {
    Node node(*this, "a:1");
    started = &node;
    std::vector<std::jthread> closers;
    for (int i = 0; i < 8; ++i)
      closers.emplace_back([&] {
        started->capture.AsyncClose();
        (void)started->capture.DebugInfo();
        (void)started->capture.IsOwner();
      });
  }
  EXPECT_TRUE(Eventually([&] { return client_->GetPrefix("/tidb/cdc/")->kvs.empty(); }));
}

}  // namespace
}  // namespace cdc
