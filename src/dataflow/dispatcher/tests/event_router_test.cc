#include "dataflow/dispatcher/event_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Topic(const std::string& expression, const std::string& schema,
                  const std::string& table) {
  const auto parsed = TopicExpression::Parse(expression);
  EXPECT_TRUE(parsed) << parsed.error().ToString();
  return parsed ? parsed->NameFor(schema, table) : "";
}

TEST(TopicExpression, PutsNamesIntoTheirPlaces) {
  EXPECT_EQ(Topic("fixed", "s", "t"), "fixed");
  EXPECT_EQ(Topic("{schema}", "s", "t"), "s");
  EXPECT_EQ(Topic("a_{schema}.b-{table}_c", "s", "t"), "a_s.b-t_c");
  EXPECT_EQ(Topic("{table}", "s", "t"), "t");
}

TEST(TopicExpression, MakesNamesThatATopicMayHave) {
  EXPECT_EQ(Topic("{schema}_{table}", "a b", "c$d/ü"), "a_b_c_d__");
  EXPECT_EQ(Topic("{table}", "s", "."), "_");
  EXPECT_EQ(Topic("{table}", "s", ".."), "__");
  EXPECT_EQ(Topic("{table}", "s", std::string(300, 'x')).size(), 249u);
  // A name is not an expression.
  EXPECT_EQ(Topic("{schema}_{table}", "{table}", "t"), "_table__t");
}

TEST(TopicExpression, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "{table}{schema}", "{schema}{schema}", "{db}", "a b", "{schema", "a/b"})
    EXPECT_FALSE(TopicExpression::Parse(bad)) << bad;
  EXPECT_THAT(TopicExpression::Parse("{db}").error().ToString(), HasSubstr("\"{db}\""));
}

class EventRouterTest : public testing::Test {
 protected:
  std::unique_ptr<EventRouter> Make(std::vector<DispatchRule> rules) {
    auto router = EventRouter::Create(rules, /*case_sensitive=*/false, "main");
    EXPECT_TRUE(router) << router.error().ToString();
    return *std::move(router);
  }
};

TEST_F(EventRouterTest, TheFirstRuleThatMatchesDecides) {
  const auto router = Make({{.matcher = {"a.*", "!a.x"}, .topic = "one_{table}"},
                            {.matcher = {"A.*"}, .partition = "ts", .topic = "two"},
                            {.matcher = {"b.*"}, .partition = "ts"}});
  EXPECT_EQ(router->TopicOf("a", "t"), "one_t");
  EXPECT_EQ(router->TopicOf("a", "x"), "two");
  EXPECT_EQ(router->TopicOf("b", "x"), "main");
  EXPECT_EQ(router->TopicOf("c", "x"), "main");
}

TEST_F(EventRouterTest, RefusesBadRules) {
  EXPECT_FALSE(EventRouter::Create({{.matcher = {"a"}}}, false, "main"));
  EXPECT_FALSE(EventRouter::Create({{.matcher = {"a.b"}, .topic = "{x}"}}, false, "main"));
}

TEST_F(EventRouterTest, DdlGoesToTheTopicOfTheTableAsItWas) {
  const auto router = Make({{.matcher = {"*.*"}, .topic = "{schema}_{table}"}});
  auto before = MakeTable({{.name = "a", .type = MysqlType::kLong, .flags = kTestPrimaryKey}});
  auto after = MakeTable({{.name = "a", .type = MysqlType::kLong, .flags = kTestPrimaryKey}});
  after->name = "renamed";
  DdlEvent ddl;
  ddl.table = "t";
  ddl.tables = {{.before = before, .after = after}, {.before = nullptr, .after = after}};
  EXPECT_THAT(router->TopicsOf(ddl), ElementsAre("test_t", "test_renamed"));
  ddl.table = "";
  EXPECT_THAT(router->TopicsOf(ddl), ElementsAre("main"));
}

class PartitionRuleTest : public testing::Test {
 protected:
  PartitionRuleTest()
      : table_(MakeTable({{.name = "id", .type = MysqlType::kLong, .flags = kTestPrimaryKey},
                          {.name = "v", .type = MysqlType::kLong},
                          {.name = "w", .type = MysqlType::kLong}})) {
    IndexInfo unique{.name = "uv", .unique = true};
    unique.columns = {{.name = "v", .offset = 1}};
    IndexInfo plain{.name = "kw"};
    plain.columns = {{.name = "w", .offset = 2}};
    table_->indexes = {unique, plain};
  }

