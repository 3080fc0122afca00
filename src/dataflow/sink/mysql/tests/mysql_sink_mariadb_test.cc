// The sink against a real MariaDB.
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/sink/mysql/mysql_sink.h"
#include "dataflow/sink/mysql/tests/mariadb_server.h"
#include "dataflow/sink/mysql/tests/rows_for_test.h"
#include "dataflow/sink/sink.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

using ::testing::HasSubstr;

MariaDbServer& Server() {
  static MariaDbServer server;
  return server;
}

class MariaDbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    admin_ = Server().Connect();
    Run("DROP DATABASE IF EXISTS db; CREATE DATABASE db CHARACTER SET utf8mb4; USE db");
  }

  void Run(const std::string& sql) {
    const auto done = admin_->Execute(sql);
    ASSERT_TRUE(done) << done.error().ToString() << " in " << sql;
  }
  // Rows as "a|b" lines.
  std::string Query(const std::string& sql) {
    const auto rows = admin_->Query(sql);
    if (!rows) return rows.error().ToString();
    std::string out;
    for (const auto& row : *rows) {
      for (size_t i = 0; i < row.size(); ++i) out += (i ? "|" : "") + row[i].value_or("NULL");
      out += "\n";
    }
    return out;
  }

  std::unique_ptr<Sink> Open(const std::string& query = "", Ts replay_until = {}) {
    const auto uri =
        Uri::Parse(fmt::format("mysql://root@127.0.0.1:{}/{}", Server().port(), query)).value();
    auto sink = OpenSink(uri, {.changefeed = "test",
                               .time_zone = "UTC",
                               .config = &config_,
                               .clock = &SystemClock(),
                               .replay_until = replay_until,
                               .may_write = [this] { return MayWrite(); }});
    EXPECT_TRUE(sink) << sink.error().ToString();
    return *std::move(sink);
  }

  // Writes and waits until it is acknowledged.
  static Status Write(Sink& sink, std::shared_ptr<const RowBatch> batch) {
    std::promise<Status> done;
    sink.Write(std::move(batch), [&done](Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }

  TableInfoPtr Accounts() {
    Run("CREATE TABLE db.a (id BIGINT PRIMARY KEY, u BIGINT NOT NULL, v BIGINT, UNIQUE KEY (u))");
    return TableMaker("a").Int("id").Int("u").NullableInt("v").Primary({0}).Unique({1}).Done();
  }

  // Stands still on the `stand_still_at_`-th call, having found that the lease holds, until the
  // server has ended the session; the lease has lapsed by then.
  bool MayWrite() {
    if (stand_still_at_ == 0 || --stand_still_at_ > 0) return may_write_;
    const SteadyTime deadline = SystemClock().Now() + 30s;
    while (Query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root' AND id "
                 "<> CONNECTION_ID()") != "0\n" &&
           SystemClock().Now() < deadline)
      SystemClock().SleepFor(10ms, {});
    may_write_ = false;
    return true;
  }

  ReplicaConfig config_;
  std::atomic<bool> may_write_{true};
  int stand_still_at_ = 0;  // 0: never; the writer's thread's, between writes
  std::unique_ptr<Connection> admin_;
};

