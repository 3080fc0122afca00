// The simulated cluster without its network: transactions, regions and the change feed.
//
// Owns the data and the regions. All methods are thread-safe and short, but for scans, which
// threads of their own go through in steps. Everything that happens to one key, and to the resolved
// ts of its region, is sent on a stream in the order in which it happened.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "simulator/cdc_wire.h"
#include "simulator/feed_stream.h"
#include "simulator/mvcc_store.h"
#include "simulator/oracle.h"
#include "simulator/sim_region.h"
#include "tikv/cdcpb.pb.h"

namespace cdc {

class SyntheticTable;

struct ClusterOptions {
  uint64_t cluster_id = 7'000'000'001;
  uint64_t stores = 3;
  uint64_t replicas = 3;
  Duration resolved_interval = 200ms;
  int scan_threads = 2;
  size_t scan_queue_bytes = 8 << 20;     // a scan waits while more waits to be sent on its stream
  size_t feed_queue_bytes = 512u << 20;  // above it, live changes end subscriptions: congested
};

// A registration of a region on a stream.
struct Downstream {
  uint64_t region_id = 0;
  uint64_t request_id = 0;
  KeyRange range;  // what it asked for, within the region
  Ts checkpoint;
  Ts resolved;
  bool old_value = false;
  bool filter_loop = false;
  bool batch_resolved = true;  // the client understands ResolvedTs
  bool initialized = false;
  bool gone = false;
  bool dirty = false;
  uint64_t registered_at = 0;   // MvccStore::sequence
  std::string rows;             // encoded, of the step under way
  SimRegion* region = nullptr;  // while not gone
  std::shared_ptr<FeedStream> stream;

  bool Wants(std::string_view key) const {
    return key >= range.start && (range.end.empty() || key < range.end);
  }
};

enum class SimRegionError {
  kNotLeader,
  kEpochNotMatch,
  kRegionNotFound,
  kServerIsBusy,
  kDuplicateRequest,
  kCompatibility,
  kClusterIdMismatch,
  kCongested,
};
std::optional<SimRegionError> RegionErrorFromName(std::string_view name);

struct SimMutation {
  std::string key;
  std::optional<std::string> value;  // nullopt: delete
};

struct ClusterCounts {
  uint64_t regions = 0;
  uint64_t keys = 0;
  uint64_t streams = 0;
  uint64_t downstreams = 0;
  uint64_t initialized = 0;
  uint64_t registrations = 0;
  uint64_t queued_bytes = 0;
};

class SimCluster : private MvccObserver {
 public:
  SimCluster(const ClusterOptions& options, Clock& clock);
  ~SimCluster() override;

  const ClusterOptions& options() const { return options_; }
  Oracle& oracle() { return oracle_; }

  // ---- Transactions (sim_txn.cc) ----
  void Load(std::string_view key, std::string_view value, Ts commit_ts);
  // What a transaction of the past did: no conflicts are looked for. In one step, or in two.
  void Replay(const std::vector<SimMutation>& mutations, Ts start_ts, Ts commit_ts);
  // Timestamps from the oracle. False: a conflict or a lock; nothing is left behind.
  bool Transact(const std::vector<SimMutation>& mutations, bool one_phase, Ts start_ts);
  // Prewrites and goes away.
  void LeaveLocks(const std::vector<SimMutation>& mutations, uint64_t ttl_ms);
  // For simulations, whose clients do without regions. What `act` changes is sent.
  void Apply(const std::function<void(MvccStore&)>& act);
  std::optional<std::string> Read(const std::string& key, Ts ts);
  // Calls `visit` for what is visible at `ts`, in steps between which others get their turn.
  void Snapshot(const KeyRange& range, Ts ts,
                const std::function<void(std::string_view key, std::string_view value)>& visit);
  // For requests: `act` runs if `store` leads the region of the context; else `error` is filled,
  // and the answer is false.
  bool WithRegion(uint64_t store, const kvrpcpb::Context& context, errorpb::Error* error,
                  const std::function<void(MvccStore&, const KeyRange&)>& act);

  // ---- Regions (sim_regions.cc) ----
  struct RegionView {
    metapb::Region region;
    metapb::Peer leader;
    uint64_t downstreams = 0;
    Ts oldest_lock;
    KeyRange range;
  };
  std::vector<RegionView> Regions(std::string_view start, std::string_view end, size_t limit);
  std::optional<RegionView> RegionById(uint64_t id);
  // The one before that of `key`.
  std::optional<RegionView> RegionBefore(std::string_view key);
  // A stored key inside of the region, about `steps` keys from its start.
  std::optional<std::string> MiddleKey(uint64_t region, size_t steps);
  Status Split(std::string_view key);
  Status Merge(uint64_t region);
  Status TransferLeader(uint64_t region, uint64_t store);
  Status Move(uint64_t region, const std::vector<uint64_t>& stores);
  void Scatter();
  // Many regions at once, before anybody has subscribed.
  void SplitMany(const std::vector<std::string>& keys);
  // Its leaders go to the peers on stores that are up, as after an election.
  void StoreDown(uint64_t store);
  void StoreUp(uint64_t store);
  std::vector<bool> StoresUp();  // by id - 1

