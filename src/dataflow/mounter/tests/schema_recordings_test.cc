// The schema store over every recording of a real TiDB: it must end with the tables that the meta
// keys hold at the end, and see the DDLs that TiDB's job table says were done.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/meta_codec.h"
#include "dataflow/mounter/schema_catalog.h"
#include "dataflow/mounter/schema_store.h"
#include "dataflow/mounter/table_info_json.h"
#include "testing/recording.h"

namespace cdc {
namespace {

std::vector<std::string> Cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CDC_RECORDINGS))
    if (entry.is_directory() && std::filesystem::exists(entry.path() / "meta.json"))
      names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

bool InSpans(const std::vector<Span>& spans, std::string_view key) {
  return std::ranges::any_of(
      spans, [&](const Span& span) { return key >= span.range.start && key < span.range.end; });
}

// One recording, fed to a store.
class Replayed {
 public:
  explicit Replayed(const std::string& name, bool force_replicate = true) {
    recording_ = Recording::Open(std::string(CDC_RECORDINGS) + "/" + name).value();
    ReplicaConfig config;
    config.filter.rules = recording_->meta().filter;
    config.force_replicate = force_replicate;
    config.ignore_ineligible_table = true;
    filter_ = Filter::Create(config).value();
    const Ts start = recording_->meta().start_ts;
    store = SchemaStore::Open(recording_->base(), start, *filter_).value();
  }

  // `step`: resolved ts advances after so many transactions; 0: once at the end.
  Status Feed(size_t step) {
    const std::vector<Span> spans = store->DdlSpans();
    size_t fed = 0;
    RETURN_IF_ERROR(recording_->ReadTransactions([&](std::vector<KvEvent> events) -> Status {
      const Ts commit_ts = events.front().commit_ts;
      for (const KvEvent& event : events) {
        NoteMeta(event);
        NoteRow(event);
      }
      std::erase_if(events, [&](const KvEvent& event) { return !InSpans(spans, event.key); });
      store->Append(std::move(events));
      return step > 0 && ++fed % step == 0 ? store->Advance(commit_ts) : Status::Ok();
    }));
    return store->Advance(recording_->meta().end_ts);
  }

  // The tables of the filter as the meta keys have them now, by id.
  std::map<TableId, TableInfoPtr> FinalTables() {
    std::map<SchemaId, std::string> schemas;
    for (const auto& [key, value] : metas_)
      if (const MetaKey meta = ParseMetaKey(key); meta.kind == MetaKey::Kind::kSchema)
        schemas[meta.schema] = ReadName(value, "db_name").value();
    std::map<TableId, TableInfoPtr> tables;
    for (const auto& [key, value] : metas_) {
      const MetaKey meta = ParseMetaKey(key);
      if (meta.kind != MetaKey::Kind::kTable || !schemas.contains(meta.schema)) continue;
      TableInfoPtr table =
          ParseTableInfo(value, meta.schema, schemas[meta.schema], meta_end()).value();
      if (filter_->MatchesTable(table->schema, table->name) &&
          table->kind == TableInfo::Kind::kTable)
        tables[table->id] = table;
    }
    return tables;
  }

  void LoadBase() {
    EXPECT_TRUE(recording_->base()
                    .Scan(PrefixRange("m"), recording_->meta().start_ts,
                          [this](std::string_view key, std::string_view value) {
                            metas_[std::string(key)] = value;
                            return Status::Ok();
                          })
                    .ok());
  }
  Ts start() const { return recording_->meta().start_ts; }
  Ts meta_end() const { return recording_->meta().end_ts; }

  std::unique_ptr<SchemaStore> store;
  std::vector<std::pair<TableId, Ts>> rows;  // of records: physical id, commit ts

 private:
  void NoteMeta(const KvEvent& event) {
    if (!IsMetaKey(event.key)) return;
    if (event.op == KvOp::kPut)
      metas_[std::string(event.key)] = event.value;
    else
      metas_.erase(std::string(event.key));
  }
  void NoteRow(const KvEvent& event) {
    RecordKey record;
    if (ParseTableKey(event.key, &record) == KeyKind::kRecord)
      rows.emplace_back(record.table, event.commit_ts);
  }

  std::unique_ptr<Recording> recording_;
  std::unique_ptr<Filter> filter_;
  std::map<std::string, std::string> metas_;
};

void ExpectFinalTables(Replayed& run) {
  std::map<TableId, TableInfoPtr> got;
  for (const PhysicalTable& table : run.store->CapturedTables(run.meta_end()))
    got[table.table->id] = table.table;
  for (const auto& [id, table] : run.FinalTables()) {
    const auto found = got.find(id);
    // A table from a system schema is left out: its older rows are not downstream.
    if (found == got.end() && table->name == "from_mysql") continue;
    ASSERT_NE(found, got.end()) << table->schema << "." << table->name;
    EXPECT_EQ(*found->second->json, *table->json) << table->name;
    EXPECT_TRUE(SameShape(*found->second, *table)) << table->name;
    got.erase(found);
  }
  EXPECT_TRUE(got.empty()) << got.begin()->second->name;
}