TEST_F(MariaDbTest, EveryKindOfValueArrivesExactly) {
  Run("CREATE TABLE k (id BIGINT PRIMARY KEY, u BIGINT UNSIGNED, d DOUBLE, f FLOAT, "
      "s VARCHAR(50) CHARACTER SET gbk, b VARBINARY(50), t TIME(3), dt DATETIME(6), "
      "ts TIMESTAMP(3) NULL, da DATE, e ENUM('x','y'), st SET('p','q','r'), bi BIT(9), y YEAR)");
  TableMaker maker("k");
  maker.Int("id")
      .Column("u", MysqlType::kLonglong, column_flag::kUnsigned)
      .Column("d", MysqlType::kDouble)
      .Column("f", MysqlType::kFloat)
      .Column("s", MysqlType::kVarchar, 0, "gbk", "gbk_bin")
      .Column("b", MysqlType::kVarchar)
      .Column("t", MysqlType::kDuration)
      .Last([](ColumnInfo& c) { c.type.decimal = 3; })
      .Column("dt", MysqlType::kDatetime)
      .Last([](ColumnInfo& c) { c.type.decimal = 6; })
      .Column("ts", MysqlType::kTimestamp)
      .Last([](ColumnInfo& c) { c.type.decimal = 3; })
      .Column("da", MysqlType::kDate)
      .Column("e", MysqlType::kEnum, 0, "utf8mb4", "utf8mb4_bin")
      .Column("st", MysqlType::kSet, 0, "utf8mb4", "utf8mb4_bin")
      .Column("bi", MysqlType::kBit)
      .Column("y", MysqlType::kYear)
      .Primary({0});
  const auto table = maker.Done();
  RowMaker rows(table);
  const auto row = [&](int64_t id, uint64_t e) {
    return std::vector<Datum>{Int(id),
                              Datum::Uint(UINT64_MAX),
                              Datum::Double(5e-324),
                              Datum::Double(1.1f, Datum::Kind::kFloat),
                              Txt("it's \\ 中文"),
                              Txt(std::string_view("\0\xff'\\", 4)),
                              Datum::DurationNs(-3'600'500'000'000),
                              Datum::Time(PackTime({2024, 2, 31, 23, 59, 59, 123456})),
                              Datum::Time(PackTime({2001, 2, 3, 4, 5, 6, 789000})),
                              Datum::Time(0),
                              Datum::Number(Datum::Kind::kEnum, e),
                              Datum::Number(Datum::Kind::kSet, 5),
                              Datum::Number(Datum::Kind::kBit, 0x1ff),
                              Int(0)};
  };
  auto sink = Open();
  const Status status =
      Write(*sink, BatchOf(table, {rows.Insert(row(1, 2)), rows.Insert(row(2, 0))}));
  ASSERT_TRUE(status.ok()) << status.ToString();
  const std::string common =
      "|18446744073709551615|5e-324|1.1|it's \\ 中文|00FF275C|-01:00:00.500|"
      "2024-02-31 23:59:59.123456|2001-02-03 04:05:06.789|0000-00-00|";
  EXPECT_EQ(Query("SELECT id,u,d,f,s,HEX(b),t,dt,ts,da,e,st,bi+0,y FROM k ORDER BY id"),
            "1" + common + "y|p,r|511|0000\n2" + common + "|p,r|511|0000\n");
  // The lenient session was for that transaction only.
  auto many = rows.Update(row(1, 2), row(1, 1), 2);
  EXPECT_TRUE(Write(*sink, BatchOf(table, {many})).ok());
  EXPECT_EQ(Query("SELECT e FROM k WHERE id=1"), "x\n");
}

TEST_F(MariaDbTest, ANodeThatStoodStillBeforeItsStatementWritesNothing) {
  const auto table = Accounts();
  RowMaker rows(table);
  auto sink = Open("?worker-count=1");
  ASSERT_TRUE(Write(*sink, BatchOf(table, {rows.Insert({Int(1), Int(1), Int(1)})})).ok());
  stand_still_at_ = 2;  // the last check before the statement
  const Status status = Write(*sink, BatchOf(table, {rows.Insert({Int(2), Int(2), Int(2)})}));
  EXPECT_EQ(status.code(), Code::kLeaseExpired) << status.ToString();
  EXPECT_EQ(Query("SELECT id FROM db.a"), "1\n");
}

