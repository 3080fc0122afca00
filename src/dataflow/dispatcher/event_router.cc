#include "dataflow/dispatcher/event_router.h"

namespace cdc {

Result<std::unique_ptr<EventRouter>> EventRouter::Create(const std::vector<DispatchRule>& rules,
                                                         bool case_sensitive,
                                                         std::string default_topic) {
  std::vector<Rule> parsed;
  for (const DispatchRule& rule : rules) {
    Rule& out = parsed.emplace_back();
    ASSIGN_OR_RETURN(out.matcher, TableFilter::Parse(rule.matcher, case_sensitive));
    if (!rule.topic.empty()) {
      ASSIGN_OR_RETURN(out.topic, TopicExpression::Parse(rule.topic));
    }
    out.partition = PartitionRule::Make(rule.partition.empty() ? rule.dispatcher : rule.partition,
                                        rule.index, rule.columns);
  }
  return std::unique_ptr<EventRouter>(new EventRouter(std::move(parsed), std::move(default_topic)));
}

const EventRouter::Rule* EventRouter::Find(std::string_view schema, std::string_view table) const {
  for (const Rule& rule : rules_)
    if (rule.matcher->MatchesTable(schema, table)) return &rule;
  return nullptr;
}

std::string EventRouter::TopicOf(std::string_view schema, std::string_view table) const {
  const Rule* rule = Find(schema, table);
  return rule != nullptr && rule->topic ? rule->topic->NameFor(schema, table) : default_topic_;
}

const PartitionRule& EventRouter::PartitionRuleOf(std::string_view schema,
                                                  std::string_view table) const {
  const Rule* rule = Find(schema, table);
  return rule != nullptr ? rule->partition : default_partition_;
}

Status EventRouter::Check(const TableInfo& table, const ColumnSelectors* selectors) const {
  const PartitionRule& rule = PartitionRuleOf(table.schema, table.name);
  RETURN_IF_ERROR(rule.Check(table));
  if (selectors == nullptr) return Status::Ok();
  RETURN_IF_ERROR(selectors->Check(table));
  for (const std::string& column : rule.columns())
    if (!selectors->Selects(table, column))
      return Status(Code::kColumnSelector,
                    "sink.column-selectors leave out column {} of table {}.{}, by which its rows "
                    "are dispatched",
                    column, table.schema, table.name);
  return Status::Ok();
}

std::vector<std::string> EventRouter::TopicsOf(const DdlEvent& ddl) const {
  std::vector<std::string> topics;
  if (!ddl.table.empty())
    for (const TableDelta& delta : ddl.tables) {
      const TableInfo& table = delta.before ? *delta.before : *delta.after;
      topics.push_back(TopicOf(table.schema, table.name));
    }
  if (topics.empty()) topics.push_back(default_topic_);
  return topics;
}

}  // namespace cdc
