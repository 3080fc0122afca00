#include "dataflow/mounter/schema_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/mounter/tests/fake_cluster.h"

namespace cdc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kRunning = DdlJob::State::kRunning;
constexpr auto kDone = DdlJob::State::kDone;
constexpr auto kWriteOnly = SchemaState::kWriteOnly;

// A cluster with schemas db (10), other (20), outside of the filter, and table db.t (30).
class SchemaStoreTest : public testing::Test {
 protected:
  SchemaStoreTest() {
    config_.filter.rules = {"db.*", "!db.tmp*"};
    snapshot_.Put(PutSchema(10, "db"));
    snapshot_.Put(PutSchema(20, "other"));
    snapshot_.Put(PutTable(10, {30, "t"}));
    snapshot_.Put(PutTable(20, {40, "far"}));
  }
  void Open() {
    filter_ = Filter::Create(config_).value();
    store_ = SchemaStore::Open(snapshot_, Ts(100), *filter_).value();
  }
  void Commit(uint64_t ts, const std::vector<Write>& writes) {
    store_->Append(Transaction(ts, writes));
  }
  Status Advance(uint64_t ts) { return store_->Advance(Ts(ts)); }

  std::vector<int64_t> Captured(uint64_t ts) const {
    std::vector<int64_t> ids;
    for (const PhysicalTable& table : store_->CapturedTables(Ts(ts))) ids.push_back(Raw(table.id));
    return ids;
  }
  // The names of the columns that decode a row of this commit ts.
  std::string Columns(int64_t table, uint64_t ts) const {
    const auto info = store_->TableAt(TableId(table), Ts(ts));
    if (!info) return std::string(CodeName(info.error().code()));
    std::string names;
    for (const ColumnInfo* column : (*info)->columns) names += column->name + " ";
    return names;
  }
  DdlEventPtr OnlyDdl() const {
    const auto ddls = store_->DdlsAfter(Ts(100));
    EXPECT_EQ(ddls.size(), 1u);
    return ddls.empty() ? std::make_shared<const DdlEvent>() : ddls.front();
  }

  ReplicaConfig config_;
  FakeSnapshot snapshot_;
  std::unique_ptr<Filter> filter_;
  std::unique_ptr<SchemaStore> store_;
};

TEST_F(SchemaStoreTest, StartsWithTheTablesOfTheSnapshot) {
  snapshot_.Put(PutTable(10, {31, "tmp1"}));
  snapshot_.Put(PutTable(10, {32, "p", {{1, "id"}}, {33, 34}}));
  snapshot_.Put(PutTable(10, {35, "keyless", {{1, "a"}}, {}, true}));
  Open();
  EXPECT_THAT(Captured(100), ElementsAre(30, 33, 34));
  const auto ineligible = store_->IneligibleTables(Ts(100));
  ASSERT_EQ(ineligible.size(), 1u);
  EXPECT_EQ(ineligible[0]->name, "keyless");
  EXPECT_EQ(Columns(30, 101), "id v ");
  EXPECT_EQ(Columns(30, 100), "CDC:ErrSchemaStorageGCed");
  EXPECT_EQ(Columns(30, 102), "CDC:ErrSchemaStorageUnresolved");
  EXPECT_EQ(Columns(40, 101), "CDC:ErrSchemaStorageTableMiss");
}

TEST_F(SchemaStoreTest, AsksForTheMetaKeysAndTheJobTable) {
  Open();
  const auto spans = store_->DdlSpans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].range, PrefixRange("m"));
  EXPECT_EQ(spans[1].range, RecordRange(kJobTable));
}

