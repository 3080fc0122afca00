#include "dataflow/mounter/mounter.h"

#include <gtest/gtest.h>

#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/tests/fake_schema.h"
#include "dataflow/mounter/tests/row_builder.h"
#include "model/value_text.h"

namespace cdc {
namespace {

using enum MysqlType;
constexpr TableId kTable{9};

std::string Row(std::string_view text) { return RowV2Bytes({{2, std::string(text)}}); }

// Events in a notation: Put(5, 9, 1, "old", "new") is a change of the row with handle 1 from start
// ts 5 to commit ts 9; "" is no row.
class MounterTest : public testing::Test {
 protected:
  MounterTest() {
    schema_.Add(kTable, Ts(1), Version("v", 1));
    mounter_ = *Mounter::Create(kTable, schema_, filter_, "UTC");
  }

  // (id, <name>) with the virtual column `w` and, from version 2 on, a column added with a default.
  static TableInfoPtr Version(std::string name, int version) {
    std::vector<ColumnInfo> columns = {
        MakeColumn(1, "id", kLong, column_flag::kPriKey | column_flag::kNotNull),
        MakeColumn(2, std::move(name), kVarchar), MakeColumn(3, "w", kVarchar)};
    columns[2].generated_expr = "upper(v)";
    if (version > 1) {
      columns.push_back(MakeColumn(4, "added", kLong));
      columns.back().origin_default = Datum::Int(7);
    }
    auto table = MakeTable(kTable, std::move(columns));
    table->Finish();
    return table;
  }

  void Change(uint64_t start, uint64_t commit, int64_t handle, const std::string& before,
              const std::string& after) {
    const auto bytes = std::make_shared<std::array<std::string, 3>>(
        std::array{RecordKeyOf(kTable, handle), after, before});
    events_.push_back({.op = after.empty() ? KvOp::kDelete : KvOp::kPut,
                       .start_ts = Ts(start),
                       .commit_ts = Ts(commit),
                       .key = (*bytes)[0],
                       .value = (*bytes)[1],
                       .old_value = (*bytes)[2],
                       .owner = bytes});
  }

  static void AppendValues(std::span<const Datum> values, const TableInfo& table,
                           std::string* text) {
    text->push_back('(');
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text->push_back(',');
      AppendText(values[i], table.columns[i]->type, text);
    }
    text->push_back(')');
  }

  // "@9 (1,old)->(1,new)" for each row.
  std::string Mounted() {
    auto batch = mounter_->Mount(std::exchange(events_, {}));
    if (!batch) return batch.error().ToString();
    batch_ = *std::move(batch);
    std::string text;
    for (const RowChange& row : batch_.rows) {
      if (!text.empty()) text += ' ';
      text += fmt::format("@{} ", row.commit_ts);
      if (!row.is_insert()) AppendValues(row.before, *row.table, &text);
      text += "->";
      if (!row.is_delete()) AppendValues(row.after, *row.table, &text);
    }
    return text;
  }

