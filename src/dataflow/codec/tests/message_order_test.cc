#include "dataflow/codec/message_order.h"

#include <gtest/gtest.h>

#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

std::shared_ptr<TableInfo> TableWithUniqueKey() {
  auto table = std::make_shared<TableInfo>();
  const auto columns = MakeTable({{"id", MysqlType::kLong, kTestPrimaryKey},
                                  {"u", MysqlType::kLong},
                                  {"v", MysqlType::kLong}});
  table->id = columns->id;
  table->all_columns = columns->all_columns;
  table->pk_is_handle = true;
  table->indexes.push_back({.id = 1, .columns = {{.name = "u", .offset = 1}}, .unique = true});
  table->Finish();
  return table;
}

// "+1" inserts, "-1" deletes, "=1" updates the row with that id (of the new one, if there is).
std::string Arrange(std::vector<const TestRow*> rows, bool split_key_updates = true) {
  std::vector<RowChange> changes;
  for (const TestRow* row : rows) changes.push_back(*row);
  std::vector<RowChange> split;
  MessageOrder(split_key_updates).Arrange(changes, &split);
  std::string text;
  for (const RowChange& row : split) {
    text += row.is_insert() ? '+' : row.is_delete() ? '-' : '=';
    text += std::to_string((row.is_delete() ? row.before : row.after)[0].as_int());
  }
  return text;
}

std::vector<Datum> Ints(int64_t id, int64_t u, int64_t v) {
  return {Datum::Int(id), Datum::Int(u), Datum::Int(v)};
}

TEST(MessageOrder, KeepsUpdatesThatChangeNoKey) {
  const auto table = TableWithUniqueKey();
  const TestRow insert(table, {}, Ints(1, 1, 1));
  const TestRow update(table, Ints(1, 1, 1), Ints(1, 1, 2));
  const TestRow remove(table, Ints(1, 1, 2), {});
  EXPECT_EQ(Arrange({&insert, &update, &remove}), "-1=1+1");
}

TEST(MessageOrder, DeletesAllBeforeItInsertsWithinATransaction) {
  const auto table = TableWithUniqueKey();
  const TestRow swap1(table, Ints(1, 10, 0), Ints(1, 20, 0));
  const TestRow swap2(table, Ints(2, 20, 0), Ints(2, 10, 0));
  const TestRow update(table, Ints(3, 3, 3), Ints(3, 3, 4));
  TestRow later(table, {}, Ints(4, 4, 4));
  later.commit_ts = Ts(later.commit_ts.raw() + 1);
  EXPECT_EQ(Arrange({&swap1, &swap2, &update, &later}), "-1-2=3+1+2+4");
}

TEST(MessageOrder, PutsDeletesBeforeUpdatesBeforeInserts) {
  const auto table = TableWithUniqueKey();
  const TestRow insert(table, {}, Ints(1, 1, 1));
  const TestRow update(table, Ints(2, 2, 2), Ints(2, 2, 3));
  const TestRow remove(table, Ints(3, 1, 2), {});
  EXPECT_EQ(Arrange({&insert, &update, &remove}), "-3=2+1");
}

TEST(MessageOrder, KeepsUpdatesWholeIfAskedTo) {
  const auto table = TableWithUniqueKey();
  const TestRow move(table, Ints(1, 1, 1), Ints(1, 2, 1));
  EXPECT_EQ(Arrange({&move}, false), "=1");
}

TEST(MessageOrder, SplitsChangesOfTheRecordKey) {
  const auto table = TableWithUniqueKey();
  const TestRow move(table, Ints(1, 1, 1), Ints(2, 1, 1));
  EXPECT_EQ(Arrange({&move}), "-1+2");
}

}  // namespace
}  // namespace cdc
