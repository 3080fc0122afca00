#include "dataflow/mounter/filter_events.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <re2/re2.h>

#include "config/table_filter.h"
#include "dataflow/mounter/filter_expression.h"

namespace cdc {
namespace {

struct NamedDdl {
  DdlType type;
  std::string_view name;
  bool alters_table = false;  // "alter table" means it, too
};

constexpr auto kDdls = std::to_array<NamedDdl>({
    {DdlType::kCreateSchema, "create database"},
    {DdlType::kDropSchema, "drop database"},
    {DdlType::kModifySchemaCharsetAndCollate, "modify schema charset and collate"},
    {DdlType::kCreateTable, "create table"},
    {DdlType::kCreateTables, "create table"},
    {DdlType::kDropTable, "drop table"},
    {DdlType::kTruncateTable, "truncate table"},
    {DdlType::kRenameTable, "rename table", true},
    {DdlType::kRenameTables, "rename table", true},
    {DdlType::kRecoverTable, "recover table"},
    {DdlType::kModifyTableComment, "modify table comment", true},
    {DdlType::kModifyTableCharsetAndCollate, "modify table charset and collate", true},
    {DdlType::kCreateView, "create view"},
    {DdlType::kDropView, "drop view"},
    {DdlType::kAddTablePartition, "add table partition", true},
    {DdlType::kDropTablePartition, "drop table partition", true},
    {DdlType::kTruncateTablePartition, "truncate table partition", true},
    {DdlType::kExchangeTablePartition, "exchange table partition", true},
    {DdlType::kReorganizePartition, "reorganize table partition", true},
    {DdlType::kAlterTablePartitioning, "alter table partitioning", true},
    {DdlType::kRemovePartitioning, "remove table partitioning", true},
    {DdlType::kAddColumn, "add column", true},
    {DdlType::kAddColumns, "add column", true},
    {DdlType::kDropColumn, "drop column", true},
    {DdlType::kDropColumns, "drop column", true},
    {DdlType::kModifyColumn, "modify column", true},
    {DdlType::kSetDefaultValue, "set default value", true},
    {DdlType::kRebaseAutoId, "rebase auto id", true},
    {DdlType::kAddPrimaryKey, "add primary key", true},
    {DdlType::kDropPrimaryKey, "drop primary key", true},
    {DdlType::kAddIndex, "create index", true},
    {DdlType::kDropIndex, "drop index", true},
    {DdlType::kRenameIndex, "rename index", true},
    {DdlType::kAlterIndexVisibility, "alter index visibility", true},
    {DdlType::kAlterTtlInfo, "alter ttl info", true},
    {DdlType::kAlterTtlRemove, "alter ttl remove", true},
    {DdlType::kMultiSchemaChange, "multi schema change", true},
    {DdlType::kAddForeignKey, "add foreign key"},
    {DdlType::kDropForeignKey, "drop foreign key"},
});

// Names that TiCDC takes beside those of schema changes.
constexpr auto kOthers = std::to_array<std::string_view>(
    {"all", "all dml", "all ddl", "none", "none dml", "none ddl", "insert", "update", "delete",
     "alter table", "alter database", "create schema", "drop schema", "alter schema"});

std::string_view Canonical(std::string_view name) {
  if (name == "create schema") return "create database";
  if (name == "drop schema") return "drop database";
  if (name == "alter schema" || name == "alter database")
    return "modify schema charset and collate";
  return name;
}

bool IsKnown(std::string_view name) {
  return std::ranges::find(kOthers, name) != kOthers.end() ||
         std::ranges::find(kDdls, name, &NamedDdl::name) != kDdls.end();
}

using ExpressionPtr = std::shared_ptr<const FilterExpression>;

Result<ExpressionPtr> ParseIfGiven(const char* key, const std::string& text) {
  if (text.empty()) return nullptr;
  auto parsed = FilterExpression::Parse(text);
  if (!parsed) return Unexpected(parsed.error().WithContext(key));
  return *std::move(parsed);
}

}  // namespace

struct EventFilters::Rule {
  std::unique_ptr<TableFilter> matcher;
  std::set<std::string, std::less<>> events;
  std::unique_ptr<RE2> sql;  // null: none
  ExpressionPtr insert, update_old, update_new, remove;

  bool Ignores(std::string_view event, bool dml) const {
    return events.contains("all") || events.contains(dml ? "all dml" : "all ddl") ||
           events.contains(event);
  }
  bool IsAboutRows() const {
    return insert || update_old || update_new || remove || Ignores("insert", true) ||
           Ignores("update", true) || Ignores("delete", true);
  }
};

namespace {

struct BoundExpression {
  ExpressionPtr expression;
  std::vector<int> positions;

  Status Bind(const ExpressionPtr& unbound, const TableInfo& table) {
    if (!unbound) return Status::Ok();
    expression = unbound;
    ASSIGN_OR_RETURN_STATUS(positions, unbound->Bind(table));
    return Status::Ok();
  }
  bool Holds(const TableInfo& table, std::span<const Datum> values) const {
    return expression && expression->Holds(table, positions, values);
  }
};

struct BoundRule {
  bool all_inserts = false;
  bool all_updates = false;
  bool all_deletes = false;
  BoundExpression insert, update_old, update_new, remove;

