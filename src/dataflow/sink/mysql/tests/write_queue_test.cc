#include "dataflow/sink/mysql/write_queue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "dataflow/sink/mysql/net_rows.h"
#include "dataflow/sink/mysql/tests/rows_for_test.h"

namespace cdc {
namespace {

std::vector<ConflictKey> KeysOf(const TableInfo& table, std::vector<Datum> image) {
  std::vector<ConflictKey> keys;
  ConflictKeyMaker().AddImage(table, image, &keys);
  return keys;
}

TEST(ConflictKeys, OneForEachUniqueKeyWithoutNulls) {
  const auto table = TableMaker("t")
                         .Int("a")
                         .NullableInt("b")
                         .Int("c")
                         .Primary({0})
                         .Unique({1})
                         .Unique({2})
                         .Done();
  EXPECT_EQ(KeysOf(*table, {Int(1), Int(1), Int(1)}).size(), 3u);
  EXPECT_EQ(KeysOf(*table, {Int(1), Datum::Null(), Int(1)}).size(), 2u);
  // The same number in two keys is not the same value.
  const auto keys = KeysOf(*table, {Int(1), Int(1), Int(1)});
  EXPECT_NE(keys[0].hash, keys[1].hash);
  EXPECT_NE(keys[1].hash, keys[2].hash);
}

TEST(ConflictKeys, TextIsComparedAtLeastAsCoarselyAsItsCollation) {
  const auto bin = TableMaker("t").Text("a").Primary({0}).Done();
  EXPECT_NE(KeysOf(*bin, {Txt("a")}), KeysOf(*bin, {Txt("A")}));
  EXPECT_EQ(KeysOf(*bin, {Txt("a")}), KeysOf(*bin, {Txt("a  ")}));
  const auto ci = TableMaker("t").Text("a", "utf8mb4_general_ci").Primary({0}).Done();
  EXPECT_EQ(KeysOf(*ci, {Txt("Abc")}), KeysOf(*ci, {Txt("aBC ")}));
  EXPECT_NE(KeysOf(*ci, {Txt("abc")}), KeysOf(*ci, {Txt("abd")}));
  EXPECT_FALSE(KeysOf(*ci, {Txt("中文")})[0].whole_index);
  for (const char* text : {"é", "ß", "a\x01", "Ａ", "😀"})
    EXPECT_TRUE(KeysOf(*ci, {Txt(text)})[0].whole_index) << text;
  const auto prefix = TableMaker("t").Text("a").Unique({0}, 2).Done();
  EXPECT_EQ(KeysOf(*prefix, {Txt("éé1")}), KeysOf(*prefix, {Txt("éé2")}));
  EXPECT_NE(KeysOf(*prefix, {Txt("é1")}), KeysOf(*prefix, {Txt("é2")}));
}

TEST(ConflictKeys, TablesWithoutAKeyConflictByWholeRow) {
  const auto table = TableMaker("t").NullableInt("a").NullableInt("b").Done();
  EXPECT_EQ(KeysOf(*table, {Int(1), Datum::Null()}), KeysOf(*table, {Int(1), Datum::Null()}));
  EXPECT_NE(KeysOf(*table, {Int(1), Datum::Null()}), KeysOf(*table, {Int(1), Int(0)}));
}

TEST(ConflictKeys, UniqueKeysOverVirtualColumnsConflictWithTheWholeTable) {
  const auto table = TableMaker("t")
                         .Int("a")
                         .Int("v")
                         .Last([](ColumnInfo& c) { c.generated_expr = "a + 1"; })
                         .Primary({0})
                         .Unique({1})
                         .Done();
  const auto keys = KeysOf(*table, {Int(1)});
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_TRUE(keys[1].whole_index);
}

// Against brute force: a node may run once all nodes before it that conflict with it have finished,
// and not before.
TEST(ConflictGraph, FreesExactlyTheNodesWithoutUnfinishedConflicts) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<ConflictGraph::Node> nodes(40);
    for (ConflictGraph::Node& node : nodes) {
      for (uint64_t n = random() % 3 + 1; n > 0; --n) {
        const uint64_t kind = random() % 6;
        if (kind == 0)
          node.keys.push_back({.hash = 1, .whole_index = true, .index_hash = 1});
        else if (kind == 1)
          node.keys.push_back({.hash = 10 + random() % 4, .index_hash = 1});
        else
          node.keys.push_back({.hash = 100 + random() % 12});
      }
    }
    const auto conflict = [](const ConflictGraph::Node& a, const ConflictGraph::Node& b) {
      for (const ConflictKey& x : a.keys)
        for (const ConflictKey& y : b.keys)
          if (x.hash == y.hash || (x.index_hash != 0 && x.index_hash == y.index_hash &&
                                   (x.whole_index || y.whole_index)))
            return true;
      return false;
    };
    ConflictGraph graph;
    std::set<size_t> unfinished, ready;
    size_t added = 0;
    while (added < nodes.size() || !unfinished.empty()) {
      if (added < nodes.size() && (ready.empty() || random() % 2 == 0)) {
        unfinished.insert(added);
        if (graph.Add(&nodes[added])) ready.insert(added);
        ++added;
      } else {
        const auto at = std::next(ready.begin(), static_cast<long>(random() % ready.size()));
        const size_t node = *at;
        ready.erase(at);
        unfinished.erase(node);
        std::vector<ConflictGraph::Node*> freed;
        graph.Finish(&nodes[node], &freed);
        for (const ConflictGraph::Node* f : freed) ready.insert(static_cast<size_t>(f - &nodes[0]));
      }
      for (const size_t node : unfinished) {
        const bool blocked = std::ranges::any_of(unfinished, [&](size_t before) {
          return before < node && conflict(nodes[before], nodes[node]);
        });
        // A chain a-b-c with a and c in conflict through b only blocks c by b: same result.
        ASSERT_EQ(!blocked, ready.contains(node)) << "seed " << seed << " node " << node;
      }
    }
    EXPECT_TRUE(graph.empty());
  }
}

