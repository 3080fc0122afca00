#include "dataflow/mounter/filter_events.h"

#include <gtest/gtest.h>

#include "dataflow/mounter/filter.h"
#include "dataflow/mounter/tests/row_builder.h"

namespace cdc {
namespace {

using enum MysqlType;

class EventFiltersTest : public testing::Test {
 protected:
  EventFiltersTest() {
    table_ = MakeTable(TableId{9}, {MakeColumn(1, "id", kLong), MakeColumn(2, "v", kLong)});
    table_->schema = "s";
    table_->name = "t";
    table_->Finish();
  }

  // `rule`: of the tables s.*.
  std::unique_ptr<EventFilters> Make(EventFilterRule rule) {
    rule.matcher = {"s.*"};
    auto filters = EventFilters::Create({rule}, false);
    EXPECT_TRUE(filters) << filters.error().ToString();
    return *std::move(filters);
  }
  bool Ignores(const EventFilters& filters, std::vector<Datum> before, std::vector<Datum> after) {
    const auto rows = filters.ForTable(*table_);
    EXPECT_TRUE(rows) << rows.error().ToString();
    return *rows != nullptr &&
           (*rows)->Ignores({.table = table_.get(), .before = before, .after = after});
  }
  static std::vector<Datum> Row(int64_t id, int64_t v) { return {Datum::Int(id), Datum::Int(v)}; }
  DdlEvent Ddl(DdlType type, std::string query) {
    DdlEvent ddl;
    ddl.type = type;
    ddl.schema = "s";
    ddl.table = "t";
    ddl.query = std::move(query);
    ddl.tables = {{table_, table_}};
    return ddl;
  }

