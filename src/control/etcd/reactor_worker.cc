#include "control/etcd/reactor_worker.h"

#include <algorithm>

#include "base/backoff.h"
#include "base/log.h"

namespace cdc {
namespace {

// etcd's limits are 128 operations (and conditions) and 1.5 MiB a request.
constexpr size_t kOpsMax = 100;
constexpr size_t kBytesMax = 1 << 20;
constexpr Duration kSlowCommit = 1s;
constexpr Duration kOwnCommitWait = 5s;  // for the watch to show what we wrote

}  // namespace

ReactorWorker::ReactorWorker(EtcdClient& client, Reactor& reactor, ReactorWorkerOptions options,
                             Clock& clock)
    : client_(client), reactor_(reactor), options_(std::move(options)), clock_(clock) {}

ReactorWorker::~ReactorWorker() { watch_.reset(); }

void ReactorWorker::Wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wakeup_.notify_all();
}

Status ReactorWorker::Run(std::stop_token stop) {
  RETURN_IF_ERROR(LoadSnapshot(stop));
  SteadyTime own_commit_by = SteadyTime::max();
  while (!stop.stop_requested()) {
    RETURN_IF_ERROR(TakeInbox(stop));
    const SteadyTime now = clock_.Now();
    if (state_.revision() < committed_revision_) {
      if (now >= own_commit_by) RETURN_IF_ERROR(LoadSnapshot(stop));
      WaitForWork(now, std::min(own_commit_by, now + options_.interval), stop);
      continue;
    }
    auto patches = reactor_.Tick(state_, now);
    state_.ClearChanges();
    if (!patches) return patches.error();
    if (!patches->empty()) {
      ASSIGN_OR_RETURN_STATUS(const Committed committed, Commit(*patches));
      if (committed == Committed::kUnknown) RETURN_IF_ERROR(LoadSnapshot(stop));
      own_commit_by = clock_.Now() + kOwnCommitWait;
    }
    WaitForWork(now + options_.interval / 10, now + options_.interval, stop);
  }
  return Status::Ok();
}

Status ReactorWorker::LoadSnapshot(std::stop_token stop) {
  Backoff backoff({.first = 100ms, .max = 2s});
  while (!stop.stop_requested()) {
    watch_.reset();
    const auto snapshot = client_.GetPrefix(options_.prefix);
    if (!snapshot) {
      LogWarn("cannot read etcd, trying again: {}", snapshot.error().ToString());
      if (!options_.may_write()) return Status(Code::kEtcdSessionDone, "our lease may have lapsed");
      (void)clock_.SleepFor(backoff.Next(), stop);
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      inbox_.clear();
      watch_error_ = Status::Ok();
    }
    state_.Replace(*snapshot);
    watch_ = client_.Watch(options_.prefix, true, snapshot->revision + 1,
                           [this](Result<EtcdWatchBatch> batch) {
                             {
                               std::lock_guard lock(mutex_);
                               if (batch)
                                 inbox_.push_back(*std::move(batch));
                               else
                                 watch_error_ = batch.error();
                             }
                             wakeup_.notify_all();
                           });
    return Status::Ok();
  }
  return Status::Ok();
}

Status ReactorWorker::TakeInbox(std::stop_token stop) {
  std::vector<EtcdWatchBatch> batches;
  Status error;
  {
    std::lock_guard lock(mutex_);
    batches.swap(inbox_);
    error = watch_error_;
    woken_ = false;
  }
  for (const EtcdWatchBatch& batch : batches) state_.Apply(batch);
  if (error.ok()) return Status::Ok();
  LogInfo("etcd's watch ended, reading a new snapshot: {}", error.ToString());
  return LoadSnapshot(stop);
}

void ReactorWorker::WaitForWork(SteadyTime earliest, SteadyTime latest, std::stop_token stop) {
  if (const SteadyTime now = clock_.Now(); now < earliest)
    (void)clock_.SleepFor(earliest - now, stop);
  std::unique_lock lock(mutex_);
  (void)clock_.WaitUntil(lock, wakeup_, latest, std::move(stop),
                         [this] { return woken_ || !inbox_.empty() || !watch_error_.ok(); });
}

Result<ReactorWorker::Committed> ReactorWorker::Commit(const std::vector<EtcdPatch>& patches) {
  for (auto begin = patches.begin(); begin != patches.end();) {
    auto end = begin;
    size_t bytes = 0;
    while (end != patches.end() && static_cast<size_t>(end - begin) < kOpsMax) {
      bytes += end->key.size() + (end->value ? end->value->size() : 0);
      if (bytes > kBytesMax && end != begin) break;
      ++end;
    }
    const auto committed = CommitChunk(begin, end);
    if (!committed || *committed != Committed::kAll) return committed;
    begin = end;
  }
  return Committed::kAll;
}

Result<ReactorWorker::Committed> ReactorWorker::CommitChunk(
    std::vector<EtcdPatch>::const_iterator begin, std::vector<EtcdPatch>::const_iterator end) {
  if (!options_.may_write()) return Error(Code::kEtcdSessionDone, "our lease may have lapsed");
  std::vector<EtcdCompare> guards = options_.guards;
  std::vector<EtcdOp> ops;
  for (auto patch = begin; patch != end; ++patch) {
    guards.push_back({EtcdCompare::Target::kModRevision, patch->key, patch->mod_revision});
    ops.push_back({.key = patch->key, .value = patch->value});
  }
  const SteadyTime start = clock_.Now();
  const auto txn = client_.Txn(guards, ops);
  const Duration took = clock_.Now() - start;
  if (options_.commit_seconds != nullptr)
    options_.commit_seconds->Observe(std::chrono::duration<double>(took).count());
  if (took > kSlowCommit)
    LogWarn("etcd is slow: a transaction of {} operations took {:.1f}s", ops.size(),
            std::chrono::duration<double>(took).count());
  if (!txn) {
    LogWarn("cannot write to etcd, trying again: {}", txn.error().ToString());
    return Committed::kUnknown;
  }
  if (txn->succeeded) {
    committed_revision_ = txn->revision;
    return Committed::kAll;
  }
  RETURN_UNEXPECTED_IF_ERROR(CheckGuards());
  // The state that we decided on is older than this.
  committed_revision_ = std::max(committed_revision_, state_.revision() + 1);
  return Committed::kConflict;
}

// After a transaction whose conditions did not all hold: whether it was one of our own guards.
Status ReactorWorker::CheckGuards() {
  for (const EtcdCompare& guard : options_.guards) {
    const auto kv = client_.Get(guard.key);
    if (!kv) return Status::Ok();  // unknown: the next transaction tells
    const int64_t found =
        !*kv ? 0
             : (guard.target == EtcdCompare::Target::kCreateRevision ? (*kv)->create_revision
                                                                     : (*kv)->mod_revision);
    if (found != guard.revision)
      return Status(Code::kEtcdSessionDone, "the guard {} is at revision {}, not {} any more",
                    guard.key, found, guard.revision);
  }
  return Status::Ok();
}

}  // namespace cdc