// A table in memory with a primary key (column 0) and two unique keys (columns 1 and 2) that
// objects like a database.
class TableModel {
 public:
  using Image = std::array<int64_t, 4>;
  static Image Of(std::span<const Datum> image) {
    return {image[0].as_int(), image[1].as_int(), image[2].as_int(), image[3].as_int()};
  }
  bool Delete(std::span<const Datum> image) { return rows_.erase(image[0].as_int()) == 1; }
  bool Insert(std::span<const Datum> image) {
    const Image row = Of(image);
    for (const auto& [key, other] : rows_)
      if (other[0] == row[0] || other[1] == row[1] || other[2] == row[2]) return false;
    rows_[row[0]] = row;
    return true;
  }
  bool Update(std::span<const Datum> image) {
    const Image row = Of(image);
    if (!rows_.contains(row[0])) return false;
    for (const auto& [key, other] : rows_)
      if (key != row[0] && (other[1] == row[1] || other[2] == row[2])) return false;
    rows_[row[0]] = row;
    return true;
  }
  const std::map<int64_t, Image>& rows() const { return rows_; }

 private:
  std::map<int64_t, Image> rows_;
};

// Applies what the statement builder would write in plain mode; false if a statement would fail or
// miss its row.
bool ApplyPlain(NetRows& net, TableModel* model) {
  net.SplitConflicts();
  for (const NetRow& row : net.rows()) {
    if (row.is_delete() && !row.existed)
      model->Delete(row.before);
    else if ((row.is_delete() || row.split) && !model->Delete(row.before))
      return false;
  }
  for (const NetRow& row : net.rows())
    if (row.is_update() && !row.split && !model->Update(row.after)) return false;
  for (const NetRow& row : net.rows())
    if ((row.is_insert() || (row.is_update() && row.split)) && !model->Insert(row.after))
      return false;
  return true;
}