  std::shared_ptr<TableInfo> table_;
};

TEST_F(EventFiltersTest, LeavesOutKindsOfRows) {
  const auto filters = Make({.ignore_event = {"insert", "delete"}});
  EXPECT_TRUE(Ignores(*filters, {}, Row(1, 1)));
  EXPECT_TRUE(Ignores(*filters, Row(1, 1), {}));
  EXPECT_FALSE(Ignores(*filters, Row(1, 1), Row(1, 2)));
  EXPECT_TRUE(Ignores(*Make({.ignore_event = {"all dml"}}), Row(1, 1), Row(1, 2)));
  EXPECT_TRUE(Ignores(*Make({.ignore_event = {"all"}}), Row(1, 1), Row(1, 2)));
  EXPECT_FALSE(Ignores(*Make({.ignore_event = {"all ddl"}}), Row(1, 1), Row(1, 2)));
}

TEST_F(EventFiltersTest, LeavesOutRowsByTheirValues) {
  const auto filters = Make({.ignore_insert_value_expr = "v > 10",
                             .ignore_update_new_value_expr = "v = 3",
                             .ignore_update_old_value_expr = "v = 2",
                             .ignore_delete_value_expr = "id = 7"});
  EXPECT_TRUE(Ignores(*filters, {}, Row(1, 11)));
  EXPECT_FALSE(Ignores(*filters, {}, Row(1, 10)));
  EXPECT_TRUE(Ignores(*filters, Row(1, 2), Row(1, 1)));
  EXPECT_TRUE(Ignores(*filters, Row(1, 1), Row(1, 3)));
  EXPECT_FALSE(Ignores(*filters, Row(1, 3), Row(1, 2)));
  EXPECT_TRUE(Ignores(*filters, Row(7, 1), {}));
  EXPECT_FALSE(Ignores(*filters, Row(1, 11), {}));
}

TEST_F(EventFiltersTest, OtherTablesPass) {
  table_->schema = "other";
  const auto filters = Make({.ignore_event = {"all"}, .ignore_insert_value_expr = "missing = 1"});
  EXPECT_FALSE(Ignores(*filters, {}, Row(1, 1)));
  EXPECT_FALSE(filters->IgnoresDdl(Ddl(DdlType::kDropTable, "DROP TABLE t")));
}

TEST_F(EventFiltersTest, LeavesOutKindsOfSchemaChanges) {
  const auto ignores = [&](const char* event, DdlType type) {
    return Make({.ignore_event = {event}})->IgnoresDdl(Ddl(type, "q"));
  };
  EXPECT_TRUE(ignores("drop table", DdlType::kDropTable));
  EXPECT_FALSE(ignores("drop table", DdlType::kTruncateTable));
  EXPECT_TRUE(ignores("alter table", DdlType::kAddColumn));
  EXPECT_TRUE(ignores("add column", DdlType::kAddColumn));
  EXPECT_FALSE(ignores("alter table", DdlType::kTruncateTable));
  EXPECT_TRUE(ignores("create index", DdlType::kAddIndex));
  EXPECT_TRUE(ignores("all ddl", DdlType::kDropIndex));
  EXPECT_FALSE(ignores("all dml", DdlType::kDropIndex));
}

TEST_F(EventFiltersTest, SchemasGoByTheirName) {
  DdlEvent ddl;
  ddl.type = DdlType::kDropSchema;
  ddl.schema = "s";
  EXPECT_TRUE(Make({.ignore_event = {"drop schema"}})->IgnoresDdl(ddl));
  ddl.schema = "other";
  EXPECT_FALSE(Make({.ignore_event = {"drop schema"}})->IgnoresDdl(ddl));
}

TEST_F(EventFiltersTest, ARenamedTableIsKnownByItsOldName) {
  auto renamed = MakeTable(TableId{9}, {MakeColumn(1, "id", kLong)});
  renamed->schema = "other";
  renamed->Finish();
  DdlEvent ddl = Ddl(DdlType::kRenameTable, "RENAME TABLE s.t TO other.t");
  ddl.tables = {{table_, renamed}};
  EXPECT_TRUE(Make({.ignore_event = {"rename table"}})->IgnoresDdl(ddl));
}

TEST_F(EventFiltersTest, LeavesOutStatementsByPatterns) {
  const auto filters = Make({.ignore_sql = {"^drop\\s", "tmp"}});
  EXPECT_TRUE(filters->IgnoresDdl(Ddl(DdlType::kDropTable, "DROP TABLE x")));
  EXPECT_TRUE(filters->IgnoresDdl(Ddl(DdlType::kAddColumn, "ALTER TABLE t ADD x_TMP INT")));
  EXPECT_FALSE(filters->IgnoresDdl(Ddl(DdlType::kAddColumn, "ALTER TABLE t DROP x")));
}

TEST_F(EventFiltersTest, RefusesWhatItCannotRead) {
  const auto code = [](EventFilterRule rule) {
    const auto filters = EventFilters::Create({rule}, false);
    return filters ? Code::kOk : filters.error().code();
  };
  EXPECT_EQ(code({.matcher = {"["}}), Code::kFilterRule);
  EXPECT_EQ(code({.matcher = {"*.*"}, .ignore_event = {"drop everything"}}),
            Code::kIgnoreEventType);
  EXPECT_EQ(code({.matcher = {"*.*"}, .ignore_sql = {"("}}), Code::kFilterRule);
  EXPECT_EQ(code({.matcher = {"*.*"}, .ignore_delete_value_expr = "id ="}), Code::kExpressionParse);
}

TEST_F(EventFiltersTest, AColumnThatIsMissingIsAnErrorOfTheTable) {
  const auto filters = Make({.ignore_insert_value_expr = "w = 1"});
  const auto rows = filters->ForTable(*table_);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code(), Code::kExpressionColumn);
}

TEST_F(EventFiltersTest, AFilterHasThemFromItsConfiguration) {
  ReplicaConfig config;
  config.filter.event_filters = {{.matcher = {"*.*"}, .ignore_event = {"delete"}}};
  const auto filter = Filter::Create(config).value();
  EXPECT_NE(*filter->RowFilterFor(*table_), nullptr);
  config.filter.event_filters[0].ignore_event = {"x"};
  EXPECT_FALSE(Filter::Create(config));
}

}  // namespace
}  // namespace cdc
