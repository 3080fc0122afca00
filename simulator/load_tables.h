// The tables that loads write to, with their regions.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "simulator/sim_cluster.h"
#include "simulator/synthetic_table.h"

namespace cdc {

class Recording;

struct LoadTablesOptions {
  size_t tables = 1;
  uint64_t regions_per_table = 1;
  size_t row_bytes = 100;  // of a value
  bool updates = false;    // synthetic rows have old values
};

// Thread-safe. Outlives the cluster's use of it.
class LoadTables {
 public:
  // Adds the schema, from the description of a table in `recording`, and splits the regions.
  static Result<std::unique_ptr<LoadTables>> Create(SimCluster& cluster, const Recording& recording,
                                                    const LoadTablesOptions& options);

  size_t size() const { return tables_.size(); }
  size_t text_bytes() const { return text_bytes_; }
  TableId id(size_t table) const { return tables_[table]->id(); }
  SyntheticTable* synthetic(size_t table) { return tables_[table].get(); }
  // The handle of the n-th stored row: neighbours are in different regions.
  int64_t Handle(uint64_t n) const;
  // `rows` handles of a synthetic table that nobody has had yet, all in one region: the first.
  uint64_t TakeRows(size_t table, uint64_t rows);

 private:
  LoadTables() = default;

  uint64_t regions_per_table_ = 1;
  size_t text_bytes_ = 0;
  std::vector<std::unique_ptr<SyntheticTable>> tables_;

  std::mutex mutex_;  // guards what follows
  struct Taken {
    uint64_t region = 0;         // the next to take from
    std::vector<uint64_t> rows;  // per region
  };
  std::vector<Taken> taken_;
};

}  // namespace cdc
