// A TiDB cluster's meta keys and DDL jobs in memory, for tests of the schema store.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"
#include "dataflow/mounter/ddl_job.h"
#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/meta_codec.h"
#include "dataflow/mounter/tests/row_builder.h"
#include "dataflow/upstream/snapshot_reader.h"
#include "model/kv_event.h"

namespace cdc {

struct FakeColumn {
  int64_t id;
  std::string name;
  SchemaState state = SchemaState::kPublic;
};

// A table whose first column is its integer primary key, unless `keyless`.
struct FakeTable {
  int64_t id;
  std::string name;
  std::vector<FakeColumn> columns = {{1, "id"}, {2, "v"}};
  std::vector<int64_t> partitions = {};
  bool keyless = false;
  std::string comment = "";

  std::string Json() const {
    std::string cols;
    for (size_t i = 0; i < columns.size(); ++i)
      cols += fmt::format(R"({}{{"id":{},"name":{{"O":"{}","L":"{}"}},"offset":{},"state":{},)"
                          R"("type":{{"Tp":3,"Flag":{},"Flen":11,"Decimal":0,"Charset":"binary",)"
                          R"("Collate":"binary","Elems":null}}}})",
                          i == 0 ? "" : ",", columns[i].id, columns[i].name, columns[i].name, i,
                          static_cast<int>(columns[i].state), i == 0 && !keyless ? 3 : 0);
    std::string definitions;
    for (const int64_t partition : partitions)
      definitions += fmt::format(R"({}{{"id":{},"name":{{"O":"p{}","L":"p{}"}}}})",
                                 definitions.empty() ? "" : ",", partition, partition, partition);
    const std::string partition =
        partitions.empty() ? "null"
                           : fmt::format(R"({{"enable":true,"definitions":[{}]}})", definitions);
    return fmt::format(
        R"({{"id":{},"name":{{"O":"{}","L":"{}"}},"charset":"utf8mb4","collate":"utf8mb4_bin",)"
        R"("cols":[{}],"index_info":null,"state":5,"pk_is_handle":{},"comment":"{}",)"
        R"("partition":{}}})",
        id, name, name, cols, !keyless, comment, partition);
  }
};

struct FakeJob {
  int64_t id;
  DdlType type;
  DdlJob::State state = DdlJob::State::kDone;
  std::string query = "";
  std::string schema = "db";
  int64_t table_id = 0;
  std::string more = "";  // members, each with a comma in front

  std::string Json() const {
    return fmt::format(
        R"({{"id":{},"type":{},"state":{},"schema_id":10,"table_id":{},"schema_name":"{}",)"
        R"("table_name":"t","query":"{}"{}}})",
        id, static_cast<int>(type), static_cast<int>(state), table_id, schema, query, more);
  }
};

using Write = std::pair<std::string, std::string>;  // an empty value deletes

constexpr int64_t kMysqlSchema = 1;
constexpr TableId kJobTable{101};
constexpr int64_t kJobMetaColumn = 5;

inline Write PutSchema(int64_t id, const std::string& name) {
  return {SchemaMetaKey(SchemaId(id)),
          fmt::format(R"({{"id":{},"db_name":{{"O":"{}","L":"{}"}},"state":5}})", id, name, name)};
}
inline Write DropSchema(int64_t id) { return {SchemaMetaKey(SchemaId(id)), ""}; }
inline Write PutTable(int64_t schema, const FakeTable& table) {
  return {TableMetaKey(SchemaId(schema), TableId(table.id)), table.Json()};
}
inline Write DropTable(int64_t schema, int64_t id) {
  return {TableMetaKey(SchemaId(schema), TableId(id)), ""};
}
inline Write PutJob(const FakeJob& job) {
  return {RecordKeyOf(kJobTable, job.id), RowV2Bytes({{kJobMetaColumn, job.Json()}})};
}

inline std::vector<KvEvent> Transaction(uint64_t commit_ts, const std::vector<Write>& writes) {
  std::vector<KvEvent> events;
  for (const auto& write : writes) {
    auto owner = std::make_shared<const Write>(write);
    events.push_back({.op = write.second.empty() ? KvOp::kDelete : KvOp::kPut,
                      .start_ts = Ts(commit_ts - 1),
                      .commit_ts = Ts(commit_ts),
                      .key = owner->first,
                      .value = owner->second,
                      .owner = owner});
  }
  return events;
}

// What a snapshot read finds, at any ts.
class FakeSnapshot : public SnapshotReader {
 public:
  // The schema "mysql" with the job table.
  FakeSnapshot() {
    Put(PutSchema(kMysqlSchema, "mysql"));
    FakeTable jobs{Raw(kJobTable), "tidb_ddl_job", {{1, "job_id"}, {kJobMetaColumn, "job_meta"}}};
    std::string json = jobs.Json();
    // job_meta is a LONGBLOB.
    const size_t type = json.rfind("\"Tp\":3");
    json.replace(type, 6, "\"Tp\":251");
    Put({TableMetaKey(SchemaId(kMysqlSchema), kJobTable), json});
  }
  void Put(const Write& write) { keys_[write.first] = write.second; }
  void Erase(const std::string& key) { keys_.erase(key); }

  Result<std::optional<std::string>> Get(std::string_view key, Ts) override {
    const auto found = keys_.find(key);
    return found == keys_.end() ? std::nullopt : std::optional(found->second);
  }
  Status Scan(const KeyRange& range, Ts,
              const std::function<Status(std::string_view, std::string_view)>& visit) override {
    for (auto it = keys_.lower_bound(range.start); it != keys_.end() && it->first < range.end; ++it)
      RETURN_IF_ERROR(visit(it->first, it->second));
    return Status::Ok();
  }

 private:
  std::map<std::string, std::string, std::less<>> keys_;
};

}  // namespace cdc
