#include "model/table_info.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "model/kv_event.h"

namespace cdc {
namespace {

ColumnInfo Column(int64_t id, std::string name, uint64_t flags = 0) {
  ColumnInfo column{.id = id, .name = std::move(name)};
  column.type.type = MysqlType::kLonglong;
  column.type.flags = flags;
  return column;
}

TEST(TableInfo, RowsFollowPublicStoredVisibleColumns) {
  TableInfo table;
  table.all_columns = {Column(1, "a"), Column(2, "virtual"), Column(3, "b"), Column(4, "adding")};
  table.all_columns[1].generated_expr = "`a` + 1";
  table.all_columns[3].state = SchemaState::kWriteOnly;
  table.Finish();
  ASSERT_EQ(table.columns.size(), 2u);
  EXPECT_EQ(table.FindColumn("B"), 1);
  EXPECT_EQ(table.position_by_id.at(3), 1);
  EXPECT_FALSE(table.eligible());
}

TEST(TableInfo, HandleKeyIsThePrimaryKeyElseANotNullUniqueKey) {
  TableInfo table;
  table.all_columns = {Column(1, "a"), Column(2, "b", column_flag::kNotNull),
                       Column(3, "c", column_flag::kNotNull)};
  table.indexes = {{.id = 1, .name = "ua", .columns = {{.name = "a", .offset = 0}}, .unique = true},
                   {.id = 2,
                    .name = "ubc",
                    .columns = {{.name = "b", .offset = 1}, {.name = "c", .offset = 2}},
                    .unique = true}};
  table.Finish();
  EXPECT_EQ(table.handle_key, (std::vector<int>{1, 2}));
  ASSERT_EQ(table.unique_keys.size(), 2u);
  EXPECT_TRUE(table.unique_keys[0].nullable);
}

TEST(KvEvent, RecordRangeIsTheTablesRecordPrefix) {
  const KeyRange range = RecordRange(TableId{1});
  EXPECT_EQ(ToHex(range.start),
            "748000000000000001"
            "5f72");
  EXPECT_EQ(ToHex(range.end),
            "748000000000000001"
            "5f73");
}

}  // namespace
}  // namespace cdc
