#include "dataflow/dispatcher/column_selector.h"

#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

class ColumnSelectorTest : public testing::Test {
 protected:
  ColumnSelectorTest()
      : table_(MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey},
                          {"Name", MysqlType::kVarchar},
                          {"secret_a", MysqlType::kVarchar}})) {}
  static std::shared_ptr<const ColumnSelectors> Make(std::vector<ColumnSelector> selectors) {
    return ColumnSelectors::Create(selectors, false).value();
  }
  // The names of the columns that are sent.
  std::string Sent(const ColumnSelectors& selectors) const {
    std::string names;
    for (const ColumnInfo* column : table_->columns)
      if (selectors.Selects(*table_, column->name)) names += column->name + " ";
    return names;
  }

  std::shared_ptr<TableInfo> table_;
};

TEST_F(ColumnSelectorTest, WithoutSelectorsThereIsNothing) { EXPECT_EQ(Make({}), nullptr); }

TEST_F(ColumnSelectorTest, TheFirstSelectorOfATableDecides) {
  const auto selectors = Make({{.matcher = {"other.*"}, .columns = {"x"}},
                               {.matcher = {"test.*"}, .columns = {"id", "NAME"}},
                               {.matcher = {"*.*"}, .columns = {"*"}}});
  EXPECT_EQ(Sent(*selectors), "id Name ");
}

TEST_F(ColumnSelectorTest, PatternsTakeBackWhatEarlierOnesGave) {
  EXPECT_EQ(Sent(*Make({{.matcher = {"*.*"}, .columns = {"*", "!secret*"}}})), "id Name ");
}

TEST_F(ColumnSelectorTest, TablesWithoutASelectorAreSentWhole) {
  EXPECT_EQ(Sent(*Make({{.matcher = {"other.*"}, .columns = {"x"}}})), "id Name secret_a ");
}

TEST_F(ColumnSelectorTest, RowsMustStayDistinguishable) {
  EXPECT_TRUE(Make({{.matcher = {"*.*"}, .columns = {"id"}}})->Check(*table_).ok());
  const Status refused = Make({{.matcher = {"*.*"}, .columns = {"!id", "name"}}})->Check(*table_);
  EXPECT_EQ(refused.code(), Code::kColumnSelector);
}

TEST_F(ColumnSelectorTest, RefusesPatternsThatDoNotParse) {
  EXPECT_FALSE(ColumnSelectors::Create({{.matcher = {"*.*"}, .columns = {"a["}}}, false));
  EXPECT_FALSE(ColumnSelectors::Create({{.matcher = {"a"}, .columns = {"a"}}}, false));
}

}  // namespace
}  // namespace cdc
