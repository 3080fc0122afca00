// etcd's store without a network: revisions, guarded transactions, leases, history and its
// compaction, on a clock that the caller moves.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/etcd/etcd_client.h"

namespace cdc {

// Passive and not thread-safe: who uses it decides how long requests take and which get lost.
// Semantics are etcd's: a transaction that changes nothing makes no revision; of an election, the
// candidate with the lowest create revision leads.
class FakeEtcd {
 public:
  using Time = std::chrono::nanoseconds;  // since any fixed moment

  // Called after each revision, with its events; it must not change the store.
  void OnCommit(std::function<void(const EtcdWatchBatch&)> hook) { hook_ = std::move(hook); }

  int64_t revision() const { return revision_; }
  std::optional<EtcdKv> Get(std::string_view key) const;
  EtcdRange GetPrefix(std::string_view prefix) const;
  std::optional<EtcdKv> LastCreated(std::string_view prefix, int64_t create_revision_max) const;
  std::optional<EtcdKv> FirstCreated(std::string_view prefix) const;
  // kEtcd, and nothing done, when an op names a lease that does not exist.
  Result<EtcdTxnResult> Txn(const std::vector<EtcdCompare>& guards, const std::vector<EtcdOp>& ops);

  LeaseId GrantLease(std::chrono::seconds ttl, Time now);
  // The time to live from now on; zero: no such lease.
  std::chrono::seconds KeepAlive(LeaseId lease, Time now);
  bool HasLease(LeaseId lease) const { return leases_.contains(lease); }
  void RevokeLease(LeaseId lease);
  // Ends the leases whose time has come.
  void ExpireLeases(Time now);
  // What a new leader does: every lease begins anew.
  void RenewLeases(Time now);

  // Forgets the history up to `revision`.
  void Compact(int64_t revision) { compacted_ = std::max(compacted_, revision); }
  // What a watch from revision `from` on has to deliver up to `upto`. kEtcdCompacted.
  Result<EtcdWatchBatch> EventsBetween(std::string_view key, bool prefix, int64_t from,
                                       int64_t upto) const;

 private:
  struct Lease {
    std::chrono::seconds ttl;
    Time expires;
    std::set<std::string> keys;
  };
  struct Change {
    int64_t revision;
    EtcdEvent event;
  };

  bool Holds(const EtcdCompare& guard) const;
  void Put(const EtcdOp& op);
  void Delete(const std::string& key);
  // Ends the revision under way, if it changed anything.
  void Commit();

  int64_t revision_ = 1;
  int64_t compacted_ = 0;
  int64_t next_lease_ = 0x1000;
  std::map<std::string, EtcdKv, std::less<>> kvs_;
  std::map<LeaseId, Lease> leases_;
  std::vector<Change> history_;       // by revision
  std::vector<EtcdEvent> under_way_;  // of revision_ + 1
  std::function<void(const EtcdWatchBatch&)> hook_;
};

}  // namespace cdc