// UPDATE t SET on_update = on_update, v = 2 upstream: the time stays what it was.
TEST_F(MariaDbTest, AnUpdateLeavesNoColumnToTheServer) {
  Run("CREATE TABLE o (id BIGINT PRIMARY KEY, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON "
      "UPDATE CURRENT_TIMESTAMP, v BIGINT)");
  const auto table =
      TableMaker("o").Int("id").Column("at", MysqlType::kTimestamp).Int("v").Primary({0}).Done();
  RowMaker rows(table);
  const auto row = [](int64_t id, int64_t v) {
    return std::vector<Datum>{Int(id), Datum::Time(PackTime({2001, 2, 3, 4, 5, 6, 0})), Int(v)};
  };
  auto sink = Open();
  ASSERT_TRUE(Write(*sink, BatchOf(table, {rows.Insert(row(1, 1)), rows.Insert(row(2, 1)),
                                           rows.Insert(row(3, 1))}))
                  .ok());
  ASSERT_TRUE(Write(*sink, BatchOf(table, {rows.Update(row(1, 1), row(1, 2), 2)})).ok());
  ASSERT_TRUE(Write(*sink, BatchOf(table, {rows.Update(row(2, 1), row(2, 2), 3),
                                           rows.Update(row(3, 1), row(3, 2), 3)}))
                  .ok());
  EXPECT_EQ(Query("SELECT DISTINCT at, v FROM o"), "2001-02-03 04:05:06|2\n");
}

TEST_F(MariaDbTest, ReplayFromAnyPointEndsInTheSameState) {
  const auto table = Accounts();
  RowMaker rows(table);
  const std::vector<std::vector<RowChange>> history = {
      {rows.Insert({Int(1), Int(10), Int(0)}, 1), rows.Insert({Int(2), Int(20), Int(0)}, 1)},
      {rows.Update({Int(1), Int(10), Int(0)}, {Int(1), Int(20), Int(1)}, 2),
       rows.Update({Int(2), Int(20), Int(0)}, {Int(2), Int(10), Int(1)}, 2)},
      {rows.Delete({Int(1), Int(20), Int(1)}, 3), rows.Insert({Int(3), Int(20), Int(5)}, 3)},
      {rows.Update({Int(3), Int(20), Int(5)}, {Int(4), Int(20), Int(6)}, 4)},
      {rows.Insert({Int(1), Int(30), Datum::Null()}, 5)},
  };
  const std::string expected = "1|30|NULL\n2|10|1\n4|20|6\n";
  for (const char* query :
       {"", "?safe-mode=true", "?batch-dml-enable=false", "?multi-stmt-enable=false",
        "?transaction-atomicity=table", "?max-txn-row=1"}) {
    for (const Ts replay_until : {Ts(), Ts(3), Ts(9)}) {
      Run("DELETE FROM db.a");
      for (size_t from = 0; from <= history.size(); ++from) {
        auto sink = Open(query, replay_until);
        for (size_t i = from == history.size() ? 0 : from; i < history.size(); ++i) {
          if (from > 0 && i > 0 && Query("SELECT COUNT(*) FROM a") == "0\n") break;
          const Status status = Write(*sink, BatchOf(table, history[i]));
          ASSERT_TRUE(status.ok()) << query << status.ToString();
        }
        EXPECT_EQ(Query("SELECT * FROM a ORDER BY id"), expected) << query << " from " << from;
      }
    }
  }
}

TEST_F(MariaDbTest, RowsThatTheDownstreamLostAreWrittenAgain) {
  const auto table = Accounts();
  RowMaker rows(table);
  Run("INSERT INTO a VALUES (9, 90, 0)");
  auto sink = Open();
  EXPECT_TRUE(
      Write(*sink,
            BatchOf(table, {rows.Update({Int(1), Int(1), Int(0)}, {Int(1), Int(1), Int(5)}, 1),
                            rows.Update({Int(9), Int(90), Int(0)}, {Int(9), Int(90), Int(6)}, 1)}))
          .ok());
  EXPECT_EQ(Query("SELECT * FROM a ORDER BY id"), "1|1|5\n9|90|6\n");
}

