#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/mounter/table_info_json.h"
#include "dataflow/sink/mysql/create_table_sql.h"
#include "dataflow/sink/mysql/ddl_plan.h"
#include "dataflow/sink/mysql/ddl_rewriter.h"
#include "model/sql_lexer.h"

namespace cdc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct RewriteCase {
  const char* sql;
  const char* mysql;
  const char* mariadb = nullptr;  // as for MySQL if null
};

TEST(DdlRewriter, HidesWhatOnlyTidbHas) {
  const RewriteCase kCases[] = {
      {"ALTER TABLE t ADD COLUMN a INT DEFAULT 1 COMMENT 'AUTO_RANDOM'",
       "ALTER TABLE t ADD COLUMN a INT DEFAULT 1 COMMENT 'AUTO_RANDOM'"},
      {"ALTER TABLE pk1 ADD PRIMARY KEY (id) NONCLUSTERED",
       "ALTER TABLE pk1 ADD PRIMARY KEY (id) /*T![clustered_index] NONCLUSTERED */"},
      {"CREATE TABLE t (id BIGINT AUTO_RANDOM(3) PRIMARY KEY CLUSTERED, clustered INT)",
       "CREATE TABLE t (id BIGINT /*T![auto_rand] AUTO_RANDOM ( 3 ) */ PRIMARY KEY "
       "/*T![clustered_index] CLUSTERED */, clustered INT)"},
      {"ALTER TABLE t SHARD_ROW_ID_BITS = 5 AUTO_ID_CACHE 10 COMMENT='x'",
       "ALTER TABLE t /*T! SHARD_ROW_ID_BITS = 5 */ /*T![auto_id_cache] AUTO_ID_CACHE 10 */ "
       "COMMENT='x'"},
      {"ALTER TABLE t ADD COLUMN a INT, AUTO_ID_CACHE = 3",
       "ALTER TABLE t ADD COLUMN a INT /*T![auto_id_cache] AUTO_ID_CACHE = 3 */"},
      {"ALTER TABLE t AUTO_ID_CACHE = 3, ADD COLUMN a INT",
       "ALTER TABLE t /*T![auto_id_cache] AUTO_ID_CACHE = 3 */ ADD COLUMN a INT"},
      {"CREATE TABLE t (at DATETIME) TTL = `at` + INTERVAL 3 MONTH TTL_ENABLE='OFF' COMMENT 'c'",
       "CREATE TABLE t (at DATETIME) /*T![ttl] TTL = `at` + INTERVAL 3 MONTH TTL_ENABLE = 'OFF' */ "
       "COMMENT 'c'"},
      {"CREATE TABLE t (a INT) PLACEMENT POLICY = p1",
       "CREATE TABLE t (a INT) /*T![placement] PLACEMENT POLICY = p1 */"},
      {"ALTER TABLE opt FORCE AUTO_INCREMENT = 3000",
       "ALTER TABLE opt /*T![force_inc] FORCE */ AUTO_INCREMENT = 3000"},
      {"ALTER TABLE gi PARTITION BY HASH (id) PARTITIONS 2 UPDATE INDEXES (uu GLOBAL)",
       "ALTER TABLE gi PARTITION BY HASH (id) PARTITIONS 2 "
       "/*T![global_index] UPDATE INDEXES ( uu GLOBAL ) */"},
      {"ALTER TABLE t ADD UNIQUE KEY u (a) GLOBAL, ADD COLUMN `global` INT",
       "ALTER TABLE t ADD UNIQUE KEY u (a) /*T![global_index] GLOBAL */, ADD COLUMN `global` INT"},
      {"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
       "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
      {"ALTER TABLE t ADD COLUMN a VARCHAR(9) CHARSET gbk, ADD b CHAR(1) CHARACTER SET utf8mb4 "
       "NOT NULL COLLATE utf8mb4_0900_ai_ci",
       "ALTER TABLE t ADD COLUMN a VARCHAR(9) CHARSET gbk COLLATE gbk_chinese_ci, ADD b CHAR(1) "
       "CHARACTER SET utf8mb4 NOT NULL COLLATE utf8mb4_0900_ai_ci",
       "ALTER TABLE t ADD COLUMN a VARCHAR(9) CHARSET gbk COLLATE gbk_chinese_ci, ADD b CHAR(1) "
       "CHARACTER SET utf8mb4 NOT NULL COLLATE utf8mb4_uca1400_nopad_ai_ci"},
      {"ALTER TABLE i1 ALTER INDEX kab INVISIBLE", "ALTER TABLE i1 ALTER INDEX kab INVISIBLE",
       "ALTER TABLE i1 ALTER INDEX kab IGNORED"},
      {"ALTER SEQUENCE s2 INCREMENT BY 7 NO CYCLE", "ALTER SEQUENCE s2 INCREMENT BY 7 NO CYCLE",
       "ALTER SEQUENCE s2 INCREMENT BY 7  NOCYCLE"},
      {"ALTER TABLE c DROP CHECK c_w", "ALTER TABLE c DROP CHECK c_w",
       "ALTER TABLE c DROP CONSTRAINT c_w"},
      {"ALTER TABLE c ADD CONSTRAINT x CHECK (a > 0) ENFORCED",
       "ALTER TABLE c ADD CONSTRAINT x CHECK (a > 0) ENFORCED",
       "ALTER TABLE c ADD CONSTRAINT x CHECK (a > 0) "},
      {"ALTER TABLE ex EXCHANGE PARTITION p1 WITH TABLE y WITHOUT VALIDATION",
       "ALTER TABLE ex EXCHANGE PARTITION p1 WITH TABLE y WITHOUT VALIDATION",
       "ALTER TABLE ex EXCHANGE PARTITION p1 WITH TABLE y "},
  };
  for (const RewriteCase& c : kCases) {
    EXPECT_EQ(RewriteForServer(c.sql, 0, ServerKind::kTiDb, false), c.sql);
    EXPECT_EQ(RewriteForServer(c.sql, 0, ServerKind::kMySql, false), c.mysql);
    EXPECT_EQ(RewriteForServer(c.sql, 0, ServerKind::kMariaDb, false),
              c.mariadb ? c.mariadb : c.mysql);
  }
}

TEST(DdlRewriter, VectorsBecomeTextWhereAsked) {
  EXPECT_EQ(RewriteForServer("ALTER TABLE t ADD COLUMN v VECTOR(3) NOT NULL, ADD w VECTOR<FLOAT>",
                             0, ServerKind::kMySql, true),
            "ALTER TABLE t ADD COLUMN v LONGTEXT NOT NULL, ADD w LONGTEXT");
}

// As TiDB stores them: a table with each kind of column, key and partition.
constexpr char kTable[] = R"json({"id":7,"name":{"O":"t","L":"t"},"charset":"utf8mb4",
"collate":"utf8mb4_bin","cols":[
{"id":1,"name":{"O":"id","L":"id"},"offset":0,"type":{"Tp":8,"Flag":4099,"Flen":20,"Decimal":0,
"Charset":"binary","Collate":"binary"},"state":5},
{"id":2,"name":{"O":"s","L":"s"},"offset":1,"default":"a'b","type":{"Tp":15,"Flag":0,"Flen":40,
"Decimal":0,"Charset":"utf8mb4","Collate":"utf8mb4_0900_ai_ci"},"state":5,"comment":"it's"},
{"id":3,"name":{"O":"ts","L":"ts"},"offset":2,"default":"CURRENT_TIMESTAMP","type":{"Tp":7,
"Flag":8193,"Flen":23,"Decimal":3,"Charset":"binary","Collate":"binary"},"state":5,"version":2},
{"id":4,"name":{"O":"g","L":"g"},"offset":3,"generated_expr_string":"`id` + 1","type":{"Tp":3,
"Flag":1,"Flen":11,"Decimal":0,"Charset":"binary","Collate":"binary"},"state":5},
{"id":5,"name":{"O":"_V$_kx_0","L":"_v$_kx_0"},"offset":4,"hidden":true,
"generated_expr_string":"lower(`s`)","type":{"Tp":15,"Flag":0,"Flen":40,"Decimal":0,
"Charset":"utf8mb4","Collate":"utf8mb4_bin"},"state":5}],
"index_info":[
{"id":1,"idx_name":{"O":"PRIMARY","L":"primary"},"idx_cols":[{"name":{"O":"id","L":"id"},
"offset":0,"length":-1}],"state":5,"is_unique":true,"is_primary":true},
{"id":2,"idx_name":{"O":"us","L":"us"},"idx_cols":[{"name":{"O":"s","L":"s"},"offset":1,
"length":4}],"state":5,"is_unique":true,"is_invisible":true},
{"id":3,"idx_name":{"O":"kx","L":"kx"},"idx_cols":[{"name":{"O":"_V$_kx_0","L":"_v$_kx_0"},
"offset":4,"length":-1}],"state":5}],
"constraint_info":[{"constraint_name":{"O":"c1","L":"c1"},"enforced":true,
"expr_string":"`id` > 0","state":5},{"constraint_name":{"O":"c2","L":"c2"},"enforced":false,
"expr_string":"`id` > 9","state":5}],
"fk_info":[{"fk_name":{"O":"f","L":"f"},"ref_schema":{"O":"o","L":"o"},
"ref_table":{"O":"p","L":"p"},"ref_cols":[{"O":"x","L":"x"}],"cols":[{"O":"id","L":"id"}],
"on_delete":2,"on_update":0,"state":5,"version":1}],
"state":5,"pk_is_handle":false,"is_common_handle":true,"comment":"c",
"partition":{"type":3,"expr":"`id`","columns":null,"enable":true,"definitions":[
{"id":8,"name":{"O":"p0","L":"p0"},"in_values":[["1"],["NULL"]]},
{"id":9,"name":{"O":"p1","L":"p1"},"in_values":[["DEFAULT"]]}],"num":2},"version":5})json";

