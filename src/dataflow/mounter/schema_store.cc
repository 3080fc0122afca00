#include "dataflow/mounter/schema_store.h"

#include <algorithm>
#include <map>
#include <memory_resource>
#include <mutex>
#include <span>
#include <unordered_set>

#include "base/log.h"
#include "dataflow/mounter/ddl_builder.h"
#include "dataflow/mounter/ddl_job.h"
#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/row_codec.h"
#include "dataflow/mounter/schema_catalog.h"
#include "dataflow/mounter/schema_history.h"

namespace cdc {
namespace {

constexpr std::string_view kJobTableName = "tidb_ddl_job";
constexpr std::string_view kJobHistoryName = "tidb_ddl_history";

// A table of TiDB's that holds DDL jobs: mysql.tidb_ddl_job or tidb_ddl_history.
class JobTable {
 public:
  static constexpr std::string_view kJobColumn = "job_meta";

  // `info` may be null: the cluster has no such table.
  static Result<JobTable> Create(TableInfoPtr info) {
    JobTable table;
    if (!info) return table;
    table.position_ = info->FindColumn(kJobColumn);
    if (table.position_ < 0)
      return Error(Code::kMetaDecode, "mysql.{} has no column {}", info->name, kJobColumn);
    ASSIGN_OR_RETURN(const TimeZone utc, TimeZone::Load("UTC"));
    table.decoder_ = std::make_unique<RowDecoder>(*info, utc);
    table.range_ = RecordRange(info->id);
    table.info_ = std::move(info);
    return table;
  }

  bool exists() const { return info_ != nullptr; }
  const KeyRange& range() const { return range_; }
  bool Holds(std::string_view key) const {
    return exists() && key >= range_.start && key < range_.end;
  }
  Result<DdlJob> Decode(std::string_view key, std::string_view value) {
    RecordKey record;
    ParseTableKey(key, &record);
    std::pmr::monotonic_buffer_resource arena;
    std::vector<Datum> row(info_->columns.size());
    RETURN_UNEXPECTED_IF_ERROR(decoder_->Decode(value, record, &arena, row.data()));
    return ParseDdlJob(row[static_cast<size_t>(position_)].as_view());
  }

 private:
  TableInfoPtr info_;
  std::unique_ptr<RowDecoder> decoder_;  // views info_
  int position_ = -1;
  KeyRange range_;
};

class SchemaStoreImpl : public SchemaStore {
 public:
  SchemaStoreImpl(Ts start, const Filter& filter)
      : filter_(filter), catalog_(filter), history_(start), resolved_(start) {}

  Status Load(SnapshotReader& snapshot);

  std::vector<Span> DdlSpans() const override {
    std::vector<Span> spans = {{.range = PrefixRange("m")}};
    for (const JobTable* table : {&jobs_, &job_history_})
      if (table->exists()) spans.push_back({.range = table->range()});
    return spans;
  }
  void Append(std::vector<KvEvent> events) override;
  Status Advance(Ts resolved) override;

  Ts resolved() const override { return history_.resolved(); }
  std::vector<DdlEventPtr> DdlsAfter(Ts after) const override { return history_.DdlsAfter(after); }
  std::vector<PhysicalTable> CapturedTables(Ts ts) const override {
    return history_.CapturedTables(ts);
  }
  std::vector<TableInfoPtr> IneligibleTables(Ts ts) const override {
    std::vector<TableInfoPtr> tables = history_.UncapturedTables(ts);
    std::erase_if(tables, [this](const auto& table) { return filter_.CapturesTable(*table); });
    return tables;
  }
  Result<TableInfoPtr> TableAt(TableId physical, Ts commit_ts) const override {
    return history_.TableAt(physical, commit_ts);
  }
  void CollectGarbage(Ts ts) override { history_.CollectGarbage(ts); }

 private:
  // One transaction's part in schema changes.
  struct Txn {
    TxnTs ts;
    std::vector<std::pair<MetaKey, const KvEvent*>> metas;
    std::vector<DdlJob> jobs;      // as the job table (or the job lists) now has them
    std::vector<DdlJob> finished;  // that went to the history table
  };

