// A lease that is kept alive, and the election that hangs on it. Keys and semantics are those of
// etcd's own concurrency package, so that candidates of both kinds can meet.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "control/etcd/etcd_client.h"

namespace cdc {

// Threads: thread-safe; keeps the lease alive on a thread of its own, and watches its end on
// another:
//   a call to etcd may hang past it.
class Session {
 public:
  // What a write needs at most between the check of Alive and its effect: the lease counts as lost
  // so much before its end.
  static constexpr Duration kMargin = 1s;

  // `client` and `clock` outlive the session.
  static Result<std::unique_ptr<Session>> Open(EtcdClient& client, std::chrono::seconds ttl,
                                               Clock& clock);
  ~Session();  // stops the keep-alive and revokes the lease

  LeaseId lease() const { return lease_; }
  // Whether the lease certainly still holds, by the local monotonic clock and nothing else: false
  // from shortly before the moment at which etcd may have let it lapse.
  bool Alive() const;
  // Requested when the lease is lost, or may be.
  std::stop_token lost() const { return lost_.get_token(); }

 private:
  Session(EtcdClient& client, Clock& clock, LeaseId lease, std::chrono::seconds ttl,
          SteadyTime granted_at);
  void KeepAlive(std::stop_token stop);
  void WatchEnd(std::stop_token stop);
  void Extend(SteadyTime sent_at, std::chrono::seconds ttl);

  EtcdClient& client_;
  Clock& clock_;
  const LeaseId lease_;
  const std::chrono::seconds ttl_;
  std::atomic<SteadyTime::rep> alive_until_;
  std::stop_source lost_;
  std::jthread keep_alive_;  // these two last: they use all above
  std::jthread watch_end_;
};

// Not thread-safe.
class Election {
 public:
  // The candidates of one election share `prefix`. The references outlive the election.
  Election(EtcdClient& client, const Session& session, std::string prefix);

  // Blocks until elected (Ok), stopped (kStopped, candidacy withdrawn), or failed. kEtcdCompacted
  // may be tried again with the same session.
  Status Campaign(const std::string& value, std::stop_token stop);
  // Gives ownership, or the candidacy, up. No effect without one.
  Status Resign();

  // Holds as long as this candidate exists: for the guards of transactions.
  EtcdCompare Guard() const {
    return {EtcdCompare::Target::kCreateRevision, key_, create_revision_};
  }

 private:
  Status WaitUntilFirst(std::stop_token stop);

  EtcdClient& client_;
  const LeaseId lease_;
  const std::string prefix_;     // ends in '/'
  const std::string key_;        // prefix + lease in hex
  int64_t create_revision_ = 0;  // of key_; 0: no candidate
};

// The value that the current winner put there; nullopt without one.
Result<std::optional<std::string>> ElectionLeader(EtcdClient& client, const std::string& prefix);

}  // namespace cdc
