// What Tidewire promises, checked on everything that the simulation sees: each write downstream and
// each change of etcd.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/etcd/key_paths.h"
#include "model/changefeed.h"
#include "model/ddl_event.h"
#include "model/row.h"
#include "sim_etcd.h"
#include "sim_upstream.h"

namespace cdc {

// Who writes: a capture's one life.
struct SimWriter {
  ProcessId process{};
  CaptureId capture;
  LeaseId lease{};
};

// Not thread-safe. The first broken promise is kept; what comes after it means nothing.
class Promises {
 public:
  // The references outlive this.
  Promises(const SimUpstream& upstream, SimEtcd& etcd)
      : upstream_(upstream), etcd_(etcd.store()), leases_(etcd.leases()) {}

  // The feed captures the tables of these names; all if there are none.
  void AddFeed(const ChangefeedId& id, Ts start, std::set<std::string> tables);

  // `writer` is about to do this downstream, and will. Called when it takes effect there.
  void RowWritten(const ChangefeedId& id, const SimWriter& writer, const RowChange& row);
  void DdlExecuted(const ChangefeedId& id, const SimWriter& writer, const DdlEvent& ddl);
  void CheckpointTold(const ChangefeedId& id, const SimWriter& writer, Ts checkpoint);
  // A revision of etcd; `by` sent the transaction, kWorld: it is none of a node's.
  void EtcdChanged(const EtcdWatchBatch& batch, ProcessId by);
  void GarbageCollected();
  void Expect(bool holds, std::string what) {
    if (!holds) Broken(std::move(what));
  }

  // How far the feed is; its state, nullopt when it does not exist.
  Ts Checkpoint(const ChangefeedId& id) const { return feeds_.at(id).status.checkpoint_ts; }
  std::optional<FeedState> State(const ChangefeedId& id) const;
  std::vector<TableId> TablesOf(const ChangefeedId& id) const;
  std::vector<CaptureId> Captures() const;
  // At the end: downstream is what upstream is.
  void CheckComplete(const ChangefeedId& id);

  const std::optional<std::string>& broken() const { return broken_; }
  // How much was checked, to see that a simulation is not idle.
  struct Counts {
    uint64_t rows = 0;
    uint64_t ddls = 0;
    uint64_t checkpoints = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Feed {
    Ts start;
    std::set<std::string> names;
    std::optional<ChangefeedInfo> info;
    ChangefeedStatus status;
    std::map<CaptureId, TaskStatus> tasks;
    std::set<CaptureId> positions;
    // Downstream: the version that each row is at, as a count of those that came so far.
    std::map<std::pair<TableId, int64_t>, size_t> rows;
    std::set<Ts> ddls;
    size_t versions_checked = 0;  // of upstream's; all before are in the checkpoint
  };

  void Broken(std::string what);
  bool Captures(const Feed& feed, TableId table) const;
  bool Captures(const Feed& feed, const SimDdl& ddl) const;
  size_t AppliedVersions(const Feed& feed, const SimVersion& version) const;
  void CheckWriter(const SimWriter& writer, const std::string& what);
  void CheckAssigned(const Feed& feed, const SimWriter& writer, TableId table,
                     const std::string& what);
  void CheckSchema(const Feed& feed, const SimVersion& version, const std::string& what);
  void StatusChanged(const ChangefeedId& id, Feed* feed, const ChangefeedStatus& status,
                     ProcessId by);
  void CheckExclusive(const ChangefeedId& id, const Feed& feed);
  void InfoChanged(const ChangefeedId& id, Feed* feed, const EtcdEvent& event);

  const SimUpstream& upstream_;
  const FakeEtcd& etcd_;
  const std::map<LeaseId, ProcessId>& leases_;
  const KeyPaths paths_;
  std::map<ChangefeedId, Feed> feeds_;
  std::optional<std::string> broken_;
  Counts counts_;
};

}  // namespace cdc
