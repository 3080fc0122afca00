#include "control/etcd/session.h"

#include <algorithm>

#include "base/log.h"

namespace cdc {
namespace {

constexpr Duration kRetryInterval = 500ms;

}  // namespace

Result<std::unique_ptr<Session>> Session::Open(EtcdClient& client, std::chrono::seconds ttl,
                                               Clock& clock) {
  const SteadyTime sent_at = clock.Now();
  ASSIGN_OR_RETURN(const LeaseId lease, client.GrantLease(ttl));
  return std::unique_ptr<Session>(new Session(client, clock, lease, ttl, sent_at));
}

Session::Session(EtcdClient& client, Clock& clock, LeaseId lease, std::chrono::seconds ttl,
                 SteadyTime granted_at)
    : client_(client), clock_(clock), lease_(lease), ttl_(ttl) {
  Extend(granted_at, ttl);
  keep_alive_ = std::jthread([this](std::stop_token stop) { KeepAlive(std::move(stop)); });
  watch_end_ = std::jthread([this](std::stop_token stop) { WatchEnd(std::move(stop)); });
}

Session::~Session() {
  for (std::jthread* thread : {&watch_end_, &keep_alive_}) {
    thread->request_stop();
    thread->join();
  }
  if (!lost_.request_stop()) return;  // lost before: nothing to revoke
  if (const Status status = client_.RevokeLease(lease_); !status.ok())
    LogWarn("cannot revoke the lease, it lapses by itself: {}", status.ToString());
}

bool Session::Alive() const {
  return !lost_.stop_requested() &&
         clock_.Now().time_since_epoch().count() < alive_until_.load(std::memory_order_relaxed);
}

void Session::Extend(SteadyTime sent_at, std::chrono::seconds ttl) {
  alive_until_.store((sent_at + ttl - kMargin).time_since_epoch().count(),
                     std::memory_order_relaxed);
}

void Session::KeepAlive(std::stop_token stop) {
  Duration wait = ttl_ / 3;
  while (clock_.SleepFor(wait, stop)) {
    const SteadyTime sent_at = clock_.Now();
    const auto ttl = client_.KeepAlive(lease_);
    if (ttl && ttl->count() > 0) {
      Extend(sent_at, *ttl);
      wait = *ttl / 3;
      continue;
    }
    if (ttl) {
      LogWarn("etcd does not know our lease any more, lease={:x}", static_cast<int64_t>(lease_));
      break;
    }
    LogWarn("cannot extend our lease: {}", ttl.error().ToString());
    if (!Alive()) break;
    wait = kRetryInterval;
  }
  if (!stop.stop_requested()) lost_.request_stop();
}

void Session::WatchEnd(std::stop_token stop) {
  while (!stop.stop_requested() && !lost_.stop_requested()) {
    const SteadyTime end{Duration(alive_until_.load(std::memory_order_relaxed))};
    const SteadyTime now = clock_.Now();
    if (now >= end) {
      LogWarn("our lease may have lapsed, lease={:x}", static_cast<int64_t>(lease_));
      lost_.request_stop();
      return;
    }
    (void)clock_.SleepFor(end - now, stop);
  }
}

Election::Election(EtcdClient& client, const Session& session, std::string prefix)
    : client_(client),
      lease_(session.lease()),
      prefix_(std::move(prefix) + "/"),
      key_(fmt::format("{}{:x}", prefix_, static_cast<int64_t>(lease_))) {}

Status Election::Campaign(const std::string& value, std::stop_token stop) {
  // Whatever the answer to the transaction (it may have got lost), the key tells where we stand.
  const auto txn = client_.Txn({{EtcdCompare::Target::kCreateRevision, key_, 0}},
                               {{.key = key_, .value = value, .lease = lease_}});
  ASSIGN_OR_RETURN_STATUS(const std::optional<EtcdKv> candidate, client_.Get(key_));
  if (!candidate) {
    if (!txn) return txn.error();
    return Status(Code::kEtcdSessionDone, "the candidate key {} is gone at once", key_);
  }
  create_revision_ = candidate->create_revision;
  Status status = WaitUntilFirst(stop);
  if (!status.ok()) (void)Resign();
  return status;
}

// Follows the youngest of the older candidates until there is none, as etcd's package does: each
// candidate waits for one other only.
Status Election::WaitUntilFirst(std::stop_token stop) {
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN_STATUS(const std::optional<EtcdKv> other,
                            client_.LastCreated(prefix_, create_revision_ - 1));
    if (!other) return Status::Ok();
    std::mutex mutex;
    std::condition_variable_any wakeup;
    bool gone = false;
    Status failed;
    const auto watch = client_.Watch(other->key, false, other->mod_revision + 1,
                                     [&](Result<EtcdWatchBatch> batch) {
                                       std::lock_guard lock(mutex);
                                       if (!batch) failed = batch.error();
                                       if (batch)
                                         for (const EtcdEvent& event : batch->events)
                                           gone = gone || event.deleted;
                                       wakeup.notify_all();
                                     });
    std::unique_lock lock(mutex);
    wakeup.wait(lock, stop, [&] { return gone || !failed.ok(); });
    if (!failed.ok()) return failed;
  }
  return Status(Code::kStopped, "campaign stopped");
}

Status Election::Resign() {
  if (create_revision_ == 0) return Status::Ok();
  const auto txn = client_.Txn({Guard()}, {{.key = key_, .value = std::nullopt}});
  if (!txn) return txn.error();
  create_revision_ = 0;
  return Status::Ok();
}

Result<std::optional<std::string>> ElectionLeader(EtcdClient& client, const std::string& prefix) {
  ASSIGN_OR_RETURN(const EtcdRange candidates, client.GetPrefix(prefix + "/"));
  const auto first = std::ranges::min_element(candidates.kvs, {}, &EtcdKv::create_revision);
  if (first == candidates.kvs.end()) return std::nullopt;
  return first->value;
}

}  // namespace cdc
