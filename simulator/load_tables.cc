#include "simulator/load_tables.h"

#include <algorithm>

#include "simulator/load_schema.h"
#include "testing/recording.h"

namespace cdc {
namespace {

constexpr SchemaId kSchema{90'000};
constexpr int64_t kFirstTable = 100'000;
constexpr int kRegionShift = 40;  // handles of a region

}  // namespace

Result<std::unique_ptr<LoadTables>> LoadTables::Create(SimCluster& cluster,
                                                       const Recording& recording,
                                                       const LoadTablesOptions& options) {
  std::unique_ptr<LoadTables> created(new LoadTables());
  created->regions_per_table_ = std::max<uint64_t>(options.regions_per_table, 1);
  created->text_bytes_ =
      options.row_bytes > kLoadRowOverhead ? options.row_bytes - kLoadRowOverhead : 0;
  ASSIGN_OR_RETURN(const auto schema, LoadSchema(recording, kSchema, TableId{kFirstTable},
                                                 options.tables, created->text_bytes_));
  for (const auto& [key, value] : schema) cluster.Load(key, value, recording.meta().start_ts);
  std::vector<std::string> boundaries;
  for (size_t i = 0; i < options.tables; ++i) {
    const TableId id{kFirstTable + static_cast<int64_t>(i)};
    auto table = std::make_unique<SyntheticTable>(id, created->text_bytes_, options.updates);
    boundaries.push_back(table->range().start.substr(0, table->range().start.size() - 2));
    for (uint64_t region = 1; region < created->regions_per_table_; ++region) {
      boundaries.push_back(RecordKey(id, static_cast<int64_t>(region << kRegionShift)));
    }
    cluster.AddSynthetic(table.get());
    created->tables_.push_back(std::move(table));
    created->taken_.push_back({.rows = std::vector<uint64_t>(created->regions_per_table_)});
  }
  const TableId after{kFirstTable + static_cast<int64_t>(options.tables)};
  boundaries.push_back(RecordKey(after, 0).substr(0, 9));
  cluster.SplitMany(boundaries);
  cluster.Scatter();
  return created;
}

int64_t LoadTables::Handle(uint64_t n) const {
  const uint64_t region = n % regions_per_table_;
  return static_cast<int64_t>((region << kRegionShift) + n / regions_per_table_);
}

uint64_t LoadTables::TakeRows(size_t table, uint64_t rows) {
  std::lock_guard lock(mutex_);
  Taken& taken = taken_[table];
  const uint64_t region = taken.region;
  taken.region = (region + 1) % regions_per_table_;
  const uint64_t first = (region << kRegionShift) + taken.rows[region];
  taken.rows[region] += rows;
  return first;
}

}  // namespace cdc