TEST_F(SchemaStoreTest, RowsUpToTheDdlKeepTheOldColumns) {
  Open();
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}, {3, "w"}}}),
               PutJob({1, DdlType::kAddColumn, kDone, "ALTER TABLE t ADD COLUMN w INT"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_EQ(Columns(30, 110), "id v ");
  EXPECT_EQ(Columns(30, 111), "id v w ");
  const DdlEventPtr ddl = OnlyDdl();
  EXPECT_EQ(ddl->commit_ts, Ts(110));
  EXPECT_EQ(ddl->done_ts, Ts(110));
  EXPECT_EQ(ddl->query, "ALTER TABLE t ADD COLUMN w INT");
  EXPECT_EQ(ddl->schema, "db");
  EXPECT_EQ(ddl->table, "t");
  EXPECT_TRUE(ddl->replicate);
  EXPECT_THAT(ddl->blocked, ElementsAre(TableId(30)));
  EXPECT_THAT(ddl->added, IsEmpty());
  EXPECT_THAT(ddl->dropped, IsEmpty());
}

// MODIFY COLUMN rewrites into column 3, makes it public at 120 and cleans up until 140.
TEST_F(SchemaStoreTest, ADdlTakesEffectWithTheFirstColumnThatBecomesVisible) {
  Open();
  const auto job = [](DdlJob::State state) {
    return PutJob({1, DdlType::kModifyColumn, state, "ALTER TABLE t MODIFY COLUMN v VARCHAR(9)"});
  };
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}, {3, "_Col$_v", kWriteOnly}}}),
               job(kRunning)});
  Commit(120, {PutTable(10, {30, "t", {{1, "id"}, {3, "v"}, {2, "_Tombstone$_v", kWriteOnly}}}),
               job(kRunning)});
  ASSERT_TRUE(Advance(115).ok());
  EXPECT_EQ(store_->resolved(), Ts(115));
  ASSERT_TRUE(Advance(130).ok());
  EXPECT_EQ(store_->resolved(), Ts(119)) << "what the job ends with is not known yet";
  EXPECT_EQ(Columns(30, 121), "CDC:ErrSchemaStorageUnresolved");
  Commit(140, {PutTable(10, {30, "t", {{1, "id"}, {3, "v"}}}), job(kDone)});
  ASSERT_TRUE(Advance(150).ok());
  EXPECT_EQ(store_->resolved(), Ts(150));

  const auto column_id = [&](uint64_t ts) {
    return store_->TableAt(TableId(30), Ts(ts)).value()->columns[1]->id;
  };
  EXPECT_EQ(column_id(120), 2);
  EXPECT_EQ(column_id(121), 3);
  EXPECT_EQ(OnlyDdl()->commit_ts, Ts(120));
  EXPECT_EQ(OnlyDdl()->done_ts, Ts(140));
}

// A changefeed that starts again right before the change must find all of it.
TEST_F(SchemaStoreTest, ARenameTakesEffectWithTheStepThatRenames) {
  Open();
  Commit(110, {PutTable(10, {30, "u", {{1, "id"}, {2, "v"}}}),
               PutJob({1, DdlType::kRenameTable, kRunning, "RENAME TABLE t TO u"})});
  ASSERT_TRUE(Advance(115).ok());
  EXPECT_EQ(store_->resolved(), Ts(109)) << "what the job ends with is not known yet";
  Commit(120, {PutJob({1, DdlType::kRenameTable, kDone, "RENAME TABLE t TO u"})});
  ASSERT_TRUE(Advance(130).ok());
  EXPECT_EQ(OnlyDdl()->commit_ts, Ts(110));
  EXPECT_EQ(OnlyDdl()->done_ts, Ts(120));
  EXPECT_EQ(store_->TableAt(TableId(30), Ts(110)).value()->name, "t");
  EXPECT_EQ(store_->TableAt(TableId(30), Ts(111)).value()->name, "u");
}

TEST_F(SchemaStoreTest, ADdlThatOvertakesAnotherComesFirst) {
  snapshot_.Put(PutTable(10, {31, "u"}));
  Open();
  Commit(120, {PutTable(10, {30, "t", {{1, "id"}, {3, "v"}}}),
               PutJob({1, DdlType::kModifyColumn, kRunning, "first"})});
  Commit(130, {PutTable(10, {31, "u", {{1, "id"}}}),
               PutJob({2, DdlType::kDropColumn, kDone, "second"})});
  ASSERT_TRUE(Advance(135).ok());
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), IsEmpty());
  Commit(140, {PutJob({1, DdlType::kModifyColumn, kDone, "first"})});
  ASSERT_TRUE(Advance(150).ok());
  const auto ddls = store_->DdlsAfter(Ts(100));
  ASSERT_EQ(ddls.size(), 2u);
  EXPECT_EQ(ddls[0]->query, "first");
  EXPECT_EQ(ddls[1]->query, "second");
  EXPECT_THAT(store_->DdlsAfter(Ts(120)), testing::SizeIs(1));
}

