#include "dataflow/mounter/ddl_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using testing::ElementsAre;

TableInfoPtr Table(int64_t id, std::string schema, std::string name, int64_t schema_id = 1,
                   std::vector<int64_t> partitions = {}) {
  auto table = std::make_shared<TableInfo>();
  table->id = TableId(id);
  table->schema_id = SchemaId(schema_id);
  table->schema = std::move(schema);
  table->name = std::move(name);
  for (const int64_t partition : partitions)
    table->partitions.push_back({TableId(partition), "p" + std::to_string(partition)});
  table->Finish();
  return table;
}

TEST(DdlQuery, QuotesNames) {
  EXPECT_EQ(QuoteName("a`b"), "`a``b`");
  EXPECT_EQ(QuoteTable("d.b", "t"), "`d.b`.`t`");
}

TEST(DdlQuery, ADropOfSeveralTablesIsOneEach) {
  DdlJob job{.type = DdlType::kDropTable, .query = "DROP TABLE a, b"};
  DdlEvent event{.tables = {{Table(1, "db", "b"), nullptr}}};
  EXPECT_EQ(ReplicatedQuery(job, event, true), "DROP TABLE `db`.`b`");
}

TEST(DdlQuery, ASwapKeepsTheOrderOfTheStatement) {
  DdlJob job{.type = DdlType::kRenameTables, .query = "RENAME TABLE a TO x, b TO a, x TO b"};
  job.renames = {{TableId(1), "db", "a", SchemaId(1), "x"},
                 {TableId(2), "db", "b", SchemaId(1), "a"},
                 {TableId(1), "db", "x", SchemaId(1), "b"}};
  DdlEvent event{.tables = {{Table(1, "db", "a"), Table(1, "db", "b")},
                            {Table(2, "db", "b"), Table(2, "db", "a")}}};
  EXPECT_EQ(ReplicatedQuery(job, event, true),
            "RENAME TABLE `db`.`a` TO `db`.`x`, `db`.`b` TO `db`.`a`, `db`.`x` TO `db`.`b`");
}

TEST(DdlQuery, RenamesOfTablesOutsideTheFilterAreLeftOut) {
  DdlJob job{.type = DdlType::kRenameTables};
  job.renames = {{TableId(9), "far", "a", SchemaId(3), "b"},
                 {TableId(2), "db", "b", SchemaId(2), "c"}};
  DdlEvent event{.tables = {{Table(2, "db", "b"), Table(2, "db2", "c", 2)}}};
  EXPECT_EQ(ReplicatedQuery(job, event, false), "RENAME TABLE `db`.`b` TO `db2`.`c`");
}

TEST(DdlQuery, CreateLikeNamesTheDatabaseItsSourceWasFoundIn) {
  DdlJob job{.type = DdlType::kCreateTable};
  job.involved = {{"db2", "t"}, {"db1", "s"}};
  DdlEvent event{.schema = "db2", .table = "t", .tables = {{nullptr, Table(1, "db2", "t")}}};
  for (const char* query : {"CREATE TABLE db2.t LIKE s", "create table `db2` . `t` (like `s`) ;"}) {
    job.query = query;
    EXPECT_EQ(ReplicatedQuery(job, event, true), "CREATE TABLE `db2`.`t` LIKE `db1`.`s`") << query;
  }
  for (const char* query :
       {"CREATE TABLE db2.t LIKE db1.s", "CREATE TABLE t (a INT COMMENT 'LIKE s')"}) {
    job.query = query;
    EXPECT_EQ(ReplicatedQuery(job, event, true), query);
  }
}

TEST(DdlQuery, ABatchOfCreatesKeepsTheTablesOfTheFilter) {
  DdlJob job{
      .type = DdlType::kCreateTables,
      .query = "CREATE TABLE a (x INT COMMENT ';');create table if not exists `db`.`b` (x INT);"};
  DdlEvent event{.tables = {{nullptr, Table(1, "db", "b")}}};
  EXPECT_EQ(ReplicatedQuery(job, event, true), job.query);
  EXPECT_EQ(ReplicatedQuery(job, event, false), "create table if not exists `db`.`b` (x INT);");
}

TEST(DdlQuery, AnExchangeAcrossDatabasesIsQualified) {
  DdlJob job{.type = DdlType::kExchangeTablePartition,
             .query = "ALTER TABLE d1.p EXCHANGE PARTITION p7 WITH TABLE t WITHOUT VALIDATION"};
  DdlEvent event{.tables = {{Table(5, "d1", "p", 1, {6}), Table(5, "d1", "p", 1, {7})},
                            {Table(7, "d2", "t", 2), Table(6, "d2", "t", 2)}}};
  EXPECT_EQ(ReplicatedQuery(job, event, true),
            "ALTER TABLE `d1`.`p` EXCHANGE PARTITION `p7` WITH TABLE `d2`.`t` WITHOUT VALIDATION");
}

TEST(DdlQuery, RecoveryByJobNumberGoesByName) {
  DdlJob job{.type = DdlType::kRecoverTable, .query = "RECOVER TABLE BY JOB 12"};
  DdlEvent event{.schema = "db", .table = "t", .tables = {{nullptr, Table(1, "db", "t")}}};
  EXPECT_EQ(ReplicatedQuery(job, event, true), "RECOVER TABLE `db`.`t`");
  job.query = "FLASHBACK TABLE t TO t2";
  EXPECT_EQ(ReplicatedQuery(job, event, true), job.query);
}

}  // namespace
}  // namespace cdc