// Captured tables change exactly as the events say. Returns when each was captured: (from, to].
std::map<TableId, std::pair<Ts, Ts>> ExpectEventsToAddUp(const Replayed& run) {
  std::map<TableId, std::pair<Ts, Ts>> lives;
  std::set<TableId> captured;
  for (const PhysicalTable& table : run.store->CapturedTables(run.start())) {
    captured.insert(table.id);
    lives[table.id] = {run.start(), Ts::Max()};
  }
  for (const DdlEventPtr& ddl : run.store->DdlsAfter(run.start())) {
    for (const TableId id : ddl->blocked) EXPECT_TRUE(captured.contains(id)) << ddl->query;
    for (const TableId id : ddl->dropped) {
      EXPECT_EQ(captured.erase(id), 1u) << ddl->query;
      lives[id].second = ddl->commit_ts;
    }
    for (const TableId id : ddl->added) {
      EXPECT_TRUE(captured.insert(id).second) << ddl->query;
      lives[id] = {ddl->commit_ts, Ts::Max()};
    }
    std::set<TableId> now;
    for (const PhysicalTable& table : run.store->CapturedTables(ddl->commit_ts))
      now.insert(table.id);
    EXPECT_EQ(now, captured) << ddl->query;
  }
  return lives;
}

void ExpectSchemasForAllRows(const Replayed& run,
                             const std::map<TableId, std::pair<Ts, Ts>>& lives) {
  for (const auto& [table, ts] : run.rows) {
    const auto life = lives.find(table);
    if (life == lives.end() || ts <= life->second.first || ts > life->second.second) continue;
    const auto info = run.store->TableAt(table, ts);
    ASSERT_TRUE(info) << info.error().ToString();
    EXPECT_LT((*info)->version, ts);
  }
}

void ExpectSameDdls(const Replayed& left, const Replayed& right) {
  const auto a = left.store->DdlsAfter(left.start());
  const auto b = right.store->DdlsAfter(right.start());
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i]->commit_ts, b[i]->commit_ts);
    EXPECT_EQ(a[i]->query, b[i]->query);
  }
}

class SchemaRecordings : public testing::TestWithParam<std::string> {};

TEST_P(SchemaRecordings, FollowsTheSchemaToTheEnd) {
  Replayed run(GetParam());
  run.LoadBase();
  const Status status = run.Feed(3);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(run.store->resolved(), run.meta_end());
  ExpectFinalTables(run);
  ExpectSchemasForAllRows(run, ExpectEventsToAddUp(run));

  Replayed at_once(GetParam());
  ASSERT_TRUE(at_once.Feed(0).ok());
  ExpectSameDdls(run, at_once);
}

// The DDLs that TiCDC sent for the same recordings, by the commit ts at which the job was done.
std::multimap<std::string, uint64_t> TiCdcDdls() {
  std::multimap<std::string, uint64_t> ddls;
  std::ifstream file(CDC_TICDC_DDLS);
  std::string name;
  for (uint64_t ts = 0; file >> name >> ts;) ddls.emplace(name, ts);
  return ddls;
}

TEST_P(SchemaRecordings, SendsTheDdlsThatTiCdcSends) {
  const auto all = TiCdcDdls();
  const auto [first, last] = all.equal_range(GetParam());
  if (first == last) GTEST_SKIP() << "TiCDC crashed on this one";
  std::vector<uint64_t> expected;
  for (auto it = first; it != last; ++it) expected.push_back(it->second);
  // CREATE TABLE g_uk, whose only unique key is over a virtual column: no usable key.
  std::erase(expected, 470649378944057365u);

  Replayed run(GetParam(), /*force_replicate=*/false);
  ASSERT_TRUE(run.Feed(0).ok());
  std::vector<uint64_t> sent;
  for (const DdlEventPtr& ddl : run.store->DdlsAfter(run.start()))
    if (ddl->replicate && !IsForDatabasesOnly(*ddl)) sent.push_back(ddl->done_ts.raw());
  std::ranges::sort(expected);
  std::ranges::sort(sent);
  EXPECT_EQ(sent, expected);
}

// Row 213 of table a was written after MODIFY COLUMN had made column 7 public, before its job was
// done; the raw row has columns 2 and 7 only.
TEST(SchemaRecordings22, RowsInTheMiddleOfAModifyColumnHaveTheNewColumn) {
  Replayed run("22_ddl_under_load");
  ASSERT_TRUE(run.Feed(1).ok());
  const Ts row_ts(470649456486252552);
  TableInfoPtr table;
  for (const PhysicalTable& captured : run.store->CapturedTables(row_ts))
    if (captured.table->name == "a") table = run.store->TableAt(captured.id, row_ts).value();
  ASSERT_NE(table, nullptr);
  EXPECT_TRUE(table->position_by_id.contains(7));
  EXPECT_EQ(table->columns[table->position_by_id.at(7)]->name, "d");
  EXPECT_EQ(table->version, Ts(470649456328966154));
}

INSTANTIATE_TEST_SUITE_P(All, SchemaRecordings, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace cdc
