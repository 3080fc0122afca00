// The change feed of TiKV: subscriptions to spans, served by one multiplexed stream per store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_quota.h"
#include "base/status.h"
#include "dataflow/upstream/pd_client.h"
#include "dataflow/upstream/snapshot_reader.h"
#include "model/kv_event.h"

namespace cdc {

class SpillStore;

// What one subscription produces. Calls come one at a time, in order, on threads of the feed. They
// may block for back-pressure (OnEvents only), which holds up the stream of that store.
class FeedListener {
 public:
  virtual ~FeedListener() = default;
  // Committed changes with commit_ts > the last OnResolved; not sorted. A change may come twice
  // after a reconnect, always above the last resolved ts.
  virtual void OnEvents(std::vector<KvEvent> events) = 0;
  // All changes of the span up to `resolved` have been delivered. Strictly increasing.
  virtual void OnResolved(Ts resolved) = 0;
  // The subscription cannot go on (kSnapshotLost: the data at its start was collected). Last call.
  virtual void OnFailure(Status status) = 0;
};

// Why a subscription's resolved ts stands where it stands; for logs, API and console.
struct SpanProgress {
  Ts resolved;
  size_t regions = 0;
  size_t regions_initialized = 0;
  RegionId slowest_region{};
  StoreId slowest_store{};
  Ts slowest_resolved;
  std::string reason;  // "scanning", "waiting for the lock of txn 4…", "no leader", "streaming"
};

struct SlowTable {
  TableId table{};
  SpanProgress progress;
};

enum class SubscriptionId : uint64_t {};

struct RegionFeedConfig {
  int scan_limit_per_store = 40;  // regions scanning at a time ([kv-client] region-scan-limit)
  Duration resolve_lock_after =
      20s;  // no progress for so long: resolve the locks that hold the region back
  Duration resolve_lock_interval = 10s;
  // A region that stands still all the same is registered anew, and, if that does not help, looked
  // up in PD anew.
  Duration register_anew_after = 2min;
  Duration reload_route_after = 5min;
  // Of what was received and not yet looked at, all stores together; null: each has a limit.
  std::shared_ptr<MemoryQuota> received_quota;
  // Of prewrites that wait for their commit, all stores together; past it they are spilled to
  // `spill`, which outlives the feed. Without these memory is not bounded.
  std::shared_ptr<MemoryQuota> prewrite_quota;
  SpillStore* spill = nullptr;
};

// Thread-safe.
class RegionFeed {
 public:
  virtual ~RegionFeed() = default;  // ends all subscriptions; no call to a listener after it
  // Delivers the changes of `span` with commit_ts > checkpoint. `listener` must live until
  // Unsubscribe has returned. `filter_loop`: leave out what another change feed wrote (BDR).
  virtual SubscriptionId Subscribe(const Span& span, Ts checkpoint, FeedListener* listener,
                                   bool filter_loop = false) = 0;
  // No call to the listener once this has returned; waits for one that is under way, so whatever
  // that one may be blocked by has to be released first. Not from within a listener's call.
  virtual void Unsubscribe(SubscriptionId id) = 0;
  virtual SpanProgress Progress(SubscriptionId id) const = 0;
  // The tables that are resolved least far, over all subscriptions, slowest first. Costs a pass
  // over the subscriptions, and one over the regions of those returned.
  virtual std::vector<SlowTable> Slowest(size_t) const { return {}; }
};

// The clients of one upstream cluster, sharing region cache, connections and lock resolver.
class TiKvClient {
 public:
  virtual ~TiKvClient() = default;
  virtual PdClient& pd() = 0;
  virtual SnapshotReader& snapshot() = 0;
  virtual RegionFeed& feed() = 0;

  // Connections to stores. Both leave alone what is in use: a subscription keeps its streams.
  // From now on, new ones.
  virtual void Reconnect() = 0;
  // Closes those, with their threads, that have not been used since the last time.
  virtual void RecycleConnections() = 0;

  static Result<std::unique_ptr<TiKvClient>> Open(std::vector<std::string> pd_endpoints,
                                                  const TlsConfig& tls,
                                                  const RegionFeedConfig& config, Clock& clock);
};

}  // namespace cdc