// Random transactions over few values, so that rows swap keys all the time; written by several
// threads at once. No statement may fail, and the end must be the upstream's.
TEST(WriteQueue, ConcurrentWritersNeverBreakAKeyAndEndInTheSameState) {
  const auto table = TableMaker("t")
                         .Int("id")
                         .Int("u")
                         .Int("w")
                         .Int("v")
                         .Primary({0})
                         .Unique({1})
                         .Unique({2})
                         .Done();
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    RowMaker rows(table);
    TableModel upstream, downstream;
    MetricsRegistry registry;
    MySqlSinkMetrics metrics(registry, "test");
    std::atomic<int> acknowledged{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    int batches = 0;
    {
      WriteQueue queue({.rows_max = 8, .workers = 4}, SystemClock(), metrics);
      std::stop_source stop;
      const auto work = [&] {
        NetRows net;
        while (true) {
          const auto tasks = queue.Take(stop.get_token());
          if (tasks.empty()) return;
          net.Clear();
          for (const WriteTask* task : tasks)
            for (const auto& segment : task->segments)
              for (size_t i = segment.begin; i < segment.end; ++i)
                net.Add(segment.batch->rows().rows[i]);
          {
            std::lock_guard lock(mutex);
            if (!ApplyPlain(net, &downstream)) failed = true;
          }
          queue.Finish(tasks, Status::Ok());
        }
      };
      std::vector<std::jthread> workers;
      for (int i = 0; i < 4; ++i) workers.emplace_back(work);
      uint64_t ts = 1;
      for (int i = 0; i < 100; ++i) {
        std::vector<RowChange> changes;
        for (uint64_t txns = random() % 3 + 1; txns > 0; --txns, ++ts) {
          // A new state for some ids at once: valid as a whole, whatever the way there.
          TableModel next = upstream;
          std::vector<std::pair<int64_t, std::vector<Datum>>> images;
          std::set<int64_t> ids;
          while (ids.size() < random() % 4 + 1) ids.insert(static_cast<int64_t>(random() % 8));
          for (const int64_t id : ids) next.Delete(std::vector{Int(id)});
          for (const int64_t id : ids) {
            if (random() % 4 == 0) continue;
            std::vector<Datum> image = {Int(id), Int(static_cast<int64_t>(random() % 10)),
                                        Int(static_cast<int64_t>(random() % 10)),
                                        Int(static_cast<int64_t>(ts))};
            if (next.Insert(image)) images.emplace_back(id, image);
          }
          for (const int64_t id : ids) {
            const auto old = upstream.rows().find(id);
            const auto now = std::ranges::find(images, id, [](const auto& p) { return p.first; });
            std::vector<Datum> before;
            if (old != upstream.rows().end())
              for (const int64_t v : old->second) before.push_back(Int(v));
            if (now != images.end() && !before.empty())
              changes.push_back(rows.Update(before, now->second, ts));
            else if (now != images.end())
              changes.push_back(rows.Insert(now->second, ts));
            else if (!before.empty())
              changes.push_back(rows.Delete(before, ts));
          }
          upstream = next;
        }
        ++batches;
        queue.Add(BatchOf(table, std::move(changes)), [&](const Status& status) {
          EXPECT_TRUE(status.ok());
          ++acknowledged;
        });
      }
      while (acknowledged < batches) std::this_thread::yield();
      stop.request_stop();
    }
    EXPECT_FALSE(failed) << "seed " << seed;
    EXPECT_EQ(downstream.rows(), upstream.rows()) << "seed " << seed;
  }
}

class WriteQueueTest : public ::testing::Test {
 protected:
  TableInfoPtr table_ = TableMaker("t").Int("id").Int("v").Primary({0}).Done();
  RowMaker rows_{table_};
  MetricsRegistry registry_;
  MySqlSinkMetrics metrics_{registry_, "test"};
  std::vector<Status> done_;