// TRUNCATE PARTITION fills the new partition before its job is done.
TEST_F(SchemaStoreTest, ANewPartitionIsCapturedFromTheMomentItTakesOver) {
  snapshot_.Put(PutTable(10, {32, "p", {{1, "id"}}, {33, 34}}));
  Open();
  const auto job = [](DdlJob::State state) {
    return PutJob({1, DdlType::kTruncateTablePartition, state, "TRUNCATE"});
  };
  Commit(110, {PutTable(10, {32, "p", {{1, "id"}}, {33, 34}, false, "step"}), job(kRunning)});
  Commit(120, {PutTable(10, {32, "p", {{1, "id"}}, {33, 35}}), job(kRunning)});
  Commit(130, {PutTable(10, {32, "p", {{1, "id"}}, {33, 35}}), job(kDone)});
  ASSERT_TRUE(Advance(140).ok());
  EXPECT_THAT(Captured(119), ElementsAre(30, 33, 34));
  EXPECT_THAT(Captured(120), ElementsAre(30, 33, 35));
  const DdlEventPtr ddl = OnlyDdl();
  EXPECT_EQ(ddl->commit_ts, Ts(120));
  EXPECT_THAT(ddl->blocked, ElementsAre(TableId(33), TableId(34)));
  EXPECT_THAT(ddl->added, ElementsAre(TableId(35)));
  EXPECT_THAT(ddl->dropped, ElementsAre(TableId(34)));
  EXPECT_EQ(Columns(34, 121), "CDC:ErrSchemaStorageTableMiss");
}

TEST_F(SchemaStoreTest, AJobThatIsRolledBackLeavesNoTrace) {
  Open();
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}, {3, "w", kWriteOnly}}}),
               PutJob({1, DdlType::kAddColumn, kRunning})});
  Commit(120, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}}}),
               PutJob({1, DdlType::kAddColumn, DdlJob::State::kRollbackDone})});
  ASSERT_TRUE(Advance(130).ok());
  EXPECT_EQ(store_->resolved(), Ts(130));
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), IsEmpty());
  EXPECT_EQ(Columns(30, 131), "id v ");
}

TEST_F(SchemaStoreTest, TruncateIsOneTableWithANewId) {
  Open();
  Commit(110, {DropTable(10, 30), PutTable(10, {50, "t"}),
               PutJob({1, DdlType::kTruncateTable, kDone, "TRUNCATE t"})});
  ASSERT_TRUE(Advance(120).ok());
  const DdlEventPtr ddl = OnlyDdl();
  ASSERT_EQ(ddl->tables.size(), 1u);
  EXPECT_EQ(ddl->tables[0].before->id, TableId(30));
  EXPECT_EQ(ddl->tables[0].after->id, TableId(50));
  EXPECT_THAT(ddl->added, ElementsAre(TableId(50)));
  EXPECT_THAT(ddl->dropped, ElementsAre(TableId(30)));
}

