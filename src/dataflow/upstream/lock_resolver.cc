#include "dataflow/upstream/lock_resolver.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"

namespace cdc {
namespace {

constexpr size_t kRememberedMax = 2048;
constexpr uint64_t kSmallTxnKeys = 16;  // below, single keys are resolved, not whole regions
constexpr uint32_t kScanLockPage = 1024;

bool IsPessimistic(const kvrpcpb::LockInfo& lock) {
  return lock.lock_type() == kvrpcpb::PessimisticLock ||
         lock.lock_type() == kvrpcpb::SharedPessimisticLock;
}

// A shared lock is a wrapper around the locks of its holders.
std::vector<const kvrpcpb::LockInfo*> Unwrap(const std::vector<kvrpcpb::LockInfo>& locks) {
  std::vector<const kvrpcpb::LockInfo*> single;
  for (const auto& lock : locks) {
    if (lock.lock_type() != kvrpcpb::SharedLock || lock.shared_lock_infos().empty()) {
      single.push_back(&lock);
      continue;
    }
    for (const auto& holder : lock.shared_lock_infos()) single.push_back(&holder);
  }
  return single;
}

Status KeyFailed(std::string_view what, const kvrpcpb::KeyError& error) {
  return Status(Code::kTiKvRpc, "{}: {}", what, error.ShortDebugString());
}

}  // namespace

bool LockResolver::TxnStatus::rolled_back() const {
  return ttl_ms == 0 && commit_ts == Ts() &&
         (action == kvrpcpb::NoAction || action == kvrpcpb::LockNotExistRollback ||
          action == kvrpcpb::TTLExpireRollback);
}

Result<LockOutcome> LockResolver::Resolve(const std::vector<kvrpcpb::LockInfo>& locks, Ts reader,
                                          Retry* retry) {
  LockOutcome outcome;
  for (const kvrpcpb::LockInfo* lock : Unwrap(locks)) {
    ASSIGN_OR_RETURN(TxnStatus status, ResolveOne(*lock, reader, false, retry));
    if (status.ttl_ms == 0) continue;
    if (status.action == kvrpcpb::MinCommitTSPushed) {
      outcome.ignore.push_back(lock->lock_version());
      continue;
    }
    ASSIGN_OR_RETURN(Duration left, UntilExpired(Ts(lock->lock_version()), status.ttl_ms));
    left = std::max<Duration>(left, 1ms);
    if (!outcome.alive || left < outcome.wait) outcome.wait = left;
    outcome.alive = lock;
  }
  return outcome;
}

Result<LockResolver::TxnStatus> LockResolver::ResolveOne(const kvrpcpb::LockInfo& lock, Ts reader,
                                                         bool force_sync, Retry* retry) {
  bool primary_mismatch = false;
  ASSIGN_OR_RETURN(TxnStatus status, StatusOf(lock, reader, force_sync, &primary_mismatch, retry));
  if (primary_mismatch) {
    // The transaction has chosen another primary since: this lock is a left-over.
    RETURN_UNEXPECTED_IF_ERROR(RollbackPessimistic(lock, retry));
    return TxnStatus();
  }
  if (status.ttl_ms != 0) {
    ASSIGN_OR_RETURN(Duration left, UntilExpired(Ts(lock.lock_version()), status.ttl_ms));
    const bool expired_async = status.primary_lock && status.primary_lock->use_async_commit() &&
                               !force_sync && left <= Duration::zero();
    if (!expired_async) return status;
    ASSIGN_OR_RETURN(Secondaries all, CheckSecondaries(*status.primary_lock, retry));
    if (all.not_async) return ResolveOne(lock, reader, true, retry);
    TxnStatus decided{.commit_ts = all.commit_ts};
    Remember(Ts(lock.lock_version()), decided);
    all.keys.push_back(lock.primary_lock());
    LogInfo("resolving an async commit left behind, start_ts={} commit_ts={} keys={}",
            lock.lock_version(), all.commit_ts, all.keys.size());
    RETURN_UNEXPECTED_IF_ERROR(
        ResolveKeys(Ts(lock.lock_version()), all.commit_ts, std::move(all.keys), retry));
    return decided;
  }
  if (IsPessimistic(lock)) {
    RETURN_UNEXPECTED_IF_ERROR(RollbackPessimistic(lock, retry));
  } else if (lock.txn_size() < kSmallTxnKeys) {
    RETURN_UNEXPECTED_IF_ERROR(
        ResolveKeys(Ts(lock.lock_version()), status.commit_ts, {lock.key()}, retry));
  } else {
    RETURN_UNEXPECTED_IF_ERROR(ResolveRegionOf(lock, status.commit_ts, retry));
  }
  return status;
}

Result<LockResolver::TxnStatus> LockResolver::StatusOf(const kvrpcpb::LockInfo& lock, Ts reader,
                                                       bool force_sync, bool* primary_mismatch,
                                                       Retry* retry) {
  const Ts start_ts(lock.lock_version());
  if (auto known = Remembered(start_ts)) return *known;
  Ts current = Ts::Max();  // a ttl of 0 asks us to treat the lock as expired
  if (lock.lock_ttl() != 0) {
    ASSIGN_OR_RETURN(current, pd_.GetTs());
  }
  bool rollback_if_missing = false;
  for (;;) {
    TxnStatus status;
    ASSIGN_OR_RETURN(Check check, CheckPrimary(lock, reader, current, rollback_if_missing,
                                               force_sync, &status, retry));
    if (check == Check::kPrimaryMismatch) {
      *primary_mismatch = true;
      return status;
    }
    if (check == Check::kStatus) {
      if (status.ttl_ms == 0 && status.determined()) Remember(start_ts, status);
      return status;
    }
    // A secondary without its primary: either the prewrite is still on its way, or it never will.
    ASSIGN_OR_RETURN(Duration left, UntilExpired(start_ts, lock.lock_ttl()));
    if (left <= Duration::zero()) {
      rollback_if_missing = true;
      continue;
    }
    if (IsPessimistic(lock)) {
      status.ttl_ms = lock.lock_ttl();
      return status;
    }
    RETURN_UNEXPECTED_IF_ERROR(
        retry->Wait(Status(Code::kTiKvRpc, "no primary lock yet of txn {}", start_ts)));
  }
}

Result<LockResolver::Check> LockResolver::CheckPrimary(const kvrpcpb::LockInfo& lock, Ts reader,
                                                       Ts current, bool rollback_if_missing,
                                                       bool force_sync, TxnStatus* status,
                                                       Retry* retry) {
  for (;;) {
    ASSIGN_OR_RETURN(RegionRef region, rpc_.Locate(lock.primary_lock(), retry));
    kvrpcpb::CheckTxnStatusRequest request;
    request.set_primary_key(lock.primary_lock());
    request.set_lock_ts(lock.lock_version());
    request.set_caller_start_ts(reader.raw());
    request.set_current_ts(current.raw());
    request.set_rollback_if_not_exist(rollback_if_missing);
    request.set_force_sync_commit(force_sync);
    request.set_resolving_pessimistic_lock(IsPessimistic(lock));
    request.set_verify_is_primary(true);
    ASSIGN_OR_RETURN(auto response, rpc_.Send(*region, "CheckTxnStatus",
                                              &TiKvStub::KvCheckTxnStatus, &request, retry));
    if (!response) continue;
    if (response->has_error()) {
      if (response->error().has_txn_not_found()) return Check::kTxnNotFound;
      if (response->error().has_primary_mismatch() && IsPessimistic(lock)) {
        return Check::kPrimaryMismatch;
      }
      return Unexpected(KeyFailed("CheckTxnStatus", response->error()));
    }
    status->ttl_ms = response->lock_ttl();
    status->commit_ts = Ts(response->commit_version());
    status->action = response->action();
    if (response->has_lock_info()) status->primary_lock = response->lock_info();
    return Check::kStatus;
  }
}

Result<LockResolver::Secondaries> LockResolver::CheckSecondaries(const kvrpcpb::LockInfo& primary,
                                                                 Retry* retry) {
  Secondaries all{.commit_ts = Ts(primary.min_commit_ts())};
  std::vector<std::string> left(primary.secondaries().begin(), primary.secondaries().end());
  while (!left.empty()) {
    ASSIGN_OR_RETURN(ByRegion groups, GroupByRegion(std::move(left), retry));
    left.clear();
    for (auto& [region, keys] : groups) {
      kvrpcpb::CheckSecondaryLocksRequest request;
      request.set_start_version(primary.lock_version());
      for (const std::string& key : keys) request.add_keys(key);
      ASSIGN_OR_RETURN(auto response, rpc_.Send(*region, "CheckSecondaryLocks",
                                                &TiKvStub::KvCheckSecondaryLocks, &request, retry));
      if (!response) {
        left.insert(left.end(), keys.begin(), keys.end());
        continue;
      }
      if (response->has_error()) {
        return Unexpected(KeyFailed("CheckSecondaryLocks", response->error()));
      }
      RETURN_UNEXPECTED_IF_ERROR(
          AddSecondaries(*response, keys.size(), Ts(primary.lock_version()), &all));
      if (all.not_async) return all;
    }
  }
  return all;
}

Status LockResolver::AddSecondaries(const kvrpcpb::CheckSecondaryLocksResponse& response,
                                    size_t expected, Ts start_ts, Secondaries* all) {
  const Ts commit_ts(response.commit_ts());
  if (static_cast<size_t>(response.locks_size()) < expected) {
    // A lock is gone, so the transaction is decided: committed at this ts, or rolled back (0).
    const bool contradicts = all->missing_lock && all->commit_ts != commit_ts;
    const bool too_early = !all->missing_lock && commit_ts != Ts() && commit_ts < all->commit_ts;
    if (contradicts || too_early) {
      return Status(Code::kTiKvRpc, "async commit of txn {}: commit ts {} contradicts {}", start_ts,
                    commit_ts, all->commit_ts);
    }
    all->commit_ts = commit_ts;
    all->missing_lock = true;
    return Status::Ok();
  }
  for (const kvrpcpb::LockInfo& lock : response.locks()) {
    if (Ts(lock.lock_version()) != start_ts) {
      return Status(Code::kTiKvRpc, "secondary of txn {} is locked by {}", start_ts,
                    lock.lock_version());
    }
    if (!lock.use_async_commit()) {
      all->not_async = true;
      return Status::Ok();
    }
    if (!all->missing_lock) all->commit_ts = std::max(all->commit_ts, Ts(lock.min_commit_ts()));
    all->keys.push_back(lock.key());
  }
  return Status::Ok();
}

Status LockResolver::ResolveKeys(Ts start_ts, Ts commit_ts, std::vector<std::string> keys,
                                 Retry* retry) {
  while (!keys.empty()) {
    ASSIGN_OR_RETURN_STATUS(ByRegion groups, GroupByRegion(std::move(keys), retry));
    keys.clear();
    for (auto& [region, group] : groups) {
      kvrpcpb::ResolveLockRequest request;
      request.set_start_version(start_ts.raw());
      request.set_commit_version(commit_ts.raw());
      for (const std::string& key : group) request.add_keys(key);
      ASSIGN_OR_RETURN_STATUS(auto response, rpc_.Send(*region, "ResolveLock",
                                                       &TiKvStub::KvResolveLock, &request, retry));
      if (!response) {
        keys.insert(keys.end(), group.begin(), group.end());
      } else if (response->has_error()) {
        return KeyFailed("ResolveLock", response->error());
      }
    }
  }
  return Status::Ok();
}

Status LockResolver::ResolveRegionOf(const kvrpcpb::LockInfo& lock, Ts commit_ts, Retry* retry) {
  for (;;) {
    ASSIGN_OR_RETURN_STATUS(RegionRef region, rpc_.Locate(lock.key(), retry));
    kvrpcpb::ResolveLockRequest request;
    request.set_start_version(lock.lock_version());
    request.set_commit_version(commit_ts.raw());
    ASSIGN_OR_RETURN_STATUS(auto response, rpc_.Send(*region, "ResolveLock",
                                                     &TiKvStub::KvResolveLock, &request, retry));
    if (!response) continue;
    return response->has_error() ? KeyFailed("ResolveLock", response->error()) : Status::Ok();
  }
}

Status LockResolver::RollbackPessimistic(const kvrpcpb::LockInfo& lock, Retry* retry) {
  for (;;) {
    ASSIGN_OR_RETURN_STATUS(RegionRef region, rpc_.Locate(lock.key(), retry));
    kvrpcpb::PessimisticRollbackRequest request;
    request.set_start_version(lock.lock_version());
    const uint64_t for_update = lock.lock_for_update_ts();
    request.set_for_update_ts(for_update != 0 ? for_update : Ts::Max().raw());
    request.add_keys(lock.key());
    ASSIGN_OR_RETURN_STATUS(
        auto response, rpc_.Send(*region, "PessimisticRollback", &TiKvStub::KVPessimisticRollback,
                                 &request, retry));
    if (!response) continue;
    if (response->errors().empty()) return Status::Ok();
    return KeyFailed("PessimisticRollback", response->errors(0));
  }
}

Result<LockResolver::ByRegion> LockResolver::GroupByRegion(std::vector<std::string> keys,
                                                           Retry* retry) {
  std::ranges::sort(keys);
  ByRegion groups;
  for (std::string& key : keys) {
    if (groups.empty() || !Contains(*groups.back().first, key)) {
      ASSIGN_OR_RETURN(RegionRef region, rpc_.Locate(key, retry));
      groups.emplace_back(std::move(region), std::vector<std::string>());
    }
    groups.back().second.push_back(std::move(key));
  }
  return groups;
}

Result<std::vector<kvrpcpb::LockInfo>> LockResolver::ScanLocks(const KeyRange& range, Ts max,
                                                               size_t limit, Retry* retry) {
  std::vector<kvrpcpb::LockInfo> locks;
  std::string at = range.start;
  while (locks.size() < limit) {
    ASSIGN_OR_RETURN(RegionRef region, rpc_.Locate(at, retry));
    const bool last =
        region->end_key.empty() || (!range.end.empty() && region->end_key >= range.end);
    kvrpcpb::ScanLockRequest request;
    request.set_max_version(max.raw());
    request.set_start_key(at);
    request.set_end_key(last ? range.end : region->end_key);
    request.set_limit(std::min<uint32_t>(kScanLockPage, static_cast<uint32_t>(limit)));
    ASSIGN_OR_RETURN(auto response,
                     rpc_.Send(*region, "ScanLock", &TiKvStub::KvScanLock, &request, retry));
    if (!response) continue;
    if (response->has_error()) return Unexpected(KeyFailed("ScanLock", response->error()));
    const auto found = static_cast<uint32_t>(response->locks_size());
    for (auto& lock : *response->mutable_locks()) {
      // Stores differ in whether they honour end_key.
      if (!range.end.empty() && lock.key() >= range.end) break;
      locks.push_back(std::move(lock));
    }
    if (found >= request.limit()) {
      at = locks.back().key() + '\0';
    } else if (last) {
      break;
    } else {
      at = region->end_key;
    }
  }
  return locks;
}

Result<Duration> LockResolver::UntilExpired(Ts start_ts, uint64_t ttl_ms) {
  ASSIGN_OR_RETURN(Ts now, pd_.GetTs());
  const auto left =
      static_cast<int64_t>(start_ts.unix_ms() + ttl_ms) - static_cast<int64_t>(now.unix_ms());
  return std::chrono::milliseconds(left);
}

std::optional<LockResolver::TxnStatus> LockResolver::Remembered(Ts start_ts) {
  std::lock_guard lock(mutex_);
  const auto it = decided_.find(start_ts.raw());
  if (it == decided_.end()) return std::nullopt;
  return it->second;
}

void LockResolver::Remember(Ts start_ts, const TxnStatus& status) {
  std::lock_guard lock(mutex_);
  if (!decided_.emplace(start_ts.raw(), status).second) return;
  decided_order_.push_back(start_ts.raw());
  if (decided_order_.size() <= kRememberedMax) return;
  decided_.erase(decided_order_.front());
  decided_order_.pop_front();
}

}  // namespace cdc