  // ---- The feed (sim_feed.cc) ----
  void OpenStream(const std::shared_ptr<FeedStream>& stream);
  void CloseStream(const std::shared_ptr<FeedStream>& stream);
  void Request(const std::shared_ptr<FeedStream>& stream, bool multiplexing,
               const cdcpb::ChangeDataRequest& request);
  ClusterCounts Counts();
  std::vector<std::shared_ptr<FeedStream>> Streams(uint64_t store);  // 0: of all

  // ---- Faults ----
  // Ends the subscriptions of a region (0: of all).
  void FailRegion(uint64_t region, SimRegionError error);
  void FailNextRequests(int count, SimRegionError error);
  void FailNextRegistrations(int count, SimRegionError error);
  void HoldResolved(bool on) { hold_resolved_ = on; }
  void DelayResolved(uint64_t ms) { resolved_delay_ms_ = ms; }
  // No resolved ts goes to or beyond this, until it is raised.
  void CapResolved(Ts cap);

  // ---- Synthetic tables (synthetic_table.h): rows that are computed, not stored ----
  void AddSynthetic(SyntheticTable* table);  // outlives this
  // A transaction of `rows` rows from `first` on, each step of it. Nobody waits: the caller looks
  // after the room there is to send.
  void SyntheticOnePhase(SyntheticTable* table, uint64_t first, uint64_t rows);
  size_t SyntheticPrewrite(SyntheticTable* table, uint64_t first, uint64_t rows, Ts start_ts);
  void SyntheticCommit(SyntheticTable* table, size_t txn, Ts commit_ts);
  // Rows of the past, which only scans send.
  void SyntheticBacklog(SyntheticTable* table, uint64_t first, uint64_t rows);
  // Until all streams have room. False: asked to stop.
  bool WaitForRoom(size_t bytes, std::stop_token stop);

 private:
  // By request (0 without multiplexing) and region.
  struct SyntheticCursor {
    std::string table;
    size_t txn = 0;
  };
  using Downstreams = std::map<std::pair<uint64_t, uint64_t>, std::shared_ptr<Downstream>>;

  void OnChange(const MvccChange& change) override;
  void FlushDirty();
  void AddRow(Downstream* downstream, const wire::Row& row);
  void TickResolved();
  void FindOldestLocks();
  void TickResolvedOf(FeedStream* stream, const Downstreams& downstreams, Ts now);
  void Register(const std::shared_ptr<FeedStream>& stream, bool multiplexing,
                const cdcpb::ChangeDataRequest& request);
  void Deregister(const std::shared_ptr<FeedStream>& stream,
                  const cdcpb::ChangeDataRequest& request);
  void FailLocked(SimRegion* region, SimRegionError error);
  void Drop(const std::shared_ptr<Downstream>& downstream);
  cdcpb::Error MakeError(SimRegionError error, const SimRegion* region, uint64_t region_id);
  void SendError(const Downstream& downstream, const cdcpb::Error& error);
  RegionView View(const SimRegion& region) const;
  void ForRuns(const SyntheticTable& table, uint64_t first, uint64_t rows,
               const std::function<void(SimRegion&, uint64_t, uint64_t)>& visit);
  void SendSynthetic(const SyntheticTable& table, wire::RowType type, uint64_t first, uint64_t rows,
                     Ts start_ts, Ts commit_ts);
  void TickLoop(std::stop_token stop);
  void ScanLoop(std::stop_token stop);
  void Scan(const std::shared_ptr<Downstream>& downstream, std::stop_token stop);
  bool ScanStored(Downstream* downstream, std::string* from, std::string* rows);
  bool ScanSynthetic(Downstream* downstream, SyntheticCursor* at, std::string* rows);

  const ClusterOptions options_;
  Clock& clock_;
  Oracle oracle_;
  std::atomic<bool> hold_resolved_{false};
  std::atomic<uint64_t> resolved_delay_ms_{0};

  std::mutex mutex_;  // guards all below, down to the scans
  RegionMap regions_;
  MvccStore store_;
  std::vector<bool> store_up_;
  std::map<std::shared_ptr<FeedStream>, Downstreams, FeedStream::Older> streams_;
  std::vector<Downstream*> dirty_;
  std::map<std::string, SyntheticTable*> synthetic_;  // by first key
  uint64_t registrations_ = 0;
  uint64_t tick_ = 0;  // of resolved timestamps
  std::pair<int, SimRegionError> failing_requests_{0, {}};
  std::pair<int, SimRegionError> failing_registrations_{0, {}};
  Ts resolved_cap_ = Ts::Max();

  std::mutex scans_mutex_;  // guards the queue of scans; taken after mutex_
  std::condition_variable_any scans_filled_;
  std::deque<std::shared_ptr<Downstream>> scans_;

  std::vector<std::jthread> threads_;  // last: they use all above
};

}  // namespace cdc