TEST_F(SchemaStoreTest, ExchangedPartitionsChangeTheirTable) {
  snapshot_.Put(PutTable(10, {32, "p", {{1, "id"}, {2, "v"}, {9, "only_p"}}, {33, 34}}));
  Open();
  Commit(110, {PutTable(10, {32, "p", {{1, "id"}, {2, "v"}, {9, "only_p"}}, {30, 34}}),
               DropTable(10, 30), PutTable(10, {33, "t"}),
               PutJob({1, DdlType::kExchangeTablePartition, kDone, "EXCHANGE", "db", 30,
                       R"(,"raw_args":{"pt_table_id":32})"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_EQ(Columns(30, 110), "id v ");
  EXPECT_EQ(Columns(30, 111), "id v only_p ");
  EXPECT_EQ(Columns(33, 110), "id v only_p ");
  EXPECT_EQ(Columns(33, 111), "id v ");
  const DdlEventPtr ddl = OnlyDdl();
  EXPECT_EQ(ddl->table, "p");
  EXPECT_THAT(ddl->blocked, ElementsAre(TableId(30), TableId(33), TableId(34)));
  EXPECT_THAT(ddl->added, IsEmpty());
  EXPECT_THAT(ddl->dropped, IsEmpty());
}

TEST_F(SchemaStoreTest, DroppingASchemaTakesItsTablesAlong) {
  snapshot_.Put(PutTable(10, {31, "u"}));
  Open();
  Commit(110, {DropSchema(10), DropTable(10, 30),
               PutJob({1, DdlType::kDropSchema, kDone, "DROP DATABASE db"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_THAT(Captured(110), IsEmpty());
  const DdlEventPtr ddl = OnlyDdl();
  EXPECT_EQ(ddl->schema, "db");
  EXPECT_EQ(ddl->tables.size(), 2u);
  EXPECT_THAT(ddl->dropped, ElementsAre(TableId(30), TableId(31)));
}

TEST_F(SchemaStoreTest, RenamingWithinTheFilterKeepsTheTable) {
  Open();
  Commit(110, {PutTable(10, {30, "t2"}),
               PutJob({1, DdlType::kRenameTable, kDone, "ALTER TABLE t RENAME t2"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_EQ(OnlyDdl()->query, "RENAME TABLE `db`.`t` TO `db`.`t2`");
  EXPECT_EQ(store_->TableAt(TableId(30), Ts(115)).value()->name, "t2");
}

TEST_F(SchemaStoreTest, ATableRenamedOutOfTheFilterIsRenamedAndDropped) {
  Open();
  Commit(110, {DropTable(10, 30), PutTable(20, {30, "t"}),
               PutJob({1, DdlType::kRenameTable, kDone, "RENAME TABLE t TO other.t"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_EQ(OnlyDdl()->query, "RENAME TABLE `db`.`t` TO `other`.`t`");
  EXPECT_TRUE(OnlyDdl()->replicate);
  EXPECT_THAT(OnlyDdl()->dropped, ElementsAre(TableId(30)));
  EXPECT_THAT(Captured(120), IsEmpty());
}

TEST_F(SchemaStoreTest, ATableRenamedIntoTheFilterIsAnErrorThatNamesTheWaysOut) {
  Open();
  Commit(110, {PutTable(10, {40, "far"}), DropTable(20, 40),
               PutJob({1, DdlType::kRenameTable, kDone, "RENAME TABLE other.far TO db.far"})});
  const Status status = Advance(120);
  EXPECT_EQ(status.code(), Code::kSyncRename);
  EXPECT_THAT(status.ToString(), HasSubstr("filter.rules"));
  EXPECT_EQ(store_->resolved(), Ts(100));
  EXPECT_EQ(Advance(130).code(), Code::kSyncRename) << "an error stays";
}

TEST_F(SchemaStoreTest, ATableRenamedIntoTheFilterCanBeLeftOutForGood) {
  config_.ignore_ineligible_table = true;
  Open();
  Commit(110, {PutTable(10, {40, "far"}), DropTable(20, 40),
               PutJob({1, DdlType::kRenameTable, kDone, "RENAME TABLE other.far TO db.far"})});
  Commit(120, {PutTable(10, {40, "far", {{1, "id"}}}),
               PutJob({2, DdlType::kDropColumn, kDone, "ALTER TABLE far DROP COLUMN v"})});
  Commit(130, {DropTable(10, 40), PutJob({3, DdlType::kDropTable, kDone, "DROP TABLE far"})});
  ASSERT_TRUE(Advance(140).ok());
  EXPECT_THAT(Captured(125), ElementsAre(30));
  for (const DdlEventPtr& ddl : store_->DdlsAfter(Ts(100))) EXPECT_FALSE(ddl->replicate);
}

TEST_F(SchemaStoreTest, LosingTheLastKeyIsAnErrorUnlessConfigured) {
  const auto lose_key = [this] {
    Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}}, {}, true}),
                 PutJob({1, DdlType::kDropPrimaryKey, kDone, "ALTER TABLE t DROP PRIMARY KEY"})});
    return Advance(120);
  };
  Open();
  const Status status = lose_key();
  EXPECT_EQ(status.code(), Code::kTableIneligible);
  EXPECT_THAT(status.ToString(), HasSubstr("force-replicate"));

  config_.ignore_ineligible_table = true;
  Open();
  EXPECT_TRUE(lose_key().ok());
  EXPECT_THAT(Captured(120), IsEmpty());
  EXPECT_THAT(OnlyDdl()->dropped, ElementsAre(TableId(30)));

  config_.ignore_ineligible_table = false;
  config_.force_replicate = true;
  Open();
  EXPECT_TRUE(lose_key().ok());
  EXPECT_THAT(Captured(120), ElementsAre(30));
}

TEST_F(SchemaStoreTest, ATableThatGetsAKeyLateStaysLeftOut) {
  snapshot_.Put(PutTable(10, {31, "u", {{1, "a"}}, {}, true}));
  Open();
  Commit(110, {PutTable(10, {31, "u", {{1, "a"}}}),
               PutJob({1, DdlType::kAddPrimaryKey, kDone, "ALTER TABLE u ADD PRIMARY KEY (a)"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_THAT(Captured(120), ElementsAre(30));
}

TEST_F(SchemaStoreTest, AnUnknownKindOfJobPassesIfItLeavesTheTablesShape) {
  Open();
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}}, {}, false, "some option"}),
               PutJob({1, static_cast<DdlType>(200), kDone, "ALTER TABLE t SOMETHING"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), IsEmpty());
  EXPECT_EQ(store_->TableAt(TableId(30), Ts(115)).value()->comment, "some option");
}

TEST_F(SchemaStoreTest, AnUnknownKindOfJobThatChangesColumnsIsAnError) {
  Open();
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}}}),
               PutJob({1, static_cast<DdlType>(200), kDone, "ALTER TABLE t SOMETHING"})});
  const Status status = Advance(120);
  EXPECT_EQ(status.code(), Code::kUnknownDdl);
  EXPECT_THAT(status.ToString(), HasSubstr("SOMETHING"));
}

TEST_F(SchemaStoreTest, AChangeThatNoJobMadeIsAnErrorIfRowsDependOnIt) {
  Open();
  Commit(110, {PutTable(20, {40, "far", {{1, "id"}}})});
  EXPECT_TRUE(Advance(115).ok());
  Commit(120, {PutTable(10, {30, "t", {{1, "id"}}})});
  EXPECT_EQ(Advance(130).code(), Code::kUnknownDdl);
}

TEST_F(SchemaStoreTest, FlashbackClusterIsAnError) {
  Open();
  Commit(110, {PutJob({1, DdlType::kFlashbackCluster, kDone, "FLASHBACK CLUSTER"})});
  EXPECT_EQ(Advance(120).code(), Code::kUnknownDdl);
}

TEST_F(SchemaStoreTest, DdlOutsideTheFilterIsNotSeen) {
  Open();
  Commit(110, {PutTable(20, {40, "far", {{1, "id"}}}),
               PutJob({1, DdlType::kDropColumn, kDone, "ALTER TABLE far DROP COLUMN v"})});
  Commit(120, {PutSchema(60, "third"), PutJob({2, DdlType::kCreateSchema, kDone, "CREATE"})});
  ASSERT_TRUE(Advance(130).ok());
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), IsEmpty());
}

// By the start ts of the statement, or of the transaction that ended its job.
TEST_F(SchemaStoreTest, DdlOfAnIgnoredTransactionChangesTheHistoryOnly) {
  for (const uint64_t start_ts : {105, 109}) {
    config_.filter.ignore_txn_start_ts = {start_ts};
    Open();
    Commit(110, {PutTable(10, {30, "t", {{1, "id"}}}),
                 PutJob({1, DdlType::kDropColumn, kDone, "ALTER TABLE t DROP COLUMN v", "db", 30,
                         R"(,"start_ts":105)"})});
    ASSERT_TRUE(Advance(120).ok());
    EXPECT_FALSE(OnlyDdl()->replicate);
    EXPECT_EQ(OnlyDdl()->start_ts, Ts(109));
    EXPECT_EQ(Columns(30, 111), "id ");
  }
}

TEST_F(SchemaStoreTest, BdrModeReplicatesDdlOfThePrimaryOnly) {
  config_.bdr_mode = true;
  Open();
  const auto add = [this](uint64_t ts, int64_t column, const char* role) {
    Commit(ts, {PutTable(10, {30, "t", {{1, "id"}, {column, "c"}}}),
                PutJob({column, DdlType::kAddColumn, kDone, "ALTER", "db", 30,
                        fmt::format(R"(,"bdr_role":"{}")", role)})});
  };
  add(110, 3, "primary");
  add(120, 4, "secondary");
  ASSERT_TRUE(Advance(130).ok());
  const auto ddls = store_->DdlsAfter(Ts(100));
  ASSERT_EQ(ddls.size(), 2u);
  EXPECT_TRUE(ddls[0]->replicate);
  EXPECT_FALSE(ddls[1]->replicate);
  EXPECT_TRUE(ddls[1]->bdr_secondary);
}

TEST_F(SchemaStoreTest, EventsMayComeInAnyOrderAndTwice) {
  Open();
  const auto second = Transaction(120, {PutTable(10, {30, "t", {{1, "id"}, {4, "x"}}}),
                                        PutJob({2, DdlType::kMultiSchemaChange, kDone, "second"})});
  const auto first = Transaction(110, {PutTable(10, {30, "t", {{1, "id"}, {3, "w"}}}),
                                       PutJob({1, DdlType::kMultiSchemaChange, kDone, "first"})});
  store_->Append({second[1]});
  store_->Append({first[0], second[0]});
  store_->Append({first[1], first[0]});
  ASSERT_TRUE(Advance(115).ok());
  EXPECT_EQ(Columns(30, 115), "id w ");
  store_->Append(first);
  store_->Append(second);
  ASSERT_TRUE(Advance(130).ok());
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), testing::SizeIs(2));
  EXPECT_EQ(Columns(30, 121), "id x ");
}

