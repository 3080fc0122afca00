// Finishes what crashed or slow clients left behind: locks whose transactions are decided or have
// expired. Private to the folder: it includes generated headers.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataflow/upstream/tikv_rpc.h"
#include "model/ts.h"
#include "tikv/kvrpcpb.pb.h"

namespace cdc {

// What became of the locks that a reader met.
struct LockOutcome {
  std::vector<uint64_t> ignore;      // transactions that can never be visible at the reader's ts
  Duration wait = Duration::zero();  // until the first of those still alive expires; 0: none alive
  const kvrpcpb::LockInfo* alive = nullptr;  // one that is, of the locks passed in
};

// Follows the protocol of TiDB's clients: the primary decides (CheckTxnStatus); an expired async
// commit is decided by its secondaries; pessimistic locks are only ever rolled back. Never touches
// a transaction that is alive, except for asking it to commit above `reader`. Thread-safe.
class LockResolver {
 public:
  LockResolver(TiKvRpc& rpc, PdClient& pd) : rpc_(rpc), pd_(pd) {}

  // `reader`: the ts of the read that is blocked; Ts() if none is.
  Result<LockOutcome> Resolve(const std::vector<kvrpcpb::LockInfo>& locks, Ts reader, Retry* retry);
  // All locks in `range` of transactions that started at or before `max`, at most `limit`.
  Result<std::vector<kvrpcpb::LockInfo>> ScanLocks(const KeyRange& range, Ts max, size_t limit,
                                                   Retry* retry);

 private:
  struct TxnStatus {
    uint64_t ttl_ms = 0;  // > 0: alive, as far as the primary says
    Ts commit_ts;
    kvrpcpb::Action action = kvrpcpb::NoAction;
    std::optional<kvrpcpb::LockInfo> primary_lock;
    bool committed() const { return commit_ts != Ts(); }
    bool rolled_back() const;
    bool determined() const { return committed() || rolled_back(); }
  };
  struct Secondaries {
    Ts commit_ts;
    std::vector<std::string> keys;
    bool missing_lock = false;
    bool not_async = false;
  };
  enum class Check { kStatus, kTxnNotFound, kPrimaryMismatch };
  using ByRegion = std::vector<std::pair<RegionRef, std::vector<std::string>>>;

  Result<TxnStatus> ResolveOne(const kvrpcpb::LockInfo& lock, Ts reader, bool force_sync,
                               Retry* retry);
  Result<TxnStatus> StatusOf(const kvrpcpb::LockInfo& lock, Ts reader, bool force_sync,
                             bool* primary_mismatch, Retry* retry);
  Result<Check> CheckPrimary(const kvrpcpb::LockInfo& lock, Ts reader, Ts current,
                             bool rollback_if_missing, bool force_sync, TxnStatus* status,
                             Retry* retry);
  Result<Secondaries> CheckSecondaries(const kvrpcpb::LockInfo& primary, Retry* retry);
  Status AddSecondaries(const kvrpcpb::CheckSecondaryLocksResponse& response, size_t expected,
                        Ts start_ts, Secondaries* all);
  Status ResolveKeys(Ts start_ts, Ts commit_ts, std::vector<std::string> keys, Retry* retry);
  Status ResolveRegionOf(const kvrpcpb::LockInfo& lock, Ts commit_ts, Retry* retry);
  Status RollbackPessimistic(const kvrpcpb::LockInfo& lock, Retry* retry);
  Result<ByRegion> GroupByRegion(std::vector<std::string> keys, Retry* retry);
  // Time left to the lock by PD's clock; not positive: expired.
  Result<Duration> UntilExpired(Ts start_ts, uint64_t ttl_ms);

  std::optional<TxnStatus> Remembered(Ts start_ts);
  void Remember(Ts start_ts, const TxnStatus& status);

  TiKvRpc& rpc_;
  PdClient& pd_;
  std::mutex mutex_;  // guards all below; never held across a call
  std::unordered_map<uint64_t, TxnStatus> decided_;
  std::deque<uint64_t> decided_order_;
};

}  // namespace cdc
