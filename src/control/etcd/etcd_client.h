// etcd as the control plane uses it: key-value reads, guarded transactions, leases, watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "dataflow/upstream/pd_client.h"  // TlsConfig

namespace cdc {

enum class LeaseId : int64_t {};
constexpr LeaseId kNoLease{0};

struct EtcdKv {
  std::string key;
  std::string value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  LeaseId lease{};
};

struct EtcdRange {
  int64_t revision = 0;  // of the store when it was read
  std::vector<EtcdKv> kvs;
};

// One condition of a transaction: the key's create or mod revision equals `revision` (0: no such
// key).
struct EtcdCompare {
  enum class Target : uint8_t { kCreateRevision, kModRevision };
  Target target = Target::kModRevision;
  std::string key;
  int64_t revision = 0;
};

struct EtcdOp {
  std::string key;
  std::optional<std::string> value;  // nullopt: delete
  LeaseId lease{};                   // that a put attaches the key to
};

struct EtcdTxnResult {
  bool succeeded = false;  // false: some condition did not hold and nothing was done
  int64_t revision = 0;
};

// A change of one key, as a watch delivers it.
struct EtcdEvent {
  EtcdKv kv;
  bool deleted = false;  // then only kv.key and kv.mod_revision are set
};

struct EtcdWatchBatch {
  int64_t revision = 0;  // all changes up to here have been delivered
  std::vector<EtcdEvent> events;
};

// A running watch. The destructor ends it; no call to its callback after that.
class EtcdWatch {
 public:
  virtual ~EtcdWatch() = default;
};

// Threads: thread-safe.
// Errors: kEtcd when no endpoint answered in time. A write that failed so may have been done. A
// read
//   is tried on every endpoint first, a write only on endpoints that it provably did not reach.
class EtcdClient {
 public:
  // A batch, or the error that ended the watch (kEtcdCompacted: start over from a snapshot). A
  // broken connection is not an error: the watch goes on at another endpoint from where it was.
  using WatchCallback = std::function<void(Result<EtcdWatchBatch>)>;

  virtual ~EtcdClient() = default;

  virtual Result<std::optional<EtcdKv>> Get(std::string_view key) = 0;
  // All keys that start with `prefix`, in key order, at one revision.
  virtual Result<EtcdRange> GetPrefix(std::string_view prefix) = 0;
  // The key under `prefix` that was created last, but not after `create_revision_max` (0: any).
  virtual Result<std::optional<EtcdKv>> LastCreated(std::string_view prefix,
                                                    int64_t create_revision_max) = 0;
  virtual Status Put(std::string_view key, std::string_view value, LeaseId lease = kNoLease) = 0;
  virtual Status Delete(std::string_view key) = 0;
  // All `ops` if all `guards` hold, else none.
  virtual Result<EtcdTxnResult> Txn(const std::vector<EtcdCompare>& guards,
                                    const std::vector<EtcdOp>& ops) = 0;

  virtual Result<LeaseId> GrantLease(std::chrono::seconds ttl) = 0;
  // Extends the lease; returns its new time to live, zero or less if there is no such lease any
  // more.
  virtual Result<std::chrono::seconds> KeepAlive(LeaseId lease) = 0;
  virtual Result<std::chrono::seconds> TimeToLive(LeaseId lease) = 0;
  virtual Status RevokeLease(LeaseId lease) = 0;

  // Watches `key`, or all keys that start with it, from `revision` on. `callback` is called on a
  // thread of the watch, one call at a time.
  virtual std::unique_ptr<EtcdWatch> Watch(std::string_view key, bool prefix, int64_t revision,
                                           WatchCallback callback) = 0;

  struct Options {
    std::vector<std::string> endpoints;  // "http://host:port"
    TlsConfig tls;
    std::string user;  // empty: no authentication but what TLS does
    std::string password;
    Duration request_timeout = 3s;  // of one try at one endpoint
  };
  // Does not wait for a connection.
  static Result<std::unique_ptr<EtcdClient>> Open(Options options);
};

}  // namespace cdc