TEST_F(SchemaStoreTest, AJobWhoseEffectTheStartAlreadySawIsNotRepeated) {
  const FakeJob job{1, DdlType::kModifyColumn, kRunning, "ALTER TABLE t MODIFY COLUMN v INT"};
  snapshot_.Put(PutTable(10, {30, "t", {{1, "id"}, {3, "v"}, {2, "_Tombstone$_v", kWriteOnly}}}));
  snapshot_.Put(PutJob(job));
  Open();
  FakeJob done = job;
  done.state = kDone;
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {3, "v"}}}), PutJob(done)});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), IsEmpty());
  EXPECT_EQ(Columns(30, 115), "id v ");
}

TEST_F(SchemaStoreTest, AJobThatWaitedAtTheStartIsReplicatedEvenIfItChangesADefaultOnly) {
  snapshot_.Put(PutJob({1, DdlType::kModifyColumn, DdlJob::State::kQueueing}));
  Open();
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}, {2, "v"}}, {}, false, "default"}),
               PutJob({1, DdlType::kModifyColumn, kDone, "ALTER TABLE t MODIFY v INT DEFAULT 5"})});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_TRUE(OnlyDdl()->replicate);
}

TEST_F(SchemaStoreTest, AnUpgradeThatMovesTheJobsAsksForARestart) {
  snapshot_.Erase(TableMetaKey(SchemaId(kMysqlSchema), kJobTable));
  Open();
  Commit(110, {PutTable(kMysqlSchema, {Raw(kJobTable), "tidb_ddl_job"})});
  const Status status = Advance(120);
  EXPECT_EQ(status.code(), Code::kInvalidDdlJob);
  EXPECT_EQ(status.reaction(), Reaction::kRestart);
}

