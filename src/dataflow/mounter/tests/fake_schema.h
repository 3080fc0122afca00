// Stand-ins of what a mounter needs beside its events: versions of tables by hand, a filter that
// lets all pass.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "dataflow/mounter/schema_store.h"

namespace cdc {

// Versions of tables, each from its commit ts on. Not thread-safe; only what mounters call works.
class FakeSchema : public SchemaStore {
 public:
  void Add(TableId physical, Ts version, TableInfoPtr table) {
    versions_[physical].emplace_back(version, std::move(table));
  }
  // The version that was added last; null if there is none or the table was ended.
  TableInfoPtr Latest(TableId physical) const {
    const auto found = versions_.find(physical);
    return found == versions_.end() ? nullptr : found->second.back().second;
  }
  // Dropped, or given to another table.
  void End(TableId physical, Ts version) { Add(physical, version, nullptr); }
  void FailNext(Code code) { fail_next_ = code; }

  Result<TableInfoPtr> TableAt(TableId physical, Ts commit_ts) const override {
    ++lookups;
    if (fail_next_ != Code::kOk) return Error(std::exchange(fail_next_, Code::kOk), "as asked for");
    TableInfoPtr found;
    if (const auto history = versions_.find(physical); history != versions_.end())
      for (const auto& [version, table] : history->second)
        if (version < commit_ts) found = table;
    if (found == nullptr)
      return Error(Code::kSchemaTableMiss, "no table {} before {}", physical, commit_ts);
    return found;
  }

  std::vector<Span> DdlSpans() const override { return {}; }
  void Append(std::vector<KvEvent>) override {}
  Status Advance(Ts) override { return {}; }
  Ts resolved() const override { return Ts::Max(); }
  std::vector<DdlEventPtr> DdlsAfter(Ts) const override { return {}; }
  std::vector<PhysicalTable> CapturedTables(Ts) const override { return {}; }
  std::vector<TableInfoPtr> IneligibleTables(Ts) const override { return {}; }
  void CollectGarbage(Ts) override {}

  mutable int lookups = 0;

 private:
  std::map<TableId, std::vector<std::pair<Ts, TableInfoPtr>>> versions_;
  mutable Code fail_next_ = Code::kOk;
};

class FakeFilter : public Filter {
 public:
  bool MatchesTable(std::string_view, std::string_view) const override { return true; }
  bool MatchesSchema(std::string_view) const override { return true; }
  bool CapturesTable(const TableInfo&) const override { return true; }
  bool IgnoresTxn(Ts start_ts) const override { return ignored.contains(start_ts); }
  bool LeavesOutIneligible() const override { return true; }
  bool ReplicatesBdrRole(std::string_view) const override { return true; }

  std::set<Ts> ignored;
};

}  // namespace cdc
