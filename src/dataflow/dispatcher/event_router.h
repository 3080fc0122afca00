// `sink.dispatchers`: which topic and partition a table's rows and schema changes go to.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/replica_config.h"
#include "config/table_filter.h"
#include "dataflow/dispatcher/column_selector.h"
#include "dataflow/dispatcher/partition_rule.h"
#include "dataflow/dispatcher/topic_expression.h"
#include "model/ddl_event.h"

namespace cdc {

// The first rule whose matcher takes the table decides; without one, rows go by table to the
// default topic. Immutable, thread-safe.
class EventRouter {
 public:
  // Errors: kFilterRule, kSinkConfig.
  static Result<std::unique_ptr<EventRouter>> Create(const std::vector<DispatchRule>& rules,
                                                     bool case_sensitive,
                                                     std::string default_topic);

  std::string TopicOf(std::string_view schema, std::string_view table) const;
  const PartitionRule& PartitionRuleOf(std::string_view schema, std::string_view table) const;

  // Whether the table's rule can be applied to it, and consumers can follow: its rows keep their
  // partitions and can be told apart by the columns that are sent, among which are those that the
  // rule names. `selectors` may be null. Errors: kDispatcher, kColumnSelector.
  Status Check(const TableInfo& table, const ColumnSelectors* selectors) const;

  // Of each table that the DDL touches, in its order; for a renamed one by its old name. The
  // default topic for schema-level DDL.
  std::vector<std::string> TopicsOf(const DdlEvent& ddl) const;
  const std::string& default_topic() const { return default_topic_; }

 private:
  struct Rule {
    std::unique_ptr<TableFilter> matcher;
    std::optional<TopicExpression> topic;  // unset: the default topic
    PartitionRule partition;
  };
  EventRouter(std::vector<Rule> rules, std::string default_topic)
      : rules_(std::move(rules)), default_topic_(std::move(default_topic)) {}
  const Rule* Find(std::string_view schema, std::string_view table) const;

  std::vector<Rule> rules_;
  std::string default_topic_;
  PartitionRule default_partition_;
};

}  // namespace cdc
