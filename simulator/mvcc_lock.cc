// Locks: taking them early, keeping them, finding out what became of their transactions.
#include <algorithm>

#include "simulator/mvcc_store.h"

namespace cdc {

kvrpcpb::LockInfo MvccStore::Describe(const std::string& key, const MvccLock& lock) {
  kvrpcpb::LockInfo info;
  info.set_key(key);
  info.set_primary_lock(lock.primary);
  info.set_lock_version(lock.start_ts.raw());
  info.set_lock_ttl(lock.ttl_ms);
  info.set_txn_size(lock.txn_size);
  info.set_lock_type(lock.op);
  info.set_lock_for_update_ts(lock.for_update_ts.raw());
  info.set_use_async_commit(lock.async_commit);
  info.set_min_commit_ts(lock.min_commit_ts.raw());
  for (const std::string& secondary : lock.secondaries) info.add_secondaries(secondary);
  return info;
}

// ---- Pessimistic locks ----

void MvccStore::PessimisticLock(const kvrpcpb::PessimisticLockRequest& request,
                                kvrpcpb::PessimisticLockResponse* response) {
  for (const kvrpcpb::Mutation& mutation : request.mutations()) {
    LockForUpdate(request, mutation, response);
    if (!response->errors().empty()) {
      response->clear_values();
      response->clear_not_founds();
      return;
    }
  }
}

void MvccStore::LockForUpdate(const kvrpcpb::PessimisticLockRequest& request,
                              const kvrpcpb::Mutation& mutation,
                              kvrpcpb::PessimisticLockResponse* response) {
  const Ts start_ts(request.start_version());
  const Ts for_update_ts(request.for_update_ts());
  const std::string& key = mutation.key();
  MvccKey& state = KeyOf(key);
  if (state.lock && state.lock->start_ts != start_ts) {
    *response->add_errors()->mutable_locked() = Describe(key, *state.lock);
    return;
  }
  const auto conflict = [&](const MvccWrite& write, kvrpcpb::WriteConflict::Reason reason) {
    kvrpcpb::WriteConflict* told = response->add_errors()->mutable_conflict();
    told->set_start_ts(start_ts.raw());
    told->set_conflict_ts(write.start_ts.raw());
    told->set_conflict_commit_ts(write.commit_ts.raw());
    told->set_key(key);
    told->set_primary(request.primary_lock());
    told->set_reason(reason);
  };
  const MvccWrite* own = state.OfTransaction(start_ts);
  if (own && own->op == kvrpcpb::Rollback) {
    return conflict(*own, kvrpcpb::WriteConflict::SelfRolledBack);
  }
  if (!state.writes.empty() && state.writes.back().commit_ts > for_update_ts) {
    return conflict(state.writes.back(), kvrpcpb::WriteConflict::PessimisticRetry);
  }
  const MvccWrite* version = state.Version(Ts::Max());
  const bool exists = version && version->value;
  if (mutation.assertion() == kvrpcpb::NotExist && exists) {
    response->add_errors()->mutable_already_exist()->set_key(key);
    return;
  }
  if (request.return_values() || request.check_existence()) {
    response->add_values(exists && request.return_values() ? *version->value : std::string());
    response->add_not_founds(!exists);
  }
  if (request.lock_only_if_exists() && !exists) return;
  if (state.lock && !state.lock->pessimistic()) return;
  SetLock(key, &state,
          {.start_ts = start_ts,
           .op = kvrpcpb::PessimisticLock,
           .primary = request.primary_lock(),
           .ttl_ms = request.lock_ttl(),
           .for_update_ts = for_update_ts,
           .min_commit_ts = Ts(request.min_commit_ts()),
           .sequence = ++sequence_});
}

void MvccStore::PessimisticRollback(const kvrpcpb::PessimisticRollbackRequest& request,
                                    kvrpcpb::PessimisticRollbackResponse*) {
  for (const std::string& key : request.keys()) {
    MvccKey& state = KeyOf(key);
    const bool theirs = state.lock && state.lock->pessimistic() &&
                        state.lock->start_ts == Ts(request.start_version()) &&
                        state.lock->for_update_ts <= Ts(request.for_update_ts());
    if (theirs) DropLock(key, &state);
  }
}

void MvccStore::TxnHeartBeat(const kvrpcpb::TxnHeartBeatRequest& request,
                             kvrpcpb::TxnHeartBeatResponse* response) {
  MvccKey& state = KeyOf(request.primary_lock());
  if (!state.lock || state.lock->start_ts != Ts(request.start_version())) {
    response->mutable_error()->set_abort("txn lock not found");
    return;
  }
  state.lock->ttl_ms = std::max(state.lock->ttl_ms, request.advise_lock_ttl());
  response->set_lock_ttl(state.lock->ttl_ms);
}

// ---- What became of a transaction ----

void MvccStore::CheckTxnStatus(const kvrpcpb::CheckTxnStatusRequest& request,
                               kvrpcpb::CheckTxnStatusResponse* response) {
  const Ts start_ts(request.lock_ts());
  const std::string& key = request.primary_key();
  MvccKey& state = KeyOf(key);
  if (!state.lock || state.lock->start_ts != start_ts) {
    const MvccWrite* write = state.OfTransaction(start_ts);
    if (write) {
      if (write->op != kvrpcpb::Rollback) response->set_commit_version(write->commit_ts.raw());
    } else if (!request.rollback_if_not_exist()) {
      response->mutable_error()->mutable_txn_not_found()->set_start_ts(start_ts.raw());
      response->mutable_error()->mutable_txn_not_found()->set_primary_key(key);
    } else if (request.resolving_pessimistic_lock()) {
      response->set_action(kvrpcpb::LockNotExistDoNothing);
    } else {
      RollbackKey(key, start_ts);
      response->set_action(kvrpcpb::LockNotExistRollback);
    }
    return;
  }
  MvccLock& lock = *state.lock;
  if (request.verify_is_primary() && lock.primary != key) {
    *response->mutable_error()->mutable_primary_mismatch()->mutable_lock_info() =
        Describe(key, lock);
    return;
  }
  const bool expired = start_ts.unix_ms() + lock.ttl_ms < Ts(request.current_ts()).unix_ms();
  if (lock.async_commit && !request.force_sync_commit()) {
    // Only its secondaries can tell.
    response->set_lock_ttl(lock.ttl_ms);
    *response->mutable_lock_info() = Describe(key, lock);
    return;
  }
  if (expired) {
    const bool pessimistic = lock.pessimistic();
    if (pessimistic && request.resolving_pessimistic_lock()) {
      DropLock(key, &state);
      response->set_action(kvrpcpb::TTLExpirePessimisticRollback);
      return;
    }
    RollbackKey(key, start_ts);
    response->set_action(kvrpcpb::TTLExpireRollback);
    return;
  }
  if (request.caller_start_ts() != 0 && !lock.pessimistic() &&
      request.caller_start_ts() != Ts::Max().raw()) {
    lock.min_commit_ts = std::max(lock.min_commit_ts, Ts(request.caller_start_ts()).Next());
    response->set_action(kvrpcpb::MinCommitTSPushed);
  }
  response->set_lock_ttl(lock.ttl_ms);
  *response->mutable_lock_info() = Describe(key, lock);
}

void MvccStore::CheckSecondaryLocks(const kvrpcpb::CheckSecondaryLocksRequest& request,
                                    kvrpcpb::CheckSecondaryLocksResponse* response) {
  const Ts start_ts(request.start_version());
  for (const std::string& key : request.keys()) {
    MvccKey& state = KeyOf(key);
    if (state.lock && state.lock->start_ts == start_ts && !state.lock->pessimistic()) {
      *response->add_locks() = Describe(key, *state.lock);
      continue;
    }
    response->clear_locks();
    const MvccWrite* write = state.OfTransaction(start_ts);
    if (write && write->op != kvrpcpb::Rollback) {
      response->set_commit_ts(write->commit_ts.raw());
    } else {
      RollbackKey(key, start_ts);  // so that the prewrite, if still on its way, comes too late
    }
    return;
  }
}

void MvccStore::ResolveLock(const kvrpcpb::ResolveLockRequest& request, const KeyRange& region,
                            kvrpcpb::ResolveLockResponse* response) {
  const Ts start_ts(request.start_version());
  std::vector<std::string> keys(request.keys().begin(), request.keys().end());
  if (keys.empty()) {
    const auto end = region.end.empty() ? keys_.end() : keys_.lower_bound(region.end);
    for (auto it = keys_.lower_bound(region.start); it != end; ++it) {
      if (it->second.lock && it->second.lock->start_ts == start_ts) keys.push_back(it->first);
    }
  }
  for (const std::string& key : keys) {
    const MvccKey& state = KeyOf(key);
    if (!state.lock || state.lock->start_ts != start_ts) continue;
    if (request.commit_version() == 0) {
      RollbackKey(key, start_ts);
      continue;
    }
    kvrpcpb::KeyError error;
    if (!CommitKey(key, start_ts, Ts(request.commit_version()), &error)) {
      *response->mutable_error() = std::move(error);
      return;
    }
  }
}

void MvccStore::ScanLock(const kvrpcpb::ScanLockRequest& request, const KeyRange& region,
                         kvrpcpb::ScanLockResponse* response) {
  if (Ts(request.max_version()) != Ts::Max()) ObserveTs(Ts(request.max_version()));
  for (auto it = keys_.lower_bound(std::max(request.start_key(), region.start)); it != keys_.end();
       ++it) {
    if (!request.end_key().empty() && it->first >= request.end_key()) break;
    if (!region.end.empty() && it->first >= region.end) break;
    const auto found = static_cast<uint32_t>(response->locks_size());
    if (request.limit() != 0 && found >= request.limit()) break;
    const MvccLock* lock = it->second.lock.get();
    if (!lock || lock->start_ts > Ts(request.max_version())) continue;
    *response->add_locks() = Describe(it->first, *lock);
  }
}

}  // namespace cdc
