#include "sim_upstream.h"

#include <algorithm>

#include "interpose.h"

namespace cdc {
namespace {

constexpr int64_t kSchema = 10;
constexpr int64_t kHandlesMax = 12;  // rows of a table: few, so that each has a history
constexpr size_t kTablesMax = 10;
constexpr size_t kColumnsMax = 8;

uint64_t WallMs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   WallTimeAtStart() + Scheduler::current()->now())
                                   .count());
}

// The log that a key belongs to: the meta keys, or the records of one table.
std::string LogOf(std::string_view key) {
  constexpr size_t kRecordPrefix = 11;  // t, eight bytes of id, _r
  return std::string(key.starts_with("m") ? "m" : key.substr(0, kRecordPrefix));
}

FakeTable JobTable() {
  return {Raw(kJobTable), "tidb_ddl_job", {{1, "job_id"}, {kJobMetaColumn, "job_meta"}}};
}

}  // namespace

SimUpstream::SimUpstream(uint64_t seed, int tables) : chance_(seed) {
  std::vector<Write> writes = {PutSchema(kMysqlSchema, "mysql"), PutSchema(kSchema, "db")};
  std::string jobs = JobTable().Json();
  jobs.replace(jobs.rfind("\"Tp\":3"), 6, "\"Tp\":251");  // job_meta is a LONGBLOB
  writes.emplace_back(TableMetaKey(SchemaId(kMysqlSchema), kJobTable), jobs);
  for (int i = 0; i < tables; ++i) AddTable(next_id_++, fmt::format("t{}", i), &writes);
  Commit(NextTs(), writes);
}

Ts SimUpstream::NextTs() {
  last_ts_ = std::max(last_ts_ + 1, Ts::FromUnixMs(WallMs()).raw());
  return Ts(last_ts_);
}

SimUpstream::Table& SimUpstream::AddTable(int64_t id, const std::string& name,
                                          std::vector<Write>* writes) {
  Table& table = tables_[name];
  table.info = {id, name};
  names_[TableId(id)] = name;
  writes->push_back(PutTable(kSchema, table.info));
  return table;
}

SimUpstream::Table* SimUpstream::AnyTable() {
  if (tables_.empty()) return nullptr;
  const auto steps = chance_.Between(0, static_cast<int64_t>(tables_.size()) - 1);
  return &std::next(tables_.begin(), steps)->second;
}

void SimUpstream::Commit(Ts ts, const std::vector<Write>& writes) {
  for (const auto& [key, value] : writes) {
    std::vector<Stored>& history = kvs_[key];
    struct Owned {
      std::string key, value, old_value;
    };
    auto owned = std::make_shared<const Owned>(
        Owned{key, value, history.empty() ? std::string() : history.back().value});
    history.push_back({ts, value});
    logs_[LogOf(key)].push_back({.op = value.empty() ? KvOp::kDelete : KvOp::kPut,
                                 .start_ts = ts.Prev(),
                                 .commit_ts = ts,
                                 .key = owned->key,
                                 .value = owned->value,
                                 .old_value = owned->old_value,
                                 .owner = owned});
  }
}

void SimUpstream::CommitRows() {
  (void)NextTs();  // the transaction's start
  const Ts ts = NextTs();
  std::map<std::string, std::string> writes;
  for (int64_t changes = chance_.Between(1, 6); changes > 0; --changes) {
    Table* table = AnyTable();
    if (table == nullptr) return;
    const int64_t handle = chance_.Between(1, kHandlesMax);
    const std::string key = RecordKeyOf(TableId(table->info.id), handle);
    if (writes.contains(key)) continue;
    SimVersion version{.table = TableId(table->info.id),
                       .handle = handle,
                       .commit_ts = ts,
                       .value = next_value_,
                       .columns = table->info.columns.size()};
    auto& row = by_row_[{version.table, handle}];
    version.index = row.size();
    if (table->rows.contains(handle) && chance_.OneIn(4)) {
      version.value.reset();
      table->rows.erase(handle);
      writes.emplace(key, "");
    } else {
      table->rows[handle] = next_value_;
      writes.emplace(key, RowV2Bytes({{2, IntBytes(next_value_++)}}));
    }
    row.push_back(versions_.size());
    versions_.push_back(version);
  }
  Commit(ts, {writes.begin(), writes.end()});
}

void SimUpstream::CommitDdl() {
  const int64_t kind = chance_.Between(0, 9);
  if (kind < 4) return AddColumn();
  if (kind < 6 && tables_.size() < kTablesMax) return CreateTable();
  if (kind < 8 && tables_.size() > 2) return DropTable();
  TruncateTable();
}

// As TiDB does: the job is queued, done together with the schema change, and taken from the queue.
void SimUpstream::RunJob(DdlType type, const std::string& query, int64_t table_id,
                         const std::vector<Write>& writes, SimDdl ddl) {
  FakeJob job{next_id_++, type, DdlJob::State::kQueueing, query, "db", table_id};
  Commit(NextTs(), {PutJob(job)});
  job.state = DdlJob::State::kDone;
  ddl.commit_ts = NextTs();
  ddl.type = type;
  std::vector<Write> done = writes;
  done.push_back(PutJob(job));
  Commit(ddl.commit_ts, done);
  ddls_.push_back(std::move(ddl));
  Commit(NextTs(), {{PutJob(job).first, ""}});
}

