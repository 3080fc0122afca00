#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/mounter/ddl_job.h"
#include "dataflow/mounter/filter.h"
#include "dataflow/mounter/meta_codec.h"

namespace cdc {
namespace {

bool Contains(const KeyRange& range, const std::string& key) {
  return key >= range.start && key < range.end;
}

TEST(MetaCodec, KeysReadBackAsTheyWereMade) {
  const MetaKey schema = ParseMetaKey(SchemaMetaKey(SchemaId(452)));
  EXPECT_EQ(schema.kind, MetaKey::Kind::kSchema);
  EXPECT_EQ(schema.schema, SchemaId(452));
  for (const int64_t id : {int64_t{1}, int64_t{12}, int64_t{281474976710654}}) {
    const MetaKey table = ParseMetaKey(TableMetaKey(SchemaId(7), TableId(id)));
    EXPECT_EQ(table.kind, MetaKey::Kind::kTable);
    EXPECT_EQ(table.schema, SchemaId(7));
    EXPECT_EQ(table.table, TableId(id));
  }
  EXPECT_EQ(ParseMetaKey(DdlJobListKey(3)).kind, MetaKey::Kind::kDdlJobList);
}

TEST(MetaCodec, RangesHoldTheirKeysAndNoOthers) {
  EXPECT_TRUE(Contains(SchemasRange(), SchemaMetaKey(SchemaId(1))));
  EXPECT_FALSE(Contains(SchemasRange(), TableMetaKey(SchemaId(1), TableId(2))));
  EXPECT_TRUE(Contains(TablesRange(SchemaId(1)), TableMetaKey(SchemaId(1), TableId(123456))));
  EXPECT_FALSE(Contains(TablesRange(SchemaId(1)), TableMetaKey(SchemaId(11), TableId(2))));
}

TEST(MetaCodec, DamagedKeysAreOfNoConcern) {
  const std::string key = TableMetaKey(SchemaId(7), TableId(8));
  for (size_t size = 0; size < key.size(); ++size)
    EXPECT_EQ(ParseMetaKey(key.substr(0, size)).kind, MetaKey::Kind::kOther) << size;
  EXPECT_EQ(ParseMetaKey("t123").kind, MetaKey::Kind::kOther);
  EXPECT_EQ(ParseMetaKey("m" + std::string(40, '\x01')).kind, MetaKey::Kind::kOther);
}

TEST(DdlJob, ReadsBothVersionsOfRenameArguments) {
  for (
      const char* json :
      {R"({"id":1,"type":47,"state":4,"raw_args":[[1,1],[2,2],[{"O":"X","L":"x"},{"O":"y","L":"y"}],
            [30,31],[{"O":"d","L":"d"},{"O":"d","L":"d"}],[{"O":"a","L":"a"},{"O":"b","L":"b"}]]})",
       R"({"id":1,"type":47,"state":4,"raw_args":{"rename_table_infos":[
            {"table_id":30,"old_schema_name":{"O":"d"},"old_table_name":{"O":"a"},"new_schema_id":2,
             "new_table_name":{"O":"X"}},
            {"table_id":31,"old_schema_name":{"O":"d"},"old_table_name":{"O":"b"},"new_schema_id":2,
             "new_table_name":{"O":"y"}}]}})"}) {
    const DdlJob job = ParseDdlJob(json).value();
    ASSERT_EQ(job.renames.size(), 2u) << json;
    EXPECT_EQ(job.renames[0].table, TableId(30));
    EXPECT_EQ(job.renames[0].old_schema, "d");
    EXPECT_EQ(job.renames[0].old_name, "a");
    EXPECT_EQ(job.renames[0].new_schema, SchemaId(2));
    EXPECT_EQ(job.renames[0].new_name, "X");
    EXPECT_EQ(job.renames[1].new_name, "y");
  }
}

TEST(DdlJob, ReadsBothVersionsOfExchangeArguments) {
  for (const char* json : {R"({"id":1,"type":42,"raw_args":[33,10,32,"p0",true]})",
                           R"({"id":1,"type":42,"raw_args":{"pt_table_id":32}})"})
    EXPECT_EQ(ParseDdlJob(json).value().partitioned_table, TableId(32));
}

TEST(DdlJob, ReadsTheSession) {
  const DdlJob job =
      ParseDdlJob(R"({"id":9,"type":5,"state":4,"schema_name":"d","table_name":"t","query":"Q",
        "charset":"utf8mb4","collate":"utf8mb4_bin","sql_mode":1436549152,"bdr_role":"primary",
        "reorg_meta":{"location":{"name":"Asia/Tokyo","offset":0}}})")
          .value();
  EXPECT_TRUE(job.done());
  EXPECT_EQ(job.query, "Q");
  EXPECT_EQ(job.charset, "utf8mb4");
  EXPECT_EQ(job.collation, "utf8mb4_bin");
  EXPECT_EQ(job.sql_mode, 1436549152u);
  EXPECT_EQ(job.bdr_role, "primary");
  EXPECT_EQ(job.time_zone, "Asia/Tokyo");
}

TEST(DdlJob, RefusesWhatIsNoJob) {
  for (const char* json : {"", "[]", "{", "{}", "null"})
    EXPECT_EQ(ParseDdlJob(json).error().code(), Code::kInvalidDdlJob) << json;
}

TEST(Filter, NeverMatchesSystemSchemas) {
  const auto filter = Filter::Create(ReplicaConfig()).value();
  EXPECT_TRUE(filter->MatchesTable("db", "t"));
  for (const char* schema : {"mysql", "INFORMATION_SCHEMA", "sys", "tidb_cdc", "metrics_schema"}) {
    EXPECT_FALSE(filter->MatchesTable(schema, "t")) << schema;
    EXPECT_FALSE(filter->MatchesSchema(schema)) << schema;
  }
  EXPECT_TRUE(filter->MatchesTable("mysql2", "t"));
}

TEST(Filter, NoRulesMeansEverything) {
  ReplicaConfig config;
  config.filter.rules = {};
  EXPECT_TRUE(Filter::Create(config).value()->MatchesTable("db", "t"));
  config.filter.rules = {"broken"};
  EXPECT_EQ(Filter::Create(config).error().code(), Code::kFilterRule);
}

TEST(Filter, CapturesTablesWithAKeyOrAllIfForced) {
  ReplicaConfig config;
  TableInfo table;
  table.schema = "db";
  table.name = "t";
  table.Finish();
  EXPECT_FALSE(Filter::Create(config).value()->CapturesTable(table));
  config.force_replicate = true;
  EXPECT_TRUE(Filter::Create(config).value()->CapturesTable(table));
  table.kind = TableInfo::Kind::kView;
  EXPECT_FALSE(Filter::Create(config).value()->CapturesTable(table));
}

TEST(Filter, IgnoresTransactionsByStartTs) {
  ReplicaConfig config;
  config.filter.ignore_txn_start_ts = {5, 9};
  const auto filter = Filter::Create(config).value();
  EXPECT_TRUE(filter->IgnoresTxn(Ts(9)));
  EXPECT_FALSE(filter->IgnoresTxn(Ts(6)));
}

}  // namespace
}  // namespace cdc
