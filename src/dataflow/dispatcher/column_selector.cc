#include "dataflow/dispatcher/column_selector.h"

#include <algorithm>

namespace cdc {
namespace {

// Patterns of columns are written as those of tables are, without a schema.
constexpr std::string_view kSchema = "c";

std::string AsTableRule(const std::string& pattern) {
  if (pattern.starts_with('!')) return fmt::format("!{}.{}", kSchema, pattern.substr(1));
  return fmt::format("{}.{}", kSchema, pattern);
}

}  // namespace

Result<std::shared_ptr<const ColumnSelectors>> ColumnSelectors::Create(
    const std::vector<ColumnSelector>& selectors, bool case_sensitive) {
  if (selectors.empty()) return nullptr;
  auto result = std::make_shared<ColumnSelectors>();
  for (const ColumnSelector& selector : selectors) {
    Selector& out = result->selectors_.emplace_back();
    auto matcher = TableFilter::Parse(selector.matcher, case_sensitive);
    if (!matcher) return Unexpected(matcher.error().WithContext("sink.column-selectors"));
    out.matcher = *std::move(matcher);
    std::vector<std::string> rules;
    for (const std::string& column : selector.columns) rules.push_back(AsTableRule(column));
    auto columns = TableFilter::Parse(rules, /*case_sensitive=*/false);
    if (!columns) return Unexpected(columns.error().WithContext("sink.column-selectors.columns"));
    out.columns = *std::move(columns);
  }
  return result;
}

const ColumnSelectors::Selector* ColumnSelectors::Find(const TableInfo& table) const {
  const auto found = std::ranges::find_if(selectors_, [&](const Selector& selector) {
    return selector.matcher->MatchesTable(table.schema, table.name);
  });
  return found == selectors_.end() ? nullptr : &*found;
}

bool ColumnSelectors::Selects(const TableInfo& table, std::string_view column) const {
  const Selector* selector = Find(table);
  return selector == nullptr || selector->columns->MatchesTable(kSchema, column);
}

Status ColumnSelectors::Check(const TableInfo& table) const {
  const Selector* selector = Find(table);
  if (selector == nullptr || table.unique_keys.empty()) return Status::Ok();
  const auto is_sent = [&](const TableInfo::UniqueKey& key) {
    return std::ranges::all_of(key.columns, [&](int position) {
      return selector->columns->MatchesTable(kSchema,
                                             table.columns[static_cast<size_t>(position)]->name);
    });
  };
  if (std::ranges::any_of(table.unique_keys, is_sent)) return Status::Ok();
  return Status(Code::kColumnSelector,
                "sink.column-selectors leave no primary or unique key of table {}.{} whole: its "
                "rows could not be told apart",
                table.schema, table.name);
}

}  // namespace cdc