  int32_t Partition(const PartitionRule& rule, int64_t id, int64_t v) {
    TestRow row(table_, {}, {Datum::Int(id), Datum::Int(v), Datum::Null()});
    return rule.For(*table_)->PartitionOf(row, 1000);
  }

  std::shared_ptr<TableInfo> table_;
};

TEST_F(PartitionRuleTest, RowsThatAgreeInWhatIsHashedStayTogether) {
  const auto by_table = PartitionRule::Make("table", "", {});
  EXPECT_EQ(Partition(by_table, 1, 1), Partition(by_table, 2, 2));
  EXPECT_TRUE(by_table.For(*table_)->per_table());
  const auto by_key = PartitionRule::Make("index-value", "", {});
  EXPECT_EQ(Partition(by_key, 1, 1), Partition(by_key, 1, 2));
  EXPECT_NE(Partition(by_key, 1, 1), Partition(by_key, 2, 1));
  const auto by_index = PartitionRule::Make("INDEX-VALUE", "UV", {});
  EXPECT_EQ(Partition(by_index, 1, 1), Partition(by_index, 2, 1));
  EXPECT_NE(Partition(by_index, 1, 1), Partition(by_index, 1, 2));
  const auto by_columns = PartitionRule::Make("columns", "", {"v"});
  EXPECT_EQ(Partition(by_columns, 1, 1), Partition(by_index, 1, 1));
}

TEST_F(PartitionRuleTest, ADeleteGoesWhereItsRowWas) {
  const auto rule = PartitionRule::Make("index-value", "", {});
  const std::vector<Datum> values = {Datum::Int(5), Datum::Int(6), Datum::Null()};
  TestRow insert(table_, {}, values);
  TestRow remove(table_, values, {});
  EXPECT_EQ(rule.For(*table_)->PartitionOf(insert, 1000),
            rule.For(*table_)->PartitionOf(remove, 1000));
}

TEST_F(PartitionRuleTest, NamesWhatTheTableLacks) {
  EXPECT_THAT(PartitionRule::Make("index-value", "none", {}).For(*table_).error().ToString(),
              HasSubstr("table test.t has no index none"));
  EXPECT_THAT(PartitionRule::Make("columns", "", {"nope"}).For(*table_).error().ToString(),
              HasSubstr("no column nope"));
}

TEST_F(PartitionRuleTest, OnlyUniqueIndexesKeepARowInItsPartition) {
  EXPECT_TRUE(PartitionRule::Make("index-value", "uv", {}).Check(*table_).ok());
  EXPECT_THAT(PartitionRule::Make("index-value", "kw", {}).Check(*table_).ToString(),
              HasSubstr("not unique"));
  EXPECT_TRUE(PartitionRule::Make("columns", "", {"w"}).Check(*table_).ok());
}

TEST_F(PartitionRuleTest, ATableIsRefusedThatItsRulesDoNotFit) {
  const auto selectors = [](std::vector<std::string> columns) {
    return ColumnSelectors::Create({{.matcher = {"*.*"}, .columns = std::move(columns)}}, false)
        .value();
  };
  const auto check = [&](const DispatchRule& rule, const ColumnSelectors* selected) {
    return EventRouter::Create({rule}, false, "main").value()->Check(*table_, selected);
  };
  const DispatchRule by_column{.matcher = {"*.*"}, .partition = "columns", .columns = {"w"}};
  EXPECT_TRUE(check(by_column, nullptr).ok());
  EXPECT_TRUE(check(by_column, selectors({"*"}).get()).ok());
  EXPECT_THAT(check(by_column, selectors({"*", "!w"}).get()).ToString(),
              HasSubstr("leave out column w of table test.t"));
  EXPECT_EQ(check({.matcher = {"*.*"}}, selectors({"nothing"}).get()).code(),
            Code::kColumnSelector);
  EXPECT_EQ(check({.matcher = {"*.*"}, .partition = "index-value", .index = "kw"}, nullptr).code(),
            Code::kDispatcher);
  // Other rules do not look at their columns.
  EXPECT_TRUE(check({.matcher = {"*.*"}, .partition = "table", .columns = {"w"}},
                    selectors({"*", "!w"}).get())
                  .ok());
}

}  // namespace
}  // namespace cdc