TableInfoPtr ParseTable(std::string name = "t", std::string schema = "db") {
  std::string json = kTable;
  const std::string old = R"("name":{"O":"t","L":"t"})";
  json.replace(json.find(old), old.size(),
               R"("name":{"O":")" + name + R"(","L":")" + name + R"("})");
  auto table = ParseTableInfo(json, SchemaId{1}, schema, Ts(1));
  EXPECT_TRUE(table) << table.error().ToString();
  return *table;
}

TEST(CreateTableSql, NamesEverythingTheServerWouldChooseOtherwise) {
  const auto made = CreateTableSql(*ParseTable(), ServerKind::kMySql, false).value();
  EXPECT_EQ(made.sql,
            "CREATE TABLE `db`.`t` (\n"
            "  `id` BIGINT(20) NOT NULL,\n"
            "  `s` VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NULL DEFAULT "
            "'a\\'b' COMMENT 'it\\'s',\n"
            "  `ts` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE "
            "CURRENT_TIMESTAMP(3),\n"
            "  `g` INT(11) GENERATED ALWAYS AS (`id` + 1) VIRTUAL NOT NULL,\n"
            "  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */,\n"
            "  UNIQUE KEY `us` (`s`(4)) INVISIBLE,\n"
            "  KEY `kx` ((lower(`s`))),\n"
            "  CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `o`.`p` (`x`) ON DELETE CASCADE,\n"
            "  CONSTRAINT `c1` CHECK (`id` > 0),\n"
            "  CONSTRAINT `c2` CHECK (`id` > 9) NOT ENFORCED\n"
            ") DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='c'\n"
            "PARTITION BY LIST (`id`) (\n"
            "  PARTITION `p0` VALUES IN (1,NULL),\n"
            "  PARTITION `p1` DEFAULT)");
  EXPECT_THAT(made.left_out, IsEmpty());
}