TEST_F(SchemaStoreTest, FollowsTheJobListsOfOlderClusters) {
  snapshot_.Erase(TableMetaKey(SchemaId(kMysqlSchema), kJobTable));
  Open();
  EXPECT_EQ(store_->DdlSpans().size(), 1u);
  const FakeJob job{1, DdlType::kDropColumn, kDone, "ALTER TABLE t DROP COLUMN v"};
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}}}), {DdlJobListKey(7), job.Json()}});
  Commit(115, {{DdlJobListKey(7), ""}});
  ASSERT_TRUE(Advance(120).ok());
  EXPECT_EQ(OnlyDdl()->query, "ALTER TABLE t DROP COLUMN v");
  EXPECT_EQ(Columns(30, 111), "id ");
}

TEST_F(SchemaStoreTest, GarbageCollectionKeepsWhatLaterReadersNeed) {
  Open();
  Commit(110, {PutTable(10, {30, "t", {{1, "id"}}}), PutJob({1, DdlType::kDropColumn})});
  Commit(120, {DropTable(10, 30), PutJob({2, DdlType::kDropTable})});
  ASSERT_TRUE(Advance(130).ok());
  store_->CollectGarbage(Ts(115));
  EXPECT_EQ(Columns(30, 110), "CDC:ErrSchemaStorageGCed");
  EXPECT_EQ(Columns(30, 116), "id ");
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), testing::SizeIs(1));
  store_->CollectGarbage(Ts(125));
  EXPECT_EQ(Columns(30, 126), "CDC:ErrSchemaStorageTableMiss");
  EXPECT_THAT(store_->DdlsAfter(Ts(100)), IsEmpty());
}

TEST_F(SchemaStoreTest, ADamagedDescriptionIsAnErrorNotACrash) {
  Open();
  Commit(110, {{TableMetaKey(SchemaId(10), TableId(30)), "{\"id\":30,\"name\":"},
               PutJob({1, DdlType::kAddColumn})});
  EXPECT_FALSE(Advance(120).ok());
}

}  // namespace
}  // namespace cdc