  void Add(WriteQueue& queue, std::vector<RowChange> rows, bool open = false) {
    auto batch = BatchOf(table_, std::move(rows));
    batch->txn_open = open;
    queue.Add(std::move(batch), [this](Status status) { done_.push_back(std::move(status)); });
  }
  static size_t RowsOf(const std::vector<WriteTask*>& tasks) {
    size_t rows = 0;
    for (const WriteTask* task : tasks) rows += task->rows;
    return rows;
  }
};

TEST_F(WriteQueueTest, VersionsOfAHotRowTravelTogether) {
  WriteQueue queue({.rows_max = 10}, SystemClock(), metrics_);
  for (int i = 0; i < 15; ++i)
    Add(queue,
        {rows_.Update({Int(1), Int(i)}, {Int(1), Int(i + 1)}, static_cast<uint64_t>(i + 1))});
  const auto first = queue.Take({});
  EXPECT_EQ(RowsOf(first), 10u);
  queue.Finish(first, Status::Ok());
  EXPECT_EQ(done_.size(), 10u);
  const auto second = queue.Take({});
  EXPECT_EQ(RowsOf(second), 5u);
  queue.Finish(second, Status::Ok());
  EXPECT_EQ(done_.size(), 15u);
}

TEST_F(WriteQueueTest, ALargeTransactionIsCutUnlessItMustBeWhole) {
  std::vector<RowChange> insert;
  for (int i = 0; i < 25; ++i) insert.push_back(rows_.Insert({Int(i), Int(0)}, 7));
  {
    WriteQueue queue({.rows_max = 10}, SystemClock(), metrics_);
    Add(queue, insert);
    EXPECT_EQ(RowsOf(queue.Take({})), 10u);
  }
  WriteQueue queue({.rows_max = 10, .whole_transactions = true}, SystemClock(), metrics_);
  Add(queue, {insert.begin(), insert.begin() + 12}, true);
  Add(queue, {insert.begin() + 12, insert.end()});
  const auto whole = queue.Take({});
  EXPECT_EQ(RowsOf(whole), 25u);
  done_.clear();
  queue.Finish(whole, Status::Ok());
  EXPECT_EQ(done_.size(), 2u);
}

TEST_F(WriteQueueTest, AnErrorEndsEverythingBehindIt) {
  WriteQueue queue({.rows_max = 1}, SystemClock(), metrics_);
  Add(queue, {rows_.Insert({Int(1), Int(0)}, 1)});
  const auto tasks = queue.Take({});
  Add(queue, {rows_.Insert({Int(2), Int(0)}, 2)});
  queue.Finish(tasks, Status(Code::kMySqlTxn, "no"));
  std::stop_source stop;
  // The last batch is empty, so that it is the last to be looked at.
  queue.Add(BatchOf(table_, {}), [&](Status status) {
    done_.push_back(std::move(status));
    stop.request_stop();
  });
  EXPECT_TRUE(queue.Take(stop.get_token()).empty());
  ASSERT_EQ(done_.size(), 3u);
  for (const Status& status : done_) EXPECT_EQ(status.code(), Code::kMySqlTxn);
}

TEST_F(WriteQueueTest, WhatIsLeftAtTheEndIsReportedAsStopped) {
  {
    WriteQueue queue({.rows_max = 1}, SystemClock(), metrics_);
    Add(queue, {rows_.Insert({Int(1), Int(0)}, 1), rows_.Insert({Int(2), Int(0)}, 2)});
    const auto tasks = queue.Take({});
    queue.Finish(tasks, Status::Ok());
    EXPECT_TRUE(done_.empty());  // half of the batch is not all of it
  }
  ASSERT_EQ(done_.size(), 1u);
  EXPECT_EQ(done_[0].code(), Code::kStopped);
}

}  // namespace
}  // namespace cdc
