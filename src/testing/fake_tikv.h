// The stores of a cluster in this process: a small transactional store with TiKV's change feed,
// answering real gRPC on loopback.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/kv_event.h"
#include "testing/fake_pd.h"

namespace cdc {

struct FakeMutation {
  std::string key;
  std::optional<std::string> value;  // none: delete
};

struct FakePrewriteOptions {
  bool async_commit = false;      // the first key's lock lists the others
  bool pessimistic_lock = false;  // only that: no value, not seen by the feed
  bool without_primary = false;   // the lock of the first key never arrives
  uint64_t ttl_ms = 3000;
};

// Thread-safe. All stores share the data; a region is led by one store. PD is told of every change,
// unless `pd_knows` says no.
class FakeTiKv {
 public:
  FakeTiKv(FakePd& pd, int stores);  // numbered from 1; one region, led by store 1
  ~FakeTiKv();

  // Transactions.
  Ts Put(const std::string& key, const std::string& value);  // all of it; the commit ts
  Ts Delete(const std::string& key);
  Ts OnePc(const std::vector<FakeMutation>& mutations);
  // Locks; returns the start ts. The first key is the primary.
  Ts Prewrite(const std::vector<FakeMutation>& mutations, const FakePrewriteOptions& options = {});
  Ts Commit(Ts start_ts, const std::vector<std::string>& keys);
  void CommitAt(Ts start_ts, Ts commit_ts, const std::vector<std::string>& keys);
  void Rollback(Ts start_ts, const std::vector<std::string>& keys);
  void Heartbeat(const std::string& key);  // the lock is sent again, without its value
  bool locked(const std::string& key) const;
  std::optional<std::string> Read(const std::string& key, Ts ts) const;
  // All that was committed in (after, upto], as the feed should deliver it, in commit order.
  std::vector<KvEvent> Committed(const KeyRange& range, Ts after, Ts upto) const;

  // Regions.
  void Split(const std::string& key, bool pd_knows = true);
  void Merge(const std::string& key_of_left, bool pd_knows = true);  // into its right neighbour
  void MoveLeader(const std::string& key, uint64_t store, bool pd_knows = true);
  std::vector<FakeRegion> regions() const;
  void TellPd();

  // Faults.
  enum class RegionError {
    kNotLeader,
    kEpochNotMatch,
    kRegionNotFound,
    kServerIsBusy,
    kDuplicateRequest,
    kCompatibility,
    kClusterIdMismatch,
    kCongested,
    kUnknown,
  };
  void FailSubscriptions(const std::string& key, RegionError error);
  void FailNextKvRequests(int count, RegionError error);
  void BreakStreams(uint64_t store);
  void StopStore(uint64_t store);
  void RefuseV2(bool on);  // as stores before EventFeedV2
  void HoldResolved(bool on);
  void HoldScans(bool on);  // registrations get live rows, but not the scan, until released
  void SendGarbage(uint64_t store);  // on every open stream

  int registrations() const;  // requests for a region so far
  int subscriptions() const;  // live now
  int streams() const;        // open now

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cdc