void SimUpstream::AddColumn() {
  Table* table = AnyTable();
  if (table == nullptr || table->info.columns.size() >= kColumnsMax) return;
  const int64_t id = static_cast<int64_t>(table->info.columns.size()) + 1;
  table->info.columns.push_back({id, fmt::format("c{}", id)});
  const TableId physical{table->info.id};
  RunJob(DdlType::kAddColumn,
         fmt::format("ALTER TABLE {} ADD COLUMN c{} INT", table->info.name, id), table->info.id,
         {PutTable(kSchema, table->info)},
         {.table = table->info.name, .before = physical, .after = physical});
}

void SimUpstream::CreateTable() {
  const int64_t id = next_id_++;
  const std::string name = fmt::format("t{}", id);
  std::vector<Write> writes;
  AddTable(id, name, &writes);
  RunJob(DdlType::kCreateTable, fmt::format("CREATE TABLE {}", name), id, writes,
         {.table = name, .after = TableId(id)});
}

void SimUpstream::DropTable() {
  const FakeTable gone = AnyTable()->info;
  tables_.erase(gone.name);
  RunJob(DdlType::kDropTable, fmt::format("DROP TABLE {}", gone.name), gone.id,
         {cdc::DropTable(kSchema, gone.id)}, {.table = gone.name, .before = TableId(gone.id)});
}

void SimUpstream::TruncateTable() {
  Table* table = AnyTable();
  if (table == nullptr) return;
  const TableId before{table->info.id};
  table->info.id = next_id_++;
  table->rows.clear();
  names_[TableId(table->info.id)] = table->info.name;
  RunJob(DdlType::kTruncateTable, fmt::format("TRUNCATE {}", table->info.name), Raw(before),
         {cdc::DropTable(kSchema, Raw(before)), PutTable(kSchema, table->info)},
         {.table = table->info.name, .before = before, .after = TableId(table->info.id)});
}

std::optional<std::string> SimUpstream::Get(std::string_view key, Ts ts) const {
  const auto found = kvs_.find(key);
  if (found == kvs_.end()) return std::nullopt;
  const auto after = std::ranges::upper_bound(found->second, ts, {}, &Stored::ts);
  if (after == found->second.begin() || std::prev(after)->value.empty()) return std::nullopt;
  return std::prev(after)->value;
}

Status SimUpstream::Scan(
    const KeyRange& range, Ts ts,
    const std::function<Status(std::string_view, std::string_view)>& visit) const {
  for (auto it = kvs_.lower_bound(range.start);
       it != kvs_.end() && (range.end.empty() || it->first < range.end); ++it)
    if (const auto value = Get(it->first, ts)) RETURN_IF_ERROR(visit(it->first, *value));
  return Status::Ok();
}

std::vector<KvEvent> SimUpstream::Changes(const KeyRange& range, Ts after, Ts upto) const {
  const auto log = logs_.find(LogOf(range.start));
  if (log == logs_.end()) return {};
  const auto begin = std::ranges::upper_bound(log->second, after, {}, &KvEvent::commit_ts);
  const auto end = std::ranges::upper_bound(log->second, upto, {}, &KvEvent::commit_ts);
  return begin < end ? std::vector<KvEvent>(begin, end) : std::vector<KvEvent>();
}

Ts SimUpstream::UpdateServiceSafePoint(const std::string& service, SimTime ttl, Ts safe_point) {
  const SimTime now = Scheduler::current()->now();
  std::erase_if(services_, [&](const auto& entry) { return entry.second.expires <= now; });
  Ts least = gc_safe_point_;
  if (ttl <= SimTime(0)) {
    services_.erase(service);
  } else if (safe_point >= gc_safe_point_) {
    services_[service] = {now + ttl, safe_point};
    least = Ts::Max();
  }
  for (const auto& [name, held] : services_) least = std::min(least, held.safe_point);
  return least;
}

void SimUpstream::CollectGarbage(SimTime age) {
  const SimTime now = Scheduler::current()->now();
  const auto age_ms = std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
  Ts safe_point = Ts::FromUnixMs(WallMs() - static_cast<uint64_t>(age_ms));
  for (const auto& [name, service] : services_)
    if (service.expires > now) safe_point = std::min(safe_point, service.safe_point);
  gc_safe_point_ = std::max(gc_safe_point_, safe_point);
}

const SimVersion* SimUpstream::Find(TableId table, int64_t handle, Ts commit_ts) const {
  const auto row = by_row_.find({table, handle});
  if (row == by_row_.end()) return nullptr;
  const auto at = std::ranges::lower_bound(row->second, commit_ts, {},
                                           [this](size_t i) { return versions_[i].commit_ts; });
  if (at == row->second.end() || versions_[*at].commit_ts != commit_ts) return nullptr;
  return &versions_[*at];
}

size_t SimUpstream::CountUpTo(TableId table, int64_t handle, Ts ts) const {
  const auto row = by_row_.find({table, handle});
  if (row == by_row_.end()) return 0;
  const auto after = std::ranges::upper_bound(row->second, ts, {},
                                              [this](size_t i) { return versions_[i].commit_ts; });
  return static_cast<size_t>(after - row->second.begin());
}

}  // namespace cdc
