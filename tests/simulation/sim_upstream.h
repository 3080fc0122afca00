// The TiDB cluster of the simulation: its data and schema with all their history, its timestamps
// and its garbage collection. It knows what a changefeed has to deliver.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataflow/mounter/tests/fake_cluster.h"
#include "model/kv_event.h"
#include "network.h"

namespace cdc {

// One version of a row.
struct SimVersion {
  TableId table{};
  int64_t handle = 0;
  Ts commit_ts;
  std::optional<int64_t> value;  // of the column "v"; none: deleted
  size_t columns = 0;            // that the table had
  size_t index = 0;              // among the versions of its row
};

// A schema change as the downstream should see it.
struct SimDdl {
  Ts commit_ts;
  DdlType type{};
  std::string table;  // its name
  TableId before{};   // physical ids; 0: none
  TableId after{};
  bool Touches(TableId id) const { return before == id || after == id; }
};

// Not thread-safe. Everything takes effect at once; delays and faults are those of its clients.
class SimUpstream {
 public:
  SimUpstream(uint64_t seed, int tables);

  Ts NextTs();
  // A transaction over some tables.
  void CommitRows();
  void CommitDdl();

  // What clients read.
  std::optional<std::string> Get(std::string_view key, Ts ts) const;
  Status Scan(const KeyRange& range, Ts ts,
              const std::function<Status(std::string_view, std::string_view)>& visit) const;
  // Changes of the range with after < commit ts <= upto, in commit order.
  std::vector<KvEvent> Changes(const KeyRange& range, Ts after, Ts upto) const;

  // PD's rules. Returns the least safe point of all services.
  Ts UpdateServiceSafePoint(const std::string& service, SimTime ttl, Ts safe_point);
  Ts gc_safe_point() const { return gc_safe_point_; }
  // Collects what is older than `age` and held by no service.
  void CollectGarbage(SimTime age);

  // History, in commit order.
  const std::vector<SimVersion>& versions() const { return versions_; }
  const std::vector<SimDdl>& ddls() const { return ddls_; }
  // Those of one row; the version with this commit ts, null if there is none.
  const SimVersion* Find(TableId table, int64_t handle, Ts commit_ts) const;
  // How many versions of the row have commit ts <= `ts`.
  size_t CountUpTo(TableId table, int64_t handle, Ts ts) const;
  const std::string& NameOf(TableId table) const { return names_.at(table); }

 private:
  struct Table {
    FakeTable info;
    std::map<int64_t, int64_t> rows;  // handle → value
  };
  struct Stored {
    Ts ts;
    std::string value;  // empty: deleted
  };

  void Commit(Ts ts, const std::vector<Write>& writes);
  Table& AddTable(int64_t id, const std::string& name, std::vector<Write>* writes);
  Table* AnyTable();
  void RunJob(DdlType type, const std::string& query, int64_t table_id,
              const std::vector<Write>& writes, SimDdl ddl);
  void AddColumn();
  void CreateTable();
  void DropTable();
  void TruncateTable();

  Chance chance_;
  uint64_t last_ts_ = 0;
  int64_t next_id_ = 200;
  int64_t next_value_ = 1;
  std::map<std::string, Table> tables_;  // by name
  std::map<TableId, std::string> names_;
  std::map<std::string, std::vector<Stored>, std::less<>> kvs_;
  std::map<std::string, std::vector<KvEvent>, std::less<>> logs_;  // by start of the range
  std::vector<SimVersion> versions_;
  std::vector<SimDdl> ddls_;
  std::map<std::pair<TableId, int64_t>, std::vector<size_t>> by_row_;  // into versions_

  struct Service {
    SimTime expires;
    Ts safe_point;
  };
  std::map<std::string, Service> services_;
  Ts gc_safe_point_;
};

}  // namespace cdc
