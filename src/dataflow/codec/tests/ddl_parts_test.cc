#include <gtest/gtest.h>

#include "dataflow/codec/encoder.h"

namespace cdc {
namespace {

TableInfoPtr Named(std::string schema, std::string name) {
  auto table = std::make_shared<TableInfo>();
  table->schema = std::move(schema);
  table->name = std::move(name);
  return table;
}

TEST(DdlParts, PassesOtherStatementsThrough) {
  const DdlEvent ddl{
      .type = DdlType::kAddColumn, .query = "alter table t add c int", .schema = "s", .table = "t"};
  const std::vector<DdlPart> parts = DdlParts(ddl);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].schema, "s");
  EXPECT_EQ(parts[0].table, "t");
  EXPECT_EQ(parts[0].query, "alter table t add c int");
}

TEST(DdlParts, SplitsRenamesByTable) {
  DdlEvent ddl{.type = DdlType::kRenameTables, .query = "rename table a to b, c to d.`e`"};
  ddl.tables = {{Named("s", "a"), Named("s", "b")},
                {Named("s", "c"), Named("d", "e`")},
                {Named("s", "child"), Named("s", "child")}};
  const std::vector<DdlPart> parts = DdlParts(ddl);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].query, "RENAME TABLE `s`.`a` TO `s`.`b`");
  EXPECT_EQ(parts[1].query, "RENAME TABLE `s`.`c` TO `d`.`e```");
  EXPECT_EQ(parts[1].schema, "d");
  EXPECT_EQ(parts[1].table, "e`");
}

TEST(DdlParts, SplitsCreationsByTable) {
  DdlEvent ddl{.type = DdlType::kCreateTables,
               .query = "create table a (x int); create table b(y int)"};
  ddl.tables = {{nullptr, Named("s", "a")}, {nullptr, Named("s", "b")}};
  const std::vector<DdlPart> parts = DdlParts(ddl);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[1].type, DdlType::kCreateTable);
  EXPECT_EQ(parts[1].table, "b");
  EXPECT_EQ(parts[1].query, "create table b(y int)");
}

TEST(DdlParts, KeepsASwapOfNamesWhole) {
  DdlEvent ddl{.type = DdlType::kRenameTables,
               .query = "rename table a to x, b to a, x to b",
               .schema = "s",
               .table = "a"};
  ddl.tables = {{Named("s", "a"), Named("s", "b")}, {Named("s", "b"), Named("s", "a")}};
  const std::vector<DdlPart> parts = DdlParts(ddl);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].query, ddl.query);
}

}  // namespace
}  // namespace cdc