TEST_F(MariaDbTest, RowsWithoutAKeyAreToldApartByAllTheyHold) {
  Run("CREATE TABLE n (a INT, f FLOAT, s VARCHAR(9) COLLATE utf8mb4_general_ci)");
  const auto table = TableMaker("n")
                         .NullableInt("a")
                         .Column("f", MysqlType::kFloat)
                         .Column("s", MysqlType::kVarchar, 0, "utf8mb4", "utf8mb4_general_ci")
                         .Done();
  RowMaker rows(table);
  const Datum f = Datum::Double(1.1f, Datum::Kind::kFloat);
  auto sink = Open();
  EXPECT_TRUE(Write(*sink, BatchOf(table, {rows.Insert({Datum::Null(), f, Txt("A")}, 1),
                                           rows.Insert({Datum::Null(), f, Txt("a")}, 1),
                                           rows.Insert({Datum::Null(), f, Txt("a")}, 1)}))
                  .ok());
  EXPECT_TRUE(Write(*sink, BatchOf(table, {rows.Delete({Datum::Null(), f, Txt("a")}, 2),
                                           rows.Update({Datum::Null(), f, Txt("a")},
                                                       {Int(1), f, Txt("b")}, 2)}))
                  .ok());
  EXPECT_EQ(Query("SELECT * FROM n ORDER BY a"), "NULL|1.1|A\n1|1.1|b\n");
}

TEST_F(MariaDbTest, NothingIsWrittenWithoutTheLease) {
  const auto table = Accounts();
  RowMaker rows(table);
  auto sink = Open();
  may_write_ = false;
  EXPECT_EQ(Write(*sink, BatchOf(table, {rows.Insert({Int(1), Int(1), Int(0)})})).code(),
            Code::kLeaseExpired);
  EXPECT_EQ(Query("SELECT COUNT(*) FROM a"), "0\n");
}

TEST_F(MariaDbTest, WhatCannotPassFailsAtOnceAndSaysWhy) {
  const auto table = TableMaker("missing").Int("id").Primary({0}).Done();
  RowMaker rows(table);
  auto sink = Open();
  const auto start = std::chrono::steady_clock::now();
  const Status status = Write(*sink, BatchOf(table, {rows.Insert({Int(4711)})}));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(status.code(), Code::kMySqlTxn);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1146"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("db.missing"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("4711")));
}

// Transfers between accounts in several tables, over all the sink's connections, while something
// goes wrong; the total and every single row must come out as upstream.
class BankTest : public MariaDbTest {
 protected:
  static constexpr int kTables = 4;
  static constexpr int kAccounts = 30;

