// What TiKV's transaction layer does, in memory: all versions of all keys, their locks, and the
// steps of Percolator with one-phase and async commit and pessimistic locks.
//
// Requests and answers are TiKV's own, but for regions, which are not known here: callers check
// them first. Not thread-safe. Nothing is ever collected.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/btree_map.h>

#include "model/kv_event.h"
#include "tikv/kvrpcpb.pb.h"

namespace cdc {

using MvccValue = std::shared_ptr<const std::string>;  // null: none

struct MvccLock {
  Ts start_ts;
  kvrpcpb::Op op = kvrpcpb::Put;
  std::string primary;
  MvccValue value;
  uint64_t ttl_ms = 0;
  Ts for_update_ts;
  Ts min_commit_ts;
  bool async_commit = false;
  std::vector<std::string> secondaries;
  uint64_t txn_size = 0;
  uint64_t txn_source = 0;
  uint64_t sequence = 0;

  bool pessimistic() const { return op == kvrpcpb::PessimisticLock; }
  // Will change the key once committed: such locks hold resolved ts back.
  bool changes() const { return op == kvrpcpb::Put || op == kvrpcpb::Del; }
};

struct MvccWrite {
  Ts commit_ts;  // of a rollback: its start ts
  Ts start_ts;
  kvrpcpb::Op op = kvrpcpb::Put;  // Put, Del, Lock or Rollback
  MvccValue value;
  uint64_t txn_source = 0;
  uint64_t prewritten = 0;  // the sequence numbers of the two steps
  uint64_t committed = 0;

  bool changes() const { return op == kvrpcpb::Put || op == kvrpcpb::Del; }
};

struct MvccKey {
  std::vector<MvccWrite> writes;  // by commit ts
  std::unique_ptr<MvccLock> lock;

  // The last version that changes the key, among those committed up to `upto`; null if none.
  const MvccWrite* Version(Ts upto) const;
  const MvccWrite* OfTransaction(Ts start_ts) const;
};

// One step, as the change feed tells it.
struct MvccChange {
  enum class Kind : uint8_t { kPrewrite, kCommit, kRollback, kCommitted };
  Kind kind = Kind::kPrewrite;
  std::string_view key;
  Ts start_ts;
  Ts commit_ts;
  kvrpcpb::Op op = kvrpcpb::Put;
  MvccValue value;
  MvccValue old_value;
  uint64_t txn_source = 0;
};

// Called within the methods of the store, before they return.
class MvccObserver {
 public:
  virtual ~MvccObserver() = default;
  virtual void OnChange(const MvccChange& change) = 0;
};

class MvccStore {
 public:
  explicit MvccStore(MvccObserver& observer) : observer_(observer) {}

  // Commits of one phase or without a timestamp of PD's come after this.
  void ObserveTs(Ts ts) { max_ts_ = std::max(max_ts_, ts); }
  // A version that has been there since before all feeds: nobody is told.
  void Load(std::string_view key, std::string_view value, Ts commit_ts);

  void Prewrite(const kvrpcpb::PrewriteRequest& request, kvrpcpb::PrewriteResponse* response);
  void PessimisticLock(const kvrpcpb::PessimisticLockRequest& request,
                       kvrpcpb::PessimisticLockResponse* response);
  void PessimisticRollback(const kvrpcpb::PessimisticRollbackRequest& request,
                           kvrpcpb::PessimisticRollbackResponse* response);
  void Commit(const kvrpcpb::CommitRequest& request, kvrpcpb::CommitResponse* response);
  void BatchRollback(const kvrpcpb::BatchRollbackRequest& request,
                     kvrpcpb::BatchRollbackResponse* response);
  void Cleanup(const kvrpcpb::CleanupRequest& request, kvrpcpb::CleanupResponse* response);
  void TxnHeartBeat(const kvrpcpb::TxnHeartBeatRequest& request,
                    kvrpcpb::TxnHeartBeatResponse* response);
  void CheckTxnStatus(const kvrpcpb::CheckTxnStatusRequest& request,
                      kvrpcpb::CheckTxnStatusResponse* response);
  void CheckSecondaryLocks(const kvrpcpb::CheckSecondaryLocksRequest& request,
                           kvrpcpb::CheckSecondaryLocksResponse* response);
  // Without keys in the request: all locks of the transaction in `region`.
  void ResolveLock(const kvrpcpb::ResolveLockRequest& request, const KeyRange& region,
                   kvrpcpb::ResolveLockResponse* response);

  void Get(const kvrpcpb::GetRequest& request, kvrpcpb::GetResponse* response);
  void BatchGet(const kvrpcpb::BatchGetRequest& request, kvrpcpb::BatchGetResponse* response);
  // Scans do not leave `region`.
  void Scan(const kvrpcpb::ScanRequest& request, const KeyRange& region,
            kvrpcpb::ScanResponse* response);
  void ScanLock(const kvrpcpb::ScanLockRequest& request, const KeyRange& region,
                kvrpcpb::ScanLockResponse* response);

  using Keys = absl::btree_map<std::string, MvccKey, std::less<>>;
  const Keys& keys() const { return keys_; }
  // The locks that hold resolved ts back: start ts by key.
  using Locks = absl::btree_map<std::string, Ts>;
  const Locks& locks() const { return locks_; }
  // Grows with each prewrite and commit, so that a scan can tell what came after it began.
  uint64_t sequence() const { return sequence_; }
  uint64_t NextSequence() { return ++sequence_; }

 private:
  MvccKey& KeyOf(std::string_view key);
  bool CheckMutation(const kvrpcpb::PrewriteRequest& request, int index, kvrpcpb::KeyError* error,
                     bool* done);
  bool CheckConstraints(const kvrpcpb::PrewriteRequest& request, int index, const MvccKey& state,
                        kvrpcpb::KeyError* error, bool* done);
  void TellCommitTs(const kvrpcpb::PrewriteRequest& request, kvrpcpb::PrewriteResponse* response);
  void PrewriteMutation(const kvrpcpb::PrewriteRequest& request, int index, bool async_commit,
                        Ts min_commit_ts);
  void CommitInOnePhase(const kvrpcpb::PrewriteRequest& request, const std::vector<int>& indices,
                        Ts commit_ts);
  void LockForUpdate(const kvrpcpb::PessimisticLockRequest& request,
                     const kvrpcpb::Mutation& mutation, kvrpcpb::PessimisticLockResponse* response);
  bool CommitKey(const std::string& key, Ts start_ts, Ts commit_ts, kvrpcpb::KeyError* error);
  // False: it is committed.
  bool RollbackKey(const std::string& key, Ts start_ts);
  void SetLock(const std::string& key, MvccKey* state, MvccLock lock);
  void DropLock(const std::string& key, MvccKey* state);
  static void InsertWrite(MvccKey* state, MvccWrite write);
  static kvrpcpb::LockInfo Describe(const std::string& key, const MvccLock& lock);
  static bool Blocks(const MvccLock& lock, Ts version, const kvrpcpb::Context& context);
  static const MvccValue* Read(const MvccKey& state, Ts version, const kvrpcpb::Context& context);

  MvccObserver& observer_;
  Keys keys_;
  Locks locks_;
  uint64_t sequence_ = 0;
  Ts max_ts_;
};

}  // namespace cdc
