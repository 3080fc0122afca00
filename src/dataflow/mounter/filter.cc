#include "dataflow/mounter/filter.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

#include <strings.h>

#include "config/table_filter.h"

namespace cdc {
namespace {

class RuleFilter : public Filter {
 public:
  RuleFilter(const ReplicaConfig& config, std::unique_ptr<TableFilter> rules,
             std::unique_ptr<EventFilters> events)
      : rules_(std::move(rules)),
        events_(std::move(events)),
        ignored_start_ts_(config.filter.ignore_txn_start_ts.begin(),
                          config.filter.ignore_txn_start_ts.end()),
        force_replicate_(config.force_replicate),
        leaves_out_ineligible_(config.ignore_ineligible_table),
        bdr_mode_(config.bdr_mode) {}

  bool MatchesTable(std::string_view schema, std::string_view table) const override {
    return !IsSystemSchema(schema) && rules_->MatchesTable(schema, table);
  }
  bool MatchesSchema(std::string_view schema) const override {
    return !IsSystemSchema(schema) && rules_->MatchesSchema(schema);
  }
  bool CapturesTable(const TableInfo& table) const override {
    return table.kind == TableInfo::Kind::kTable && (force_replicate_ || table.eligible()) &&
           MatchesTable(table.schema, table.name);
  }
  bool IgnoresTxn(Ts start_ts) const override {
    return !ignored_start_ts_.empty() && ignored_start_ts_.contains(start_ts.raw());
  }
  bool LeavesOutIneligible() const override { return leaves_out_ineligible_; }
  bool IgnoresDdl(const DdlEvent& ddl) const override { return events_->IgnoresDdl(ddl); }
  Result<std::unique_ptr<const RowFilter>> RowFilterFor(const TableInfo& table) const override {
    return events_->ForTable(table);
  }
  bool ReplicatesBdrRole(std::string_view role) const override {
    return !bdr_mode_ || role == "primary";
  }

 private:
  const std::unique_ptr<TableFilter> rules_;
  const std::unique_ptr<EventFilters> events_;
  const std::unordered_set<uint64_t> ignored_start_ts_;
  const bool force_replicate_;
  const bool leaves_out_ineligible_;
  const bool bdr_mode_;
};

}  // namespace

Result<std::unique_ptr<Filter>> Filter::Create(const ReplicaConfig& config) {
  static const std::vector<std::string> kEverything = {"*.*"};
  const std::vector<std::string>& rules =
      config.filter.rules.empty() ? kEverything : config.filter.rules;
  ASSIGN_OR_RETURN(auto parsed, TableFilter::Parse(rules, config.case_sensitive));
  ASSIGN_OR_RETURN(auto events,
                   EventFilters::Create(config.filter.event_filters, config.case_sensitive));
  return std::make_unique<RuleFilter>(config, std::move(parsed), std::move(events));
}

bool Filter::IsSystemSchema(std::string_view schema) {
  static constexpr std::array<std::string_view, 9> kSystem = {"information_schema",
                                                              "performance_schema",
                                                              "metrics_schema",
                                                              "inspection_schema",
                                                              "mysql",
                                                              "sys",
                                                              "workload_schema",
                                                              "tidb_cdc",
                                                              "lightning_task_info"};
  return std::ranges::any_of(kSystem, [&](std::string_view name) {
    return name.size() == schema.size() &&
           strncasecmp(name.data(), schema.data(), name.size()) == 0;
  });
}

bool Filter::ReplicatesDdl(DdlType type) {
  switch (type) {
    case DdlType::kCreateSchema:
    case DdlType::kDropSchema:
    case DdlType::kModifySchemaCharsetAndCollate:
    case DdlType::kRecoverSchema:
    case DdlType::kCreateTable:
    case DdlType::kCreateTables:
    case DdlType::kDropTable:
    case DdlType::kTruncateTable:
    case DdlType::kRenameTable:
    case DdlType::kRenameTables:
    case DdlType::kRecoverTable:
    case DdlType::kModifyTableComment:
    case DdlType::kModifyTableCharsetAndCollate:
    case DdlType::kRebaseAutoId:
    case DdlType::kAddColumn:
    case DdlType::kAddColumns:
    case DdlType::kDropColumn:
    case DdlType::kDropColumns:
    case DdlType::kModifyColumn:
    case DdlType::kSetDefaultValue:
    case DdlType::kMultiSchemaChange:
    case DdlType::kAddIndex:
    case DdlType::kDropIndex:
    case DdlType::kRenameIndex:
    case DdlType::kAlterIndexVisibility:
    case DdlType::kAddPrimaryKey:
    case DdlType::kDropPrimaryKey:
    case DdlType::kAddForeignKey:
    case DdlType::kDropForeignKey:
    case DdlType::kAddVectorIndex:
    case DdlType::kAddTablePartition:
    case DdlType::kDropTablePartition:
    case DdlType::kTruncateTablePartition:
    case DdlType::kExchangeTablePartition:
    case DdlType::kReorganizePartition:
    case DdlType::kAlterTablePartitioning:
    case DdlType::kRemovePartitioning:
    case DdlType::kCreateView:
    case DdlType::kDropView:
    case DdlType::kAlterTtlInfo:
    case DdlType::kAlterTtlRemove:
      return true;
    default:
      return IsForDatabasesOnly(type);
  }
}

}  // namespace cdc