  bool Ignores(const RowChange& row) const {
    if (row.is_insert()) return all_inserts || insert.Holds(*row.table, row.after);
    if (row.is_delete()) return all_deletes || remove.Holds(*row.table, row.before);
    return all_updates || update_old.Holds(*row.table, row.before) ||
           update_new.Holds(*row.table, row.after);
  }
};

class TableRowFilter final : public RowFilter {
 public:
  explicit TableRowFilter(std::vector<BoundRule> rules) : rules_(std::move(rules)) {}
  bool Ignores(const RowChange& row) const override {
    return std::ranges::any_of(rules_, [&](const BoundRule& rule) { return rule.Ignores(row); });
  }

 private:
  const std::vector<BoundRule> rules_;
};

// The joined patterns, as TiCDC reads them: without regard to case.
Result<std::unique_ptr<RE2>> ParsePatterns(const std::vector<std::string>& patterns) {
  if (patterns.empty()) return nullptr;
  std::string joined;
  for (const std::string& pattern : patterns) joined += (joined.empty() ? "" : "|") + pattern;
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  auto parsed = std::make_unique<RE2>(joined, options);
  if (!parsed->ok())
    return Error(Code::kFilterRule, "ignore-sql \"{}\": {}", joined, parsed->error());
  return parsed;
}

}  // namespace

EventFilters::EventFilters(std::vector<Rule> rules) : rules_(std::move(rules)) {}
EventFilters::~EventFilters() = default;

Result<std::unique_ptr<EventFilters>> EventFilters::Create(
    const std::vector<EventFilterRule>& rules, bool case_sensitive) {
  std::vector<Rule> parsed;
  for (const EventFilterRule& rule : rules) {
    Rule& out = parsed.emplace_back();
    ASSIGN_OR_RETURN(out.matcher, TableFilter::Parse(rule.matcher, case_sensitive));
    for (const std::string& event : rule.ignore_event) {
      if (!IsKnown(event))
        return Error(Code::kIgnoreEventType, "filter.event-filters: no event is called '{}'",
                     event);
      out.events.emplace(Canonical(event));
    }
    ASSIGN_OR_RETURN(out.sql, ParsePatterns(rule.ignore_sql));
    ASSIGN_OR_RETURN(out.insert,
                     ParseIfGiven("ignore-insert-value-expr", rule.ignore_insert_value_expr));
    ASSIGN_OR_RETURN(out.update_old, ParseIfGiven("ignore-update-old-value-expr",
                                                  rule.ignore_update_old_value_expr));
    ASSIGN_OR_RETURN(out.update_new, ParseIfGiven("ignore-update-new-value-expr",
                                                  rule.ignore_update_new_value_expr));
    ASSIGN_OR_RETURN(out.remove,
                     ParseIfGiven("ignore-delete-value-expr", rule.ignore_delete_value_expr));
  }
  return std::unique_ptr<EventFilters>(new EventFilters(std::move(parsed)));
}

bool EventFilters::IgnoresDdl(const DdlEvent& ddl) const {
  const auto named = std::ranges::find(kDdls, ddl.type, &NamedDdl::type);
  if (named == kDdls.end()) return false;
  const auto matches = [&](const Rule& rule) {
    if (ddl.table.empty()) return rule.matcher->MatchesSchema(ddl.schema);
    if (ddl.tables.empty()) return rule.matcher->MatchesTable(ddl.schema, ddl.table);
    const TableDelta& first = ddl.tables.front();
    const TableInfo& table = first.before ? *first.before : *first.after;
    return rule.matcher->MatchesTable(table.schema, table.name);
  };
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    if (!matches(rule)) return false;
    return rule.Ignores(named->name, /*dml=*/false) ||
           (named->alters_table && rule.events.contains("alter table")) ||
           (rule.sql && RE2::PartialMatch(ddl.query, *rule.sql));
  });
}

Result<std::unique_ptr<const RowFilter>> EventFilters::ForTable(const TableInfo& table) const {
  std::vector<BoundRule> bound;
  for (const Rule& rule : rules_) {
    if (!rule.IsAboutRows() || !rule.matcher->MatchesTable(table.schema, table.name)) continue;
    BoundRule& out = bound.emplace_back();
    out.all_inserts = rule.Ignores("insert", true);
    out.all_updates = rule.Ignores("update", true);
    out.all_deletes = rule.Ignores("delete", true);
    RETURN_UNEXPECTED_IF_ERROR(out.insert.Bind(rule.insert, table));
    RETURN_UNEXPECTED_IF_ERROR(out.update_old.Bind(rule.update_old, table));
    RETURN_UNEXPECTED_IF_ERROR(out.update_new.Bind(rule.update_new, table));
    RETURN_UNEXPECTED_IF_ERROR(out.remove.Bind(rule.remove, table));
  }
  if (bound.empty()) return nullptr;
  return std::make_unique<const TableRowFilter>(std::move(bound));
}

}  // namespace cdc