  void Prepare() {
    for (int t = 0; t < kTables; ++t) {
      const std::string name = "bank" + std::to_string(t);
      Run("CREATE TABLE db." + name +
          " (id BIGINT PRIMARY KEY, u BIGINT NOT NULL UNIQUE, v BIGINT)");
      tables_.push_back(TableMaker(name, t + 1)
                            .Int("id")
                            .Int("u")
                            .NullableInt("v")
                            .Primary({0})
                            .Unique({1})
                            .Done());
      rows_.push_back(std::make_unique<RowMaker>(tables_.back()));
      state_.emplace_back();
      for (int64_t id = 0; id < kAccounts; ++id) state_.back()[id] = {id, 100};
    }
  }
  std::vector<Datum> Image(int table, int64_t id) {
    const auto [u, v] = state_[static_cast<size_t>(table)][id];
    return {Int(id), Int(u), Int(v)};
  }
  std::shared_ptr<RowBatch> Opening(int table) {
    std::vector<RowChange> rows;
    for (int64_t id = 0; id < kAccounts; ++id)
      rows.push_back(rows_[static_cast<size_t>(table)]->Insert(Image(table, id), ts_));
    ++ts_;
    return BatchOf(tables_[static_cast<size_t>(table)], std::move(rows));
  }
  // A few transfers, some of which also swap the accounts' unique numbers.
  std::shared_ptr<RowBatch> Transfers(int table, std::mt19937& random) {
    auto& state = state_[static_cast<size_t>(table)];
    RowMaker& rows = *rows_[static_cast<size_t>(table)];
    std::vector<RowChange> changes;
    for (int i = 0; i < 5; ++i, ++ts_) {
      const auto a = static_cast<int64_t>(random() % kAccounts);
      const auto b = static_cast<int64_t>(random() % kAccounts);
      if (a == b) continue;
      const auto before_a = Image(table, a), before_b = Image(table, b);
      const auto amount = static_cast<int64_t>(random() % 10);
      state[a].second -= amount;
      state[b].second += amount;
      if (random() % 3 == 0) std::swap(state[a].first, state[b].first);
      changes.push_back(rows.Update(before_a, Image(table, a), ts_));
      changes.push_back(rows.Update(before_b, Image(table, b), ts_));
    }
    return BatchOf(tables_[static_cast<size_t>(table)], std::move(changes));
  }
  // Runs the load, calling `disturb` now and then.
  void RunLoad(Sink& sink, int batches, const std::function<void(int)>& disturb) {
    std::mt19937 random(1);
    std::atomic<int> open{0};
    std::mutex mutex;
    Status error;
    const auto write = [&](std::shared_ptr<RowBatch> batch) {
      ++open;
      sink.Write(std::move(batch), [&](Status status) {
        std::lock_guard lock(mutex);
        if (error.ok()) error = status;
        --open;
      });
    };
    for (int t = 0; t < kTables; ++t) write(Opening(t));
    for (int i = 0; i < batches; ++i) {
      write(Transfers(i % kTables, random));
      disturb(i);
      while (open > 40) std::this_thread::yield();
    }
    while (open > 0) std::this_thread::yield();
    EXPECT_TRUE(error.ok()) << error.ToString();
  }
  void Check() {
    admin_ = Server().Connect();
    for (int t = 0; t < kTables; ++t) {
      std::string expected;
      for (const auto& [id, account] : state_[static_cast<size_t>(t)])
        expected += fmt::format("{}|{}|{}\n", id, account.first, account.second);
      EXPECT_EQ(Query(fmt::format("SELECT * FROM db.bank{} ORDER BY id", t)), expected);
    }
  }

  std::vector<TableInfoPtr> tables_;
  std::vector<std::unique_ptr<RowMaker>> rows_;
  std::vector<std::map<int64_t, std::pair<int64_t, int64_t>>> state_;
  uint64_t ts_ = 1;
};

TEST_F(BankTest, ConnectionsKilledUnderLoad) {
  Prepare();
  auto sink = Open();
  RunLoad(*sink, 400, [this](int i) {
    if (i % 40 != 39) return;
    const auto rows = admin_->Query(
        "SELECT id FROM information_schema.processlist WHERE user='root' AND id<>CONNECTION_ID()");
    for (const auto& row : *rows) (void)admin_->Execute("KILL " + *row[0]);
  });
  Check();
}

TEST_F(BankTest, TheServerCrashesUnderLoad) {
  Prepare();
  auto sink = Open();
  RunLoad(*sink, 300, [](int i) {
    if (i % 100 != 50) return;
    Server().Kill();
    Server().Start();
  });
  Check();
}

TEST_F(BankTest, ASinkThatIsClosedUnderLoadIsReplayedFromItsCheckpoint) {
  Prepare();
  std::mt19937 random(3);
  std::vector<std::shared_ptr<RowBatch>> log;
  for (int t = 0; t < kTables; ++t) log.push_back(Opening(t));
  for (int i = 0; i < 200; ++i) log.push_back(Transfers(i % kTables, random));
  size_t checkpoint = 0;  // all before it are durable
  for (int run = 0; checkpoint < log.size(); ++run) {
    auto sink = Open("", Ts(ts_));
    std::mutex mutex;
    std::vector<bool> durable(log.size(), false);
    for (size_t i = checkpoint; i < log.size(); ++i)
      sink->Write(log[i], [&, i](const Status& status) {
        std::lock_guard lock(mutex);
        durable[i] = status.ok();
      });
    // The first runs are cut off somewhere on the way.
    const size_t goal = run < 5 ? std::min(checkpoint + 20, log.size()) : log.size();
    const auto reached = [&] {
      std::lock_guard lock(mutex);
      while (checkpoint < log.size() && durable[checkpoint]) ++checkpoint;
      return checkpoint >= goal;
    };
    while (!reached()) std::this_thread::yield();
    sink.reset();
    (void)reached();
  }
  Check();
}