TEST(CreateTableSql, MariaDbGoesWithoutWhatHoldsNoRows) {
  const auto made = CreateTableSql(*ParseTable(), ServerKind::kMariaDb, false).value();
  EXPECT_THAT(made.left_out, ElementsAre(HasSubstr("kx"), HasSubstr("c2")));
  EXPECT_THAT(made.sql, Not(HasSubstr("lower")));
  EXPECT_THAT(made.sql, HasSubstr("utf8mb4_uca1400_nopad_ai_ci"));
  EXPECT_THAT(made.sql, HasSubstr("(`s`(4)) IGNORED"));
  EXPECT_THAT(made.sql, HasSubstr("VIRTUAL,"));
}

class DdlPlanTest : public ::testing::Test {
 protected:
  DdlEvent Event(DdlType type, std::string query) {
    DdlEvent event;
    event.job_id = 5;
    event.type = type;
    event.commit_ts = Ts::FromUnixMs(1'700'000'000'123);
    event.query = std::move(query);
    event.schema = "db";
    return event;
  }
  Result<DdlPlan> Plan(const DdlEvent& event, ServerKind kind = ServerKind::kMySql) {
    downstream_.kind = kind;
    return PlanDdl(event, downstream_, config_);
  }
  Downstream downstream_;
  MySqlSinkConfig config_;
};

TEST_F(DdlPlanTest, ATypedStatementRunsInItsSession) {
  DdlEvent event =
      Event(DdlType::kAddColumn, "ALTER TABLE t ADD COLUMN a TIMESTAMP DEFAULT '2020-01-01'");
  event.time_zone = "+08:00";
  event.sql_mode = sql_mode_bit::kAnsiQuotes;
  const DdlPlan plan = Plan(event).value();
  EXPECT_THAT(plan.statements, ElementsAre(event.query));
  EXPECT_EQ(plan.use_schema, "db");
  EXPECT_EQ(plan.time_zone, "+08:00");
  EXPECT_THAT(plan.sql_mode, HasSubstr("ANSI_QUOTES"));
  EXPECT_EQ(plan.timestamp, "1700000000.123");
}