  Status LoadRunningJobs(SnapshotReader& snapshot);
  bool IsRelevant(const KvEvent& event) const;
  std::vector<KvEvent> TakeUpTo(Ts resolved);
  Result<Txn> ReadTxn(std::span<const KvEvent> events);
  Status WorkOff(const Txn& txn);
  Status ApplyMetas(const Txn& txn);
  Status CheckUpgrade(const MetaKey& key, const KvEvent& event) const;
  static const DdlJob* OwnerOf(const Txn& txn);
  Status NoteStep(MetaChanges& changes, const MetaKey& key, const KvEvent& event, TxnTs ts);
  Status FinishJob(const DdlJob& job, TxnTs ts);
  Status UndoJob(const DdlJob& job, TxnTs ts);
  Ts ResolvedUpTo(Ts resolved) const;

  const Filter& filter_;

  std::mutex buffer_mutex_;  // guards the next
  std::vector<KvEvent> buffer_;

  // Held by Advance throughout: guards all below but history_, which has its own.
  std::mutex advance_mutex_;
  SchemaCatalog catalog_;
  JobTable jobs_;
  JobTable job_history_;
  std::map<int64_t, MetaChanges> running_;        // by job id; 0: by no job
  std::unordered_set<int64_t> ended_;             // worked off, but not moved to the history yet
  std::unordered_set<int64_t> running_at_start_;  // jobs
  SchemaHistory history_;
  Ts resolved_;    // of the feed
  Status failed_;  // once set, Advance returns nothing else
};

Status SchemaStoreImpl::Load(SnapshotReader& snapshot) {
  RETURN_IF_ERROR(catalog_.Load(snapshot, resolved_));
  ASSIGN_OR_RETURN_STATUS(TableInfoPtr table,
                          SchemaCatalog::FindSystemTable(snapshot, resolved_, kJobTableName));
  ASSIGN_OR_RETURN_STATUS(jobs_, JobTable::Create(std::move(table)));
  ASSIGN_OR_RETURN_STATUS(table,
                          SchemaCatalog::FindSystemTable(snapshot, resolved_, kJobHistoryName));
  ASSIGN_OR_RETURN_STATUS(job_history_, JobTable::Create(std::move(table)));
  std::vector<SchemaHistory::Change> changes;
  for (const auto& [id, known] : catalog_.tables()) {
    if (!known.info || known.info->kind != TableInfo::Kind::kTable) continue;
    const bool captured = filter_.CapturesTable(*known.info);
    for (const TableId physical : known.info->PhysicalIds())
      changes.push_back({physical, known.info, captured});
  }
  RETURN_IF_ERROR(history_.Put(resolved_, changes, nullptr));
  return LoadRunningJobs(snapshot);
}

Status SchemaStoreImpl::LoadRunningJobs(SnapshotReader& snapshot) {
  if (!jobs_.exists()) return Status::Ok();
  return snapshot.Scan(jobs_.range(), resolved_,
                       [this](std::string_view key, std::string_view value) -> Status {
                         ASSIGN_OR_RETURN_STATUS(const DdlJob job, jobs_.Decode(key, value));
                         (job.done() || job.undone() ? ended_ : running_at_start_).insert(job.id);
                         return Status::Ok();
                       });
}

bool SchemaStoreImpl::IsRelevant(const KvEvent& event) const {
  if (IsMetaKey(event.key)) return ParseMetaKey(event.key).kind != MetaKey::Kind::kOther;
  return event.op == KvOp::kPut && (jobs_.Holds(event.key) || job_history_.Holds(event.key));
}

void SchemaStoreImpl::Append(std::vector<KvEvent> events) {
  std::erase_if(events, [this](const KvEvent& event) { return !IsRelevant(event); });
  std::lock_guard lock(buffer_mutex_);
  buffer_.insert(buffer_.end(), std::make_move_iterator(events.begin()),
                 std::make_move_iterator(events.end()));
}

std::vector<KvEvent> SchemaStoreImpl::TakeUpTo(Ts resolved) {
  std::vector<KvEvent> taken;
  {
    std::lock_guard lock(buffer_mutex_);
    const auto rest = std::partition(buffer_.begin(), buffer_.end(), [&](const KvEvent& event) {
      return event.commit_ts <= resolved;
    });
    taken.assign(std::make_move_iterator(buffer_.begin()), std::make_move_iterator(rest));
    buffer_.erase(buffer_.begin(), rest);
  }
  // What a feed delivers again after a reconnect is old news.
  std::erase_if(taken, [this](const KvEvent& event) { return event.commit_ts <= resolved_; });
  std::ranges::sort(taken, CommitOrder);
  const auto same = [](const KvEvent& a, const KvEvent& b) {
    return a.commit_ts == b.commit_ts && a.start_ts == b.start_ts && a.key == b.key;
  };
  taken.erase(std::unique(taken.begin(), taken.end(), same), taken.end());
  return taken;
}

Status SchemaStoreImpl::Advance(Ts resolved) {
  std::lock_guard lock(advance_mutex_);
  if (!failed_.ok() || resolved <= resolved_) return failed_;
  const std::vector<KvEvent> events = TakeUpTo(resolved);
  for (auto first = events.begin(); first != events.end() && failed_.ok();) {
    const auto last = std::find_if(first, events.end(), [&](const KvEvent& event) {
      return event.commit_ts != first->commit_ts || event.start_ts != first->start_ts;
    });
    if (auto txn = ReadTxn({first, last}))
      failed_ = WorkOff(*txn);
    else
      failed_ = txn.error();
    first = last;
  }
  if (!failed_.ok()) return failed_;
  resolved_ = resolved;
  history_.SetResolved(ResolvedUpTo(resolved));
  return Status::Ok();
}

// What a running job made visible becomes known only with its end: readers wait for that.
Ts SchemaStoreImpl::ResolvedUpTo(Ts resolved) const {
  for (const auto& [id, changes] : running_)
    if (changes.effective) resolved = std::min(resolved, changes.effective->commit.Prev());
  return resolved;
}

Result<SchemaStoreImpl::Txn> SchemaStoreImpl::ReadTxn(std::span<const KvEvent> events) {
  Txn txn{.ts = {events.front().start_ts, events.front().commit_ts}};
  for (const KvEvent& event : events) {
    if (jobs_.Holds(event.key)) {
      ASSIGN_OR_RETURN(DdlJob job, jobs_.Decode(event.key, event.value));
      txn.jobs.push_back(std::move(job));
    } else if (job_history_.Holds(event.key)) {
      ASSIGN_OR_RETURN(DdlJob job, job_history_.Decode(event.key, event.value));
      txn.finished.push_back(std::move(job));
    } else if (const MetaKey meta = ParseMetaKey(event.key);
               meta.kind != MetaKey::Kind::kDdlJobList) {
      txn.metas.emplace_back(meta, &event);
    } else if (event.op == KvOp::kPut) {
      ASSIGN_OR_RETURN(DdlJob job, ParseDdlJob(event.value));
      txn.jobs.push_back(std::move(job));
    }
  }
  return txn;
}

// TiDB writes a job's step and the job itself in one transaction. New jobs may be queued in it too.
const DdlJob* SchemaStoreImpl::OwnerOf(const Txn& txn) {
  for (const DdlJob& job : txn.jobs)
    if (job.state != DdlJob::State::kNone && job.state != DdlJob::State::kQueueing) return &job;
  return txn.finished.empty() ? nullptr : &txn.finished.front();
}

Status SchemaStoreImpl::WorkOff(const Txn& txn) {
  if (!txn.metas.empty()) RETURN_IF_ERROR(ApplyMetas(txn));
  for (const DdlJob& job : txn.jobs) {
    if (!job.done() && !job.undone()) continue;
    if (!ended_.insert(job.id).second) continue;
    RETURN_IF_ERROR(job.done() ? FinishJob(job, txn.ts) : UndoJob(job, txn.ts));
  }
  for (const DdlJob& job : txn.finished) {
    // Some versions of TiDB create tables without an entry in the job table.
    if (ended_.erase(job.id) == 0 && job.done() && running_.contains(job.id))
      RETURN_IF_ERROR(FinishJob(job, txn.ts));
    running_.erase(job.id);
    running_at_start_.erase(job.id);
  }
  return Status::Ok();
}

Status SchemaStoreImpl::ApplyMetas(const Txn& txn) {
  const DdlJob* owner = OwnerOf(txn);
  MetaChanges& changes = running_[owner == nullptr ? 0 : owner->id];
  for (const auto& [key, event] : txn.metas) {
    RETURN_IF_ERROR(CheckUpgrade(key, *event));
    changes.Apply(key, *event);
    if (owner != nullptr && !owner->done() && !owner->undone() && !changes.effective)
      RETURN_IF_ERROR(NoteStep(changes, key, *event, txn.ts));
  }
  // Without a job it is over at once; harmless, or an error.
  return owner == nullptr ? FinishJob(DdlJob{}, txn.ts) : Status::Ok();
}

// The job table comes with an upgrade of TiDB; its span is not among those we subscribed to.
Status SchemaStoreImpl::CheckUpgrade(const MetaKey& key, const KvEvent& event) const {
  if (jobs_.exists() || key.kind != MetaKey::Kind::kTable || event.op != KvOp::kPut ||
      catalog_.SchemaName(key.schema) != "mysql")
    return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(const std::string name, ReadName(event.value, "name"));
  if (name != kJobTableName) return Status::Ok();
  return Status(Code::kInvalidDdlJob,
                "the cluster got the table mysql.{} at {}: DDLs have to be followed anew", name,
                event.commit_ts);
}

Status SchemaStoreImpl::NoteStep(MetaChanges& changes, const MetaKey& key, const KvEvent& event,
                                 TxnTs ts) {
  if (key.kind != MetaKey::Kind::kTable || event.op != KvOp::kPut) return Status::Ok();
  const CatalogTable* known = catalog_.FindTable(key.table);
  if (known == nullptr) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(const CatalogTable next,
                          catalog_.ReadTable(key.table, key.schema, known->schema, event.value,
                                             ts.commit, /*need_info=*/known->info != nullptr));
  // The last step of RENAME tells nothing of the table: who starts between the two would not see
  // it.
  const bool renamed = known->schema_id != key.schema || known->name != next.name;
  if (renamed || (known->info && ChangesRows(*known->info, *next.info))) changes.effective = ts;
  return Status::Ok();
}

Status SchemaStoreImpl::FinishJob(const DdlJob& job, TxnTs ts) {
  const auto found = running_.find(job.id);
  const MetaChanges changes = found == running_.end() ? MetaChanges{} : std::move(found->second);
  if (found != running_.end()) running_.erase(found);
  const bool started_before = running_at_start_.erase(job.id) > 0;
  if (changes.empty() && job.type != DdlType::kFlashbackCluster) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(BuiltDdl built,
                          BuildDdl(job, changes, ts, started_before, filter_, &catalog_));
  if (built.event)
    LogInfo("DDL found, job={} type={} commit_ts={} done_ts={} replicate={} query={}", job.id,
            static_cast<int>(job.type), built.event->commit_ts, ts.commit, built.event->replicate,
            built.event->query);
  const Ts version = changes.effective ? changes.effective->commit : ts.commit;
  return history_.Put(version, built.changes, std::move(built.event));
}

// What stays of it are counters and the like, of no concern to rows.
Status SchemaStoreImpl::UndoJob(const DdlJob& job, TxnTs ts) {
  if (const auto found = running_.find(job.id); found != running_.end())
    found->second.effective.reset();
  return FinishJob(DdlJob{.id = job.id, .query = job.query}, ts);
}

}  // namespace

Result<std::unique_ptr<SchemaStore>> SchemaStore::Open(SnapshotReader& snapshot, Ts ts,
                                                       const Filter& filter) {
  auto store = std::make_unique<SchemaStoreImpl>(ts, filter);
  RETURN_UNEXPECTED_IF_ERROR(store->Load(snapshot));
  return store;
}

}  // namespace cdc