class MariaDbDdlTest : public MariaDbTest {
 protected:
  DdlEvent Event(DdlType type, std::string query) {
    DdlEvent event;
    event.type = type;
    event.commit_ts = Ts::FromUnixMs(1'700'000'000'000);
    event.query = std::move(query);
    event.schema = "db";
    event.time_zone = "+08:00";
    return event;
  }
};

TEST_F(MariaDbDdlTest, ChangesRunInTheirSessionAndTwiceIsOnce) {
  auto sink = Open();
  Run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
  const std::vector<DdlEvent> events = {
      Event(DdlType::kAddColumn,
            "ALTER TABLE t ADD COLUMN ts TIMESTAMP DEFAULT '2020-06-01 08:00:00'"),
      Event(DdlType::kAddColumn, "ALTER TABLE t ADD COLUMN n DATETIME DEFAULT CURRENT_TIMESTAMP"),
      Event(DdlType::kAddIndex, "ALTER TABLE t ADD INDEX k (n)"),
      Event(DdlType::kShardRowId, "ALTER TABLE t SHARD_ROW_ID_BITS = 4"),
  };
  for (int round = 0; round < 2; ++round)
    for (const DdlEvent& event : events) {
      const Status status = sink->ExecuteDdl(event, {});
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
  EXPECT_EQ(Query("SELECT * FROM t"), "1|2020-06-01 00:00:00|2023-11-15 06:13:20\n");
  EXPECT_TRUE(
      sink->ExecuteDdl(Event(DdlType::kDropColumn, "ALTER TABLE t DROP COLUMN ts"), {}).ok());
  EXPECT_TRUE(
      sink->ExecuteDdl(Event(DdlType::kDropColumn, "ALTER TABLE t DROP COLUMN ts"), {}).ok());
  for (int round = 0; round < 2; ++round)
    EXPECT_TRUE(sink->ExecuteDdl(Event(DdlType::kDropSchema, "DROP DATABASE db"), {}).ok());
}

TEST_F(MariaDbDdlTest, RenamesAreRecognisedWhenTheyComeAgain) {
  Run("CREATE TABLE a (id INT); CREATE TABLE b (id INT)");
  const auto table = [](const char* name) { return TableMaker(name).Int("id").Done(); };
  DdlEvent event = Event(DdlType::kRenameTables, "RENAME TABLE a TO c, b TO a");
  event.tables = {{table("a"), table("c")}, {table("b"), table("a")}};
  auto sink = Open();
  for (int round = 0; round < 2; ++round) {
    const Status status = sink->ExecuteDdl(event, {});
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(Query("SHOW TABLES"), "a\nc\n");
  }
}

// A crash between the change and the owner's record of it: the next owner runs it again.
TEST_F(MariaDbDdlTest, AChangeThatASecondRunWouldUndoIsNotRunAgain) {
  Run("CREATE TABLE a (x INT PRIMARY KEY); CREATE TABLE `b-1` (y INT PRIMARY KEY);"
      "CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN "
      "(10)); CREATE TABLE n (id INT PRIMARY KEY); INSERT INTO n VALUES (1);"
      "CREATE TABLE c (id INT PRIMARY KEY, l INT, r INT); INSERT INTO c VALUES (1, 2, 3)");
  const auto table = [](const char* name) { return TableMaker(name).Int("id").Done(); };
  const auto columns = [](int64_t l, int64_t r) {
    return TableMaker("c")
        .Int("l")
        .Last([l](ColumnInfo& c) { c.id = l; })
        .Int("r")
        .Last([r](ColumnInfo& c) { c.id = r; })
        .Done();
  };
  DdlEvent swap = Event(DdlType::kRenameTables, "RENAME TABLE a TO t, `b-1` TO a, t TO `b-1`");
  swap.tables = {{table("a"), table("b-1")}, {table("b-1"), table("a")}};
  DdlEvent exchange =
      Event(DdlType::kExchangeTablePartition, "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE n");
  exchange.tables = {{table("p"), table("p")}, {table("n"), table("n")}};
  DdlEvent sides =
      Event(DdlType::kMultiSchemaChange, "ALTER TABLE c CHANGE l r INT, CHANGE r l INT");
  sides.tables = {{columns(2, 3), columns(3, 2)}};
  for (DdlEvent* event : {&swap, &exchange, &sides}) {
    event->commit_ts = Ts::FromUnixMs(static_cast<uint64_t>(event->type));
    for (int run = 0; run < 3; ++run) {
      auto sink = Open("", run == 0 ? Ts() : event->commit_ts);
      const Status status = sink->ExecuteDdl(*event, {});
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
  }
  EXPECT_EQ(Query("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='db' AND "
                  "TABLE_NAME='a'"),
            "y\n");
  EXPECT_EQ(Query("SELECT * FROM p"), "1\n");
  EXPECT_EQ(Query("SELECT l, r FROM c"), "3|2\n");

  // A changefeed made anew for a downstream that was set back: the old note counts for nothing.
  Run("DROP TABLE p, n; CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 "
      "VALUES LESS THAN (10)); CREATE TABLE n (id INT PRIMARY KEY); INSERT INTO n VALUES (2)");
  EXPECT_TRUE(Open()->ExecuteDdl(exchange, {}).ok());
  EXPECT_EQ(Query("SELECT * FROM p"), "2\n");
}

TEST_F(MariaDbDdlTest, ARefusedChangeFailsAtOnceAndNamesItself) {
  auto sink = Open();
  const auto start = std::chrono::steady_clock::now();
  const Status status =
      sink->ExecuteDdl(Event(DdlType::kAddColumn, "ALTER TABLE nowhere ADD COLUMN a INT"), {});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(status.code(), Code::kExecDdl);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1146"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("ALTER TABLE nowhere"));
}

TEST_F(MariaDbDdlTest, AChangeThatWaitsIsStoppedDownstreamToo) {
  Run("CREATE TABLE t (id INT PRIMARY KEY); BEGIN; SELECT * FROM t");  // holds a metadata lock
  auto sink = Open();
  std::stop_source stop;
  std::jthread ddl([&] {
    EXPECT_EQ(
        sink->ExecuteDdl(Event(DdlType::kAddColumn, "ALTER TABLE t ADD a INT"), stop.get_token())
            .code(),
        Code::kStopped);
  });
  const auto waits = [&] {
    return Query("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'ALTER%'") ==
           "1\n";
  };
  while (!waits()) std::this_thread::yield();
  stop.request_stop();
  ddl.join();
  while (waits()) std::this_thread::yield();
  Run("COMMIT");
  EXPECT_EQ(Query("SHOW COLUMNS FROM t LIKE 'a'"), "");
}

TEST(MySqlSinkOpen, SaysWhereNobodyAnswers) {
  ReplicaConfig config;
  const auto uri = Uri::Parse("mysql://root@127.0.0.1:1/?timeout=2s").value();
  const auto sink = OpenSink(
      uri, {.changefeed = "t", .time_zone = "UTC", .config = &config, .clock = &SystemClock()});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code(), Code::kMySqlConnection);
  EXPECT_THAT(std::string(sink.error().message()), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace cdc