TEST_F(DdlPlanTest, TypedCreateTableStaysOnTidbUnlessItIsALike) {
  DdlEvent event = Event(DdlType::kCreateTable, "CREATE TABLE t (a VARCHAR(10) COMMENT 'LIKE')");
  event.tables = {{nullptr, ParseTable()}};
  EXPECT_THAT(Plan(event, ServerKind::kTiDb)->statements, ElementsAre(event.query));
  EXPECT_THAT(Plan(event)->statements, ElementsAre(HasSubstr("CREATE TABLE `db`.`t` (")));
  event.query = "CREATE TABLE t LIKE other";
  EXPECT_THAT(Plan(event, ServerKind::kTiDb)->statements,
              ElementsAre(HasSubstr("CREATE TABLE `db`.`t` (")));
}

TEST_F(DdlPlanTest, OfSeveralStatementsThoseOfReplicatedTablesRun) {
  DdlEvent event = Event(DdlType::kCreateTables,
                         "CREATE TABLE a (x INT); CREATE TABLE IF NOT EXISTS `b` (x INT);");
  event.tables = {{nullptr, ParseTable("b")}};
  EXPECT_THAT(Plan(event, ServerKind::kTiDb)->statements,
              ElementsAre("CREATE TABLE IF NOT EXISTS `b` (x INT)"));
}

TEST_F(DdlPlanTest, DropsAndTruncatesNameTheirOwnTable) {
  DdlEvent event = Event(DdlType::kDropTable, "DROP TABLE a, t");
  event.tables = {{ParseTable(), nullptr}};
  EXPECT_THAT(Plan(event)->statements, ElementsAre("DROP TABLE IF EXISTS `db`.`t`"));
  event.type = DdlType::kTruncateTable;
  EXPECT_THAT(Plan(event)->statements, ElementsAre("TRUNCATE TABLE `db`.`t`"));
}

TEST_F(DdlPlanTest, RenamesFreeANameBeforeTakingIt) {
  DdlEvent event = Event(DdlType::kRenameTables, "RENAME TABLE …");
  event.tables = {{ParseTable("a"), ParseTable("b")}, {ParseTable("b"), ParseTable("c", "o")}};
  EXPECT_THAT(Plan(event)->statements,
              ElementsAre("RENAME TABLE `db`.`b` TO `o`.`c`, `db`.`a` TO `db`.`b`"));
  EXPECT_THAT(Plan(event)->done_check, HasSubstr("TABLE_NAME='a'"));
  event.tables[1] = {ParseTable("b"), ParseTable("a")};
  EXPECT_THAT(Plan(event)->statements,
              ElementsAre("RENAME TABLE `db`.`a` TO `db`.`_tidewire_5_0`, `db`.`b` TO `db`.`a`, "
                          "`db`.`_tidewire_5_0` TO `db`.`b`"));
  EXPECT_EQ(Plan(event)->done_check, "");
}

TableInfoPtr WithPartitions(std::vector<std::string> names) {
  auto table = std::make_shared<TableInfo>();
  table->schema = "db";
  table->name = "t";
  for (std::string& name : names) table->partitions.push_back({.name = std::move(name)});
  table->Finish();
  return table;
}

// After a crash between the change and its record it came again, and found no partition p1.
TEST_F(DdlPlanTest, ARepartitionIsTakenAsDoneByThePartitionsItLeaves) {
  DdlEvent event = Event(DdlType::kReorganizePartition, "ALTER TABLE t REORGANIZE PARTITION p1 …");
  event.tables = {{WithPartitions({"p0", "p1"}), WithPartitions({"p0", "a", "b"})}};
  EXPECT_THAT(Plan(event, ServerKind::kTiDb)->done_check,
              HasSubstr("COUNT(*)=3 AND SUM(PARTITION_NAME IN ('p0','a','b'))=3"));
  event.tables = {{WithPartitions({"p0", "p1"}), WithPartitions({"p0", "p1"})}};
  EXPECT_EQ(Plan(event, ServerKind::kTiDb)->done_check, "");
  event.type = DdlType::kRemovePartitioning;
  event.tables = {{WithPartitions({"p0"}), WithPartitions({})}};
  EXPECT_THAT(Plan(event, ServerKind::kTiDb)->done_check, HasSubstr("PARTITION_NAME IS NULL"));
}