  FakeSchema schema_;
  FakeFilter filter_;
  std::unique_ptr<Mounter> mounter_;
  std::vector<KvEvent> events_;
  RowBatch batch_;
};

TEST_F(MounterTest, MakesInsertsUpdatesAndDeletes) {
  Change(4, 5, 1, "", Row("a"));
  Change(6, 7, 1, Row("a"), Row("b"));
  Change(8, 9, 1, Row("b"), "");
  EXPECT_EQ(Mounted(), "@5 ->(1,a) @7 (1,a)->(1,b) @9 (1,b)->");
  ASSERT_EQ(batch_.rows.size(), 3u);
  EXPECT_EQ(batch_.rows[0].physical_id, kTable);
  EXPECT_EQ(batch_.rows[0].start_ts, Ts(4));
  EXPECT_EQ(batch_.tables.size(), 1u);
  EXPECT_EQ(batch_.bytes, batch_.rows[0].bytes + batch_.rows[1].bytes + batch_.rows[2].bytes);
}

TEST_F(MounterTest, RowsOutliveTheCallersEvents) {
  Change(4, 5, 1, "", Row(std::string(1000, 'x')));
  Mounted();
  const RowBatch moved = std::move(batch_);
  EXPECT_EQ(moved.rows[0].after[1].as_view(), std::string(1000, 'x'));
}

TEST_F(MounterTest, LeavesOutWhatChangesNothing) {
  Change(4, 5, 1, Row("a"), Row("a"));
  Change(4, 5, 2, "", "");  // inserted and deleted in one transaction
  // Only a column changed that is not replicated.
  Change(4, 5, 3, RowV2Bytes({{2, "a"}}), RowV2Bytes({{2, "a"}, {3, "A"}}));
  EXPECT_EQ(Mounted(), "");
}

TEST_F(MounterTest, SkipsIndexKeysAndIgnoredTransactions) {
  Change(4, 5, 1, "", Row("a"));
  std::string index = RecordKeyOf(kTable, 1);
  index[10] = 'i';
  events_[0].key = index;
  Change(6, 7, 1, "", Row("b"));
  Change(8, 9, 1, "", Row("c"));
  filter_.ignored = {Ts(6)};
  EXPECT_EQ(Mounted(), "@9 ->(1,c)");
}

TEST_F(MounterTest, EachRowIsDecodedByTheVersionBeforeItsCommit) {
  schema_.Add(kTable, Ts(10), Version("v", 2));
  Change(4, 5, 1, "", Row("a"));
  Change(8, 10, 1, Row("a"), Row("b"));  // at the DDL's ts: still before it
  Change(11, 12, 1, Row("b"), Row("c"));
  EXPECT_EQ(Mounted(), "@5 ->(1,a) @10 (1,a)->(1,b) @12 (1,b,7)->(1,c,7)");
  EXPECT_EQ(batch_.tables.size(), 2u);
  EXPECT_NE(batch_.rows[0].table, batch_.rows[2].table);
}

TEST_F(MounterTest, ABatchOfOneVersionNeedsTwoLookups) {
  for (uint64_t i = 0; i < 100; ++i) Change(2 * i + 2, 2 * i + 3, 1, "", Row("a"));
  Mounted();
  EXPECT_LE(schema_.lookups, 2);
}

TEST_F(MounterTest, RowsOfADroppedTableAreLeftOut) {
  schema_.End(kTable, Ts(6));
  Change(4, 5, 1, "", Row("a"));
  Change(4, 9, 2, "", Row("b"));
  EXPECT_EQ(Mounted(), "@5 ->(1,a)");
}

TEST_F(MounterTest, AnUnknownTableIsAnError) {
  mounter_ = *Mounter::Create(TableId{77}, schema_, filter_, "UTC");
  Change(4, 5, 1, "", Row("a"));
  EXPECT_TRUE(Mounted().starts_with("[CDC:ErrSchemaStorageTableMiss]"));
}

TEST_F(MounterTest, WaitsForASchemaThatIsNotKnownYet) {
  schema_.FailNext(Code::kSchemaUnresolved);
  Change(4, 5, 1, "", Row("a"));
  EXPECT_TRUE(Mounted().starts_with("[CDC:ErrSchemaStorageUnresolved]"));
  Change(4, 5, 1, "", Row("a"));
  EXPECT_EQ(Mounted(), "@5 ->(1,a)");
}

TEST_F(MounterTest, RefusesKeysOfOtherTablesAndBrokenRows) {
  Change(4, 5, 1, "", Row("a"));
  const std::string other = RecordKeyOf(TableId{10}, 1);
  events_[0].key = other;
  EXPECT_TRUE(Mounted().starts_with("[CDC:ErrInvalidRecordKey]"));
  Change(4, 5, 1, "", "\x80");
  EXPECT_TRUE(Mounted().starts_with("[CDC:ErrDecodeRowToDatum]"));
}

TEST_F(MounterTest, ARowThatFailsItsChecksumFailsOrIsReportedAsAsked) {
  std::string row = Row("a");
  row[1] |= 2;  // there is a checksum
  row += std::string("\1\0\0\0\0", 5);
  mounter_ = *Mounter::Create(kTable, schema_, filter_, "UTC", RowIntegrity::kFail);
  Change(4, 5, 1, "", row);
  EXPECT_TRUE(Mounted().starts_with("[CDC:ErrCorruptedDataMutation]"));
  mounter_ = *Mounter::Create(kTable, schema_, filter_, "UTC", RowIntegrity::kWarn);
  Change(4, 5, 1, "", row);
  EXPECT_EQ(Mounted(), "@5 ->(1,a)");
}

TEST_F(MounterTest, RowsCarryTheChecksumOfTheirColumns) {
  // Version 0: over the columns. That of (1, a) is 3577210745.
  const auto with = [](std::string row, uint32_t checksum) {
    row[1] |= 2;
    row += '\0';
    row.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
    return row;
  };
  mounter_ = *Mounter::Create(kTable, schema_, filter_, "UTC", RowIntegrity::kWarn);
  const std::string right = with(Row("a"), 3577210745);
  Change(4, 5, 1, "", right);
  Change(4, 5, 1, right, with(Row("b"), 77));
  Change(4, 5, 1, with(Row("b"), 77), "");
  Change(4, 5, 1, "", Row("a"));
  Mounted();
  ASSERT_EQ(batch_.rows.size(), 4u);
  EXPECT_EQ(batch_.rows[0].checksum.after, 3577210745u);
  EXPECT_EQ(batch_.rows[0].checksum.before, 0u);
  EXPECT_FALSE(batch_.rows[0].checksum.corrupted);
  EXPECT_EQ(batch_.rows[1].checksum.before, 3577210745u);
  EXPECT_EQ(batch_.rows[1].checksum.after, 77u) << "what is stored: it does not match";
  EXPECT_TRUE(batch_.rows[1].checksum.corrupted);
  EXPECT_FALSE(batch_.rows[2].checksum.corrupted)
      << "an old row may have been written with other columns";
  EXPECT_TRUE(batch_.rows[2].checksum.exists());
  EXPECT_FALSE(batch_.rows[3].checksum.exists());
}

TEST_F(MounterTest, ReadsItsConfiguration) {
  EXPECT_EQ(RowIntegrityOf({}), RowIntegrity::kUnchecked);
  EXPECT_EQ(RowIntegrityOf({.check_level = "correctness"}), RowIntegrity::kWarn);
  EXPECT_EQ(RowIntegrityOf({.check_level = "correctness", .corruption_handle_level = "error"}),
            RowIntegrity::kFail);
}

TEST_F(MounterTest, RefusesAnUnknownTimeZone) {
  EXPECT_EQ(Mounter::Create(kTable, schema_, filter_, "No/Where").error().code(),
            Code::kLoadTimezone);
}

}  // namespace
}  // namespace cdc
