// One etcd for the simulated cluster, and each process's client of it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "control/etcd/etcd_client.h"
#include "network.h"
#include "testing/fake_etcd.h"

namespace cdc {

// The server. Events of a watch are on their way for a while, as requests are.
class SimEtcd {
 public:
  explicit SimEtcd(uint64_t seed);

  FakeEtcd& store() { return store_; }
  Chance& chance() { return chance_; }
  // Calls `hook` after each revision, with the process that asked for it; kWorld: none did.
  void OnCommit(std::function<void(const EtcdWatchBatch&, ProcessId)> hook) {
    hook_ = std::move(hook);
  }
  // Which process each lease was granted to.
  std::map<LeaseId, ProcessId>& leases() { return leases_; }

  template <typename T>
  T ServeFor(ProcessId process, const std::function<T(FakeEtcd&)>& serve) {
    committing_ = process;
    T answer = serve(store_);
    committing_ = kWorld;
    return answer;
  }

  // Answers nothing while down; the leases begin anew when it is back.
  void SetDown(bool down);
  bool down() const { return down_; }

  using WatchWake = std::function<void(int64_t revision)>;
  uint64_t AddWatch(WatchWake wake);
  void RemoveWatch(uint64_t id) { watches_.erase(id); }

 private:
  void ExpireLeases();

  FakeEtcd store_;
  Chance chance_;
  bool down_ = false;
  ProcessId committing_ = kWorld;
  std::map<LeaseId, ProcessId> leases_;
  std::function<void(const EtcdWatchBatch&, ProcessId)> hook_;
  uint64_t next_watch_ = 1;
  std::map<uint64_t, WatchWake> watches_;
};

// A process's client.
class SimEtcdClient : public EtcdClient {
 public:
  // Both outlive the process's fibers and what it has sent.
  SimEtcdClient(SimEtcd& etcd, const Links& links) : etcd_(etcd), links_(links) {}

  Result<std::optional<EtcdKv>> Get(std::string_view key) override;
  Result<EtcdRange> GetPrefix(std::string_view prefix) override;
  Result<std::optional<EtcdKv>> LastCreated(std::string_view prefix,
                                            int64_t create_revision_max) override;
  Status Put(std::string_view key, std::string_view value, LeaseId lease) override;
  Status Delete(std::string_view key) override;
  Result<EtcdTxnResult> Txn(const std::vector<EtcdCompare>& guards,
                            const std::vector<EtcdOp>& ops) override;
  Result<LeaseId> GrantLease(std::chrono::seconds ttl) override;
  Result<std::chrono::seconds> KeepAlive(LeaseId lease) override;
  Result<std::chrono::seconds> TimeToLive(LeaseId lease) override;
  Status RevokeLease(LeaseId lease) override;
  std::unique_ptr<EtcdWatch> Watch(std::string_view key, bool prefix, int64_t revision,
                                   WatchCallback callback) override;

  // The lease that this process got last.
  LeaseId last_lease() const { return last_lease_; }

 private:
  template <typename T>
  Result<T> Call(std::string_view what, std::function<Result<T>(FakeEtcd&)> serve);

  SimEtcd& etcd_;
  const Links& links_;
  LeaseId last_lease_{};
};

}  // namespace cdc