TEST_F(DdlPlanTest, DatabasesGetTidbsCharacterSet) {
  EXPECT_THAT(Plan(Event(DdlType::kCreateSchema, "CREATE DATABASE db"))->statements,
              ElementsAre(HasSubstr("COLLATE utf8mb4_bin")));
  EXPECT_THAT(Plan(Event(DdlType::kCreateSchema, "CREATE DATABASE db CHARSET latin1"))->statements,
              ElementsAre("CREATE DATABASE db CHARSET latin1 COLLATE latin1_bin"));
}

TEST_F(DdlPlanTest, WhatOnlyTidbCanDoIsSkippedOrRefusedElsewhere) {
  const DdlEvent ttl = Event(DdlType::kAlterTtlRemove, "ALTER TABLE t REMOVE TTL");
  EXPECT_NE(Plan(ttl)->skip_reason, "");
  EXPECT_EQ(Plan(ttl, ServerKind::kTiDb)->skip_reason, "");
  const DdlEvent recover = Event(DdlType::kRecoverTable, "RECOVER TABLE t");
  EXPECT_EQ(Plan(recover).error().code(), Code::kExecDdl);
  EXPECT_TRUE(Plan(recover, ServerKind::kTiDb));
}

TEST_F(DdlPlanTest, TheSessionsZoneIsToldByTheDefaultItTyped) {
  auto after = std::make_shared<TableInfo>();
  ColumnInfo column;
  column.name = "c";
  column.type = {.type = MysqlType::kTimestamp};
  column.default_value = "2020-06-01 00:00:00";  // in UTC
  after->all_columns.push_back(column);
  DdlEvent event =
      Event(DdlType::kModifyColumn,
            "ALTER TABLE t MODIFY `c` TIMESTAMP NOT NULL DEFAULT '2020-06-01 08:00:00'");
  event.tables = {{std::make_shared<TableInfo>(), after}};
  EXPECT_EQ(Plan(event)->time_zone, "+08:00");
  event.query = "ALTER TABLE t ALTER COLUMN c SET DEFAULT '2020-05-31 17:00:00'";
  EXPECT_EQ(Plan(event)->time_zone, "-07:00");
}

TEST_F(DdlPlanTest, AddedColumnsAndIndexesAreMadeFromTheirDescription) {
  auto before = std::make_shared<TableInfo>();
  const auto after = ParseTable();
  for (const ColumnInfo& old : after->all_columns)
    if (old.name == "id" || old.name == "ts") before->all_columns.push_back(old);
  before->indexes.push_back(after->indexes[0]);
  DdlEvent event = Event(DdlType::kMultiSchemaChange,
                         "ALTER TABLE t ADD s VARCHAR(40) AFTER id, ADD g INT AS (id + 1), "
                         "ADD UNIQUE (s(4)) INVISIBLE, ADD INDEX kx ((LOWER(s)))");
  event.tables = {{before, after}};
  const DdlPlan plan = Plan(event, ServerKind::kMariaDb).value();
  ASSERT_EQ(plan.statements.size(), 1u);
  EXPECT_THAT(plan.statements[0], HasSubstr("ADD COLUMN `s` VARCHAR(40)"));
  EXPECT_THAT(plan.statements[0], HasSubstr("AFTER `id`, ADD COLUMN `g`"));
  EXPECT_THAT(plan.statements[0], HasSubstr("AFTER `ts`, ADD UNIQUE KEY `us` (`s`(4)) IGNORED"));
  EXPECT_THAT(plan.left_out, ElementsAre(HasSubstr("kx")));
  event.query += ", DROP COLUMN x";
  EXPECT_THAT(Plan(event)->statements, ElementsAre(event.query));
}

TEST_F(DdlPlanTest, ColumnsOfThePresentMomentKeepTheUpstreamsMoment) {
  auto after = std::make_shared<TableInfo>();
  ColumnInfo column;
  column.id = 9;
  column.type = {.type = MysqlType::kTimestamp, .decimal = 0};
  column.default_value = "CURRENT_TIMESTAMP";
  column.origin_default = Datum::Time(uint64_t{(2024 * 13 + 5) << 5 | 6} << 41);
  after->all_columns.push_back(column);
  DdlEvent event = Event(DdlType::kAddColumn, "ALTER TABLE t ADD c TIMESTAMP DEFAULT NOW()");
  event.tables = {{std::make_shared<TableInfo>(), after}};
  EXPECT_EQ(Plan(event)->timestamp,
            "UNIX_TIMESTAMP(CONVERT_TZ('2024-05-06 00:00:00','+00:00',@@time_zone))");
}

}  // namespace
}  // namespace cdc
