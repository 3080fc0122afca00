// Writing: prewrite, commit, roll back.
#include "simulator/mvcc_store.h"

#include <algorithm>

namespace cdc {
namespace {

MvccValue ValueOf(const kvrpcpb::Mutation& mutation) {
  if (mutation.op() != kvrpcpb::Put && mutation.op() != kvrpcpb::Insert) return nullptr;
  return std::make_shared<const std::string>(mutation.value());
}

kvrpcpb::Op LockOp(kvrpcpb::Op op) { return op == kvrpcpb::Insert ? kvrpcpb::Put : op; }

MvccValue LastValue(const MvccKey& state) {
  const MvccWrite* last = state.Version(Ts::Max());
  return last ? last->value : nullptr;
}

void TellConflict(const kvrpcpb::PrewriteRequest& request, const std::string& key,
                  const MvccWrite& write, kvrpcpb::WriteConflict::Reason reason,
                  kvrpcpb::KeyError* error) {
  kvrpcpb::WriteConflict* conflict = error->mutable_conflict();
  conflict->set_start_ts(request.start_version());
  conflict->set_conflict_ts(write.start_ts.raw());
  conflict->set_conflict_commit_ts(write.commit_ts.raw());
  conflict->set_key(key);
  conflict->set_primary(request.primary_lock());
  conflict->set_reason(reason);
}

}  // namespace

const MvccWrite* MvccKey::Version(Ts upto) const {
  for (auto it = writes.rbegin(); it != writes.rend(); ++it) {
    if (it->commit_ts <= upto && it->changes()) return &*it;
  }
  return nullptr;
}

const MvccWrite* MvccKey::OfTransaction(Ts start_ts) const {
  for (auto it = writes.rbegin(); it != writes.rend(); ++it) {
    if (it->commit_ts < start_ts) return nullptr;
    if (it->start_ts == start_ts) return &*it;
  }
  return nullptr;
}

MvccKey& MvccStore::KeyOf(std::string_view key) {
  const auto it = keys_.find(key);
  return it != keys_.end() ? it->second : keys_[std::string(key)];
}

void MvccStore::InsertWrite(MvccKey* state, MvccWrite write) {
  auto at = state->writes.end();
  while (at != state->writes.begin() && std::prev(at)->commit_ts > write.commit_ts) --at;
  state->writes.insert(at, std::move(write));
}

void MvccStore::SetLock(const std::string& key, MvccKey* state, MvccLock lock) {
  if (lock.changes()) {
    locks_[key] = lock.start_ts;
  } else {
    locks_.erase(key);
  }
  state->lock = std::make_unique<MvccLock>(std::move(lock));
}

void MvccStore::DropLock(const std::string& key, MvccKey* state) {
  locks_.erase(key);
  state->lock.reset();
}

void MvccStore::Load(std::string_view key, std::string_view value, Ts commit_ts) {
  ++sequence_;
  InsertWrite(&KeyOf(key), {.commit_ts = commit_ts,
                            .start_ts = commit_ts.Prev(),
                            .op = kvrpcpb::Put,
                            .value = std::make_shared<const std::string>(value),
                            .prewritten = sequence_,
                            .committed = sequence_});
}

// ---- Prewrite ----

// False: `error` says why not. `done`: nothing is left to do for this mutation.
bool MvccStore::CheckMutation(const kvrpcpb::PrewriteRequest& request, int index,
                              kvrpcpb::KeyError* error, bool* done) {
  const kvrpcpb::Mutation& mutation = request.mutations(index);
  const Ts start_ts(request.start_version());
  const bool must_be_locked =
      index < request.pessimistic_actions_size() &&
      request.pessimistic_actions(index) == kvrpcpb::PrewriteRequest::DO_PESSIMISTIC_CHECK;
  MvccKey& state = KeyOf(mutation.key());
  if (state.lock && state.lock->start_ts != start_ts) {
    *error->mutable_locked() = Describe(mutation.key(), *state.lock);
    return false;
  }
  if (state.lock) {
    *done = !state.lock->pessimistic();  // a repeated request
    return true;
  }
  if (must_be_locked) {
    // The lock may have been lost, which harms only if somebody has written since.
    const MvccWrite* committed = state.OfTransaction(start_ts);
    if (committed && committed->op != kvrpcpb::Rollback) {
      *done = true;
      return true;
    }
    if (committed ||
        (!state.writes.empty() && state.writes.back().commit_ts > Ts(request.for_update_ts()))) {
      error->set_abort("pessimistic lock not found");
      return false;
    }
    return true;
  }
  return CheckConstraints(request, index, state, error, done);
}

bool MvccStore::CheckConstraints(const kvrpcpb::PrewriteRequest& request, int index,
                                 const MvccKey& state, kvrpcpb::KeyError* error, bool* done) {
  const kvrpcpb::Mutation& mutation = request.mutations(index);
  const Ts start_ts(request.start_version());
  if (const MvccWrite* own = state.OfTransaction(start_ts)) {
    *done = own->op != kvrpcpb::Rollback;
    if (*done) return true;
    TellConflict(request, mutation.key(), *own, kvrpcpb::WriteConflict::SelfRolledBack, error);
    return false;
  }
  // The timestamp tells the kind of a transaction; clients fill the actions in any case.
  const bool optimistic =
      request.for_update_ts() == 0 ||
      (index < request.pessimistic_actions_size() &&
       request.pessimistic_actions(index) == kvrpcpb::PrewriteRequest::DO_CONSTRAINT_CHECK);
  if (optimistic && !state.writes.empty() && state.writes.back().commit_ts > start_ts) {
    TellConflict(request, mutation.key(), state.writes.back(), kvrpcpb::WriteConflict::Optimistic,
                 error);
    return false;
  }
  const bool must_not_exist =
      mutation.op() == kvrpcpb::Insert || mutation.op() == kvrpcpb::CheckNotExists;
  if (must_not_exist && LastValue(state)) {
    error->mutable_already_exist()->set_key(mutation.key());
    return false;
  }
  *done = mutation.op() == kvrpcpb::CheckNotExists;
  return true;
}

void MvccStore::Prewrite(const kvrpcpb::PrewriteRequest& request,
                         kvrpcpb::PrewriteResponse* response) {
  std::vector<int> to_write;
  for (int i = 0; i < request.mutations_size(); ++i) {
    kvrpcpb::KeyError error;
    bool done = false;
    if (!CheckMutation(request, i, &error, &done)) {
      *response->add_errors() = std::move(error);
    } else if (!done) {
      to_write.push_back(i);
    }
  }
  if (!response->errors().empty()) return;
  const Ts floor = std::max({max_ts_, Ts(request.start_version()), Ts(request.for_update_ts())});
  const Ts min_commit_ts = std::max(floor.Next(), Ts(request.min_commit_ts()));
  const bool too_late = request.max_commit_ts() != 0 && min_commit_ts > Ts(request.max_commit_ts());
  const bool whole = to_write.size() == static_cast<size_t>(request.mutations_size());
  if (request.try_one_pc() && !too_late && whole) {
    CommitInOnePhase(request, to_write, min_commit_ts);
    response->set_one_pc_commit_ts(min_commit_ts.raw());
    return;
  }
  const bool async_commit = request.use_async_commit() && !too_late;
  for (const int i : to_write) PrewriteMutation(request, i, async_commit, min_commit_ts);
  TellCommitTs(request, response);
}

// What an asynchronous commit needs to know. A repeated request is told what the first one was:
// other clients may have finished the transaction with it.
void MvccStore::TellCommitTs(const kvrpcpb::PrewriteRequest& request,
                             kvrpcpb::PrewriteResponse* response) {
  if (!request.use_async_commit() && !request.try_one_pc()) return;
  const Ts start_ts(request.start_version());
  Ts min_commit_ts;
  for (const kvrpcpb::Mutation& mutation : request.mutations()) {
    const MvccKey& state = KeyOf(mutation.key());
    if (state.lock && state.lock->start_ts == start_ts) {
      if (!state.lock->async_commit) return;
      min_commit_ts = std::max(min_commit_ts, state.lock->min_commit_ts);
    } else if (const MvccWrite* write = state.OfTransaction(start_ts)) {
      min_commit_ts = std::max(min_commit_ts, write->commit_ts);
      if (request.try_one_pc()) response->set_one_pc_commit_ts(write->commit_ts.raw());
    }
  }
  if (request.use_async_commit()) response->set_min_commit_ts(min_commit_ts.raw());
}

void MvccStore::PrewriteMutation(const kvrpcpb::PrewriteRequest& request, int index,
                                 bool async_commit, Ts min_commit_ts) {
  const kvrpcpb::Mutation& mutation = request.mutations(index);
  MvccKey& state = KeyOf(mutation.key());
  MvccLock lock{.start_ts = Ts(request.start_version()),
                .op = LockOp(mutation.op()),
                .primary = request.primary_lock(),
                .value = ValueOf(mutation),
                .ttl_ms = request.lock_ttl(),
                .for_update_ts = Ts(request.for_update_ts()),
                .min_commit_ts = async_commit ? min_commit_ts : Ts(request.min_commit_ts()),
                .async_commit = async_commit,
                .txn_size = request.txn_size(),
                .sequence = ++sequence_};
  if (async_commit && mutation.key() == request.primary_lock()) {
    lock.secondaries.assign(request.secondaries().begin(), request.secondaries().end());
  }
  const MvccChange change{.kind = MvccChange::Kind::kPrewrite,
                          .key = mutation.key(),
                          .start_ts = lock.start_ts,
                          .op = lock.op,
                          .value = lock.value,
                          .old_value = LastValue(state)};
  const bool tell = lock.changes();
  SetLock(mutation.key(), &state, std::move(lock));
  if (tell) observer_.OnChange(change);
}

void MvccStore::CommitInOnePhase(const kvrpcpb::PrewriteRequest& request,
                                 const std::vector<int>& indices, Ts commit_ts) {
  for (const int i : indices) {
    const kvrpcpb::Mutation& mutation = request.mutations(i);
    MvccKey& state = KeyOf(mutation.key());
    if (state.lock) DropLock(mutation.key(), &state);
    ++sequence_;
    MvccWrite write{.commit_ts = commit_ts,
                    .start_ts = Ts(request.start_version()),
                    .op = LockOp(mutation.op()),
                    .value = ValueOf(mutation),
                    .prewritten = sequence_,
                    .committed = sequence_};
    const MvccChange change{.kind = MvccChange::Kind::kCommitted,
                            .key = mutation.key(),
                            .start_ts = write.start_ts,
                            .commit_ts = commit_ts,
                            .op = write.op,
                            .value = write.value,
                            .old_value = LastValue(state)};
    const bool tell = write.changes();
    InsertWrite(&state, std::move(write));
    if (tell) observer_.OnChange(change);
  }
}

// ---- Commit, roll back ----

void MvccStore::Commit(const kvrpcpb::CommitRequest& request, kvrpcpb::CommitResponse* response) {
  for (const std::string& key : request.keys()) {
    kvrpcpb::KeyError error;
    if (!CommitKey(key, Ts(request.start_version()), Ts(request.commit_version()), &error)) {
      *response->mutable_error() = std::move(error);
      return;
    }
  }
  response->set_commit_version(request.commit_version());
}

bool MvccStore::CommitKey(const std::string& key, Ts start_ts, Ts commit_ts,
                          kvrpcpb::KeyError* error) {
  MvccKey& state = KeyOf(key);
  if (!state.lock || state.lock->start_ts != start_ts) {
    const MvccWrite* write = state.OfTransaction(start_ts);
    if (write && write->op != kvrpcpb::Rollback) return true;
    error->mutable_txn_lock_not_found()->set_key(key);
    error->set_retryable("transaction lock not found");
    return false;
  }
  const MvccLock& lock = *state.lock;
  if (commit_ts < lock.min_commit_ts) {
    kvrpcpb::CommitTsExpired* expired = error->mutable_commit_ts_expired();
    expired->set_start_ts(start_ts.raw());
    expired->set_attempted_commit_ts(commit_ts.raw());
    expired->set_key(key);
    expired->set_min_commit_ts(lock.min_commit_ts.raw());
    return false;
  }
  MvccWrite write{.commit_ts = commit_ts,
                  .start_ts = start_ts,
                  .op = lock.pessimistic() ? kvrpcpb::Lock : lock.op,
                  .value = lock.value,
                  .txn_source = lock.txn_source,
                  .prewritten = lock.sequence,
                  .committed = ++sequence_};
  const MvccChange change{.kind = MvccChange::Kind::kCommit,
                          .key = key,
                          .start_ts = start_ts,
                          .commit_ts = commit_ts,
                          .op = write.op};
  DropLock(key, &state);
  const bool tell = write.changes();
  InsertWrite(&state, std::move(write));
  if (tell) observer_.OnChange(change);
  return true;
}

bool MvccStore::RollbackKey(const std::string& key, Ts start_ts) {
  MvccKey& state = KeyOf(key);
  if (state.lock && state.lock->start_ts == start_ts) {
    const bool tell = state.lock->changes();
    const kvrpcpb::Op op = state.lock->op;
    DropLock(key, &state);
    ++sequence_;
    if (tell) {
      observer_.OnChange(
          {.kind = MvccChange::Kind::kRollback, .key = key, .start_ts = start_ts, .op = op});
    }
  } else if (const MvccWrite* write = state.OfTransaction(start_ts)) {
    return write->op == kvrpcpb::Rollback;
  }
  InsertWrite(&state, {.commit_ts = start_ts, .start_ts = start_ts, .op = kvrpcpb::Rollback});
  return true;
}

void MvccStore::BatchRollback(const kvrpcpb::BatchRollbackRequest& request,
                              kvrpcpb::BatchRollbackResponse* response) {
  for (const std::string& key : request.keys()) {
    if (RollbackKey(key, Ts(request.start_version()))) continue;
    response->mutable_error()->set_abort("already committed");
    return;
  }
}

void MvccStore::Cleanup(const kvrpcpb::CleanupRequest& request,
                        kvrpcpb::CleanupResponse* response) {
  const Ts start_ts(request.start_version());
  const MvccKey& state = KeyOf(request.key());
  const bool locked = state.lock && state.lock->start_ts == start_ts;
  const bool alive = locked && request.current_ts() != 0 &&
                     start_ts.unix_ms() + state.lock->ttl_ms > Ts(request.current_ts()).unix_ms();
  if (alive) {
    *response->mutable_error()->mutable_locked() = Describe(request.key(), *state.lock);
  } else if (!RollbackKey(request.key(), start_ts)) {
    response->set_commit_version(KeyOf(request.key()).OfTransaction(start_ts)->commit_ts.raw());
  }
}

}  // namespace cdc
