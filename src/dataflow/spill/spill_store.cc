#include "dataflow/spill/spill_store.h"

#include <atomic>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include "base/bytes.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "dataflow/spill/metrics.h"
#include "dataflow/spill/spill_dir.h"

namespace cdc {
namespace {

constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kMetadataBlockBytes = 8 << 10;
constexpr int kCacheShardBits = 2;  // few threads, large shards
constexpr size_t kSpaceBytes = 8;

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string FullKey(uint64_t space, std::string_view key) {
  std::string full;
  full.reserve(kSpaceBytes + key.size());
  AppendBigEndian64(&full, space);
  full.append(key);
  return full;
}

Status ToStatus(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return Status::Ok();
  if (status.IsNoSpace())
    return Status(Code::kDiskFull, "{}: no space left on the disk of data-dir", what);
  return Status(Code::kSorterIo, "{}: {}", what, status.ToString());
}

// What is still wanted: spaces, from where on, and about how much.
//
// Thread-safe.
class SpaceTable {
 public:
  struct Range {
    std::string start;
    std::string end;
  };

  SpillSpace Add() {
    std::lock_guard lock(mutex_);
    spaces_[next_];
    return SpillSpace{next_++};
  }
  void Wrote(uint64_t space, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    const auto found = spaces_.find(space);
    if (found == spaces_.end()) return;
    found->second.bytes += bytes;
    live_bytes_ += bytes;
  }
  void DropBelow(uint64_t space, std::string_view key, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    const auto found = spaces_.find(space);
    if (found == spaces_.end()) return;
    if (key > found->second.below) found->second.below = key;
    Shrink(found->second, bytes);
  }
  void Drop(uint64_t space) {
    std::lock_guard lock(mutex_);
    const auto found = spaces_.find(space);
    if (found == spaces_.end()) return;
    Shrink(found->second, found->second.bytes);
    spaces_.erase(found);
  }
  bool Wanted(std::string_view full_key) const {
    if (full_key.size() < kSpaceBytes) return false;
    std::shared_lock lock(mutex_);
    const auto found = spaces_.find(LoadBigEndian64(full_key.data()));
    return found != spaces_.end() && full_key.substr(kSpaceBytes) >= found->second.below;
  }
  uint64_t live_bytes() const {
    std::shared_lock lock(mutex_);
    return live_bytes_;
  }
  // How much was dropped since the last call of Unwanted.
  uint64_t dropped_bytes() const {
    std::shared_lock lock(mutex_);
    return dropped_bytes_;
  }
  // All that nobody wants and that will never be written: nothing of spaces yet to come.
  std::vector<Range> Unwanted() {
    std::lock_guard lock(mutex_);
    dropped_bytes_ = 0;
    std::vector<Range> ranges;
    std::string start = FullKey(0, "");
    for (const auto& [space, state] : spaces_) {
      std::string end = FullKey(space, state.below);
      if (start < end) ranges.push_back({std::move(start), std::move(end)});
      start = FullKey(space + 1, "");
    }
    std::string end = FullKey(next_, "");
    if (start < end) ranges.push_back({std::move(start), std::move(end)});
    return ranges;
  }

 private:
  struct Space {
    std::string below;
    uint64_t bytes = 0;
  };
  void Shrink(Space& space, uint64_t bytes) {
    bytes = std::min(bytes, space.bytes);
    space.bytes -= bytes;
    live_bytes_ -= bytes;
    dropped_bytes_ += bytes;
  }

  mutable std::shared_mutex mutex_;  // guards all below
  std::map<uint64_t, Space> spaces_;
  uint64_t next_ = 1;
  uint64_t live_bytes_ = 0;
  uint64_t dropped_bytes_ = 0;
};

// Leaves out what is not wanted whenever RocksDB rewrites a file.
class UnwantedFilter : public rocksdb::CompactionFilter {
 public:
  explicit UnwantedFilter(const SpaceTable& spaces) : spaces_(spaces) {}
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*,
              bool*) const override {
    return !spaces_.Wanted(ToView(key));
  }
  const char* Name() const override { return "unwanted"; }

 private:
  const SpaceTable& spaces_;
};

class CursorImpl : public SpillStore::Cursor {
 public:
  CursorImpl(rocksdb::DB& db, uint64_t space, std::string_view from)
      : end_(FullKey(space + 1, "")), end_slice_(end_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;
    options.fill_cache = false;
    iterator_.reset(db.NewIterator(options));
    iterator_->Seek(FullKey(space, from));
  }
  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  std::string_view key() const override { return ToView(iterator_->key()).substr(kSpaceBytes); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  Status status() const override {
    return ToStatus(iterator_->status(), "reading spilled changes");
  }

 private:
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class SpillStoreImpl : public SpillStore {
 public:
  SpillStoreImpl(Options options, SpillDir dir)
      : options_(std::move(options)), dir_(std::move(dir)), filter_(spaces_) {}

  ~SpillStoreImpl() override {
    janitor_.request_stop();
    compaction_canceled_ = true;
    if (janitor_.joinable()) janitor_.join();
    if (db_) rocksdb::CancelAllBackgroundWork(db_.get(), true);
    db_.reset();
    metrics_.disk_bytes.Set(0);
  }

  SpillSpace NewSpace() override { return spaces_.Add(); }

  Result<std::unique_ptr<Run>> NewRun() override;

  Result<std::unique_ptr<Cursor>> Read(SpillSpace space, std::string_view from) override {
    ASSIGN_OR_RETURN(rocksdb::DB * db, Database());
    return std::make_unique<CursorImpl>(*db, static_cast<uint64_t>(space), from);
  }

  Result<bool> Get(SpillSpace space, std::string_view key, std::string* value) override {
    ASSIGN_OR_RETURN(rocksdb::DB * db, Database());
    const rocksdb::Status status =
        db->Get(rocksdb::ReadOptions(), FullKey(static_cast<uint64_t>(space), key), value);
    if (status.IsNotFound()) return false;
    RETURN_UNEXPECTED_IF_ERROR(ToStatus(status, "reading a spilled prewrite"));
    return true;
  }

  void DropBelow(SpillSpace space, std::string_view key, uint64_t bytes) override {
    spaces_.DropBelow(static_cast<uint64_t>(space), key, bytes);
    WakeJanitor();
  }
  void Drop(SpillSpace space) override {
    spaces_.Drop(static_cast<uint64_t>(space));
    WakeJanitor();
  }

  uint64_t disk_bytes() const override { return disk_bytes_.load(); }
  uint64_t disk_bytes_peak() const override { return disk_bytes_peak_.load(); }
  uint64_t bytes_max() const override { return options_.bytes_max; }
  bool FullerThan(double part) const override {
    return options_.bytes_max > 0 &&
           static_cast<double>(disk_bytes()) > static_cast<double>(options_.bytes_max) * part;
  }

 private:
  class RunImpl;

  Result<rocksdb::DB*> Database();
  Status CheckRoom(uint64_t bytes) const;
  void UpdateDiskBytes();

  bool CleaningPays() const;
  void WakeJanitor();
  void Clean(std::stop_token stop);
  void RemoveUnwanted();

  const Options options_;
  const SpillDir dir_;
  SpaceTable spaces_;
  UnwantedFilter filter_;
  SpillMetrics metrics_{Metrics()};
  rocksdb::Options db_options_;  // set once, with db_
  std::atomic<uint64_t> disk_bytes_{0};
  std::atomic<uint64_t> disk_bytes_peak_{0};
  std::atomic<uint64_t> next_file_{1};
  std::atomic<bool> compaction_canceled_{false};

  std::mutex mutex_;  // guards the making of db_; never changed after that
  std::unique_ptr<rocksdb::DB> db_;

  std::mutex janitor_mutex_;  // guards nothing: only for waiting
  std::condition_variable_any janitor_wakeup_;
  std::jthread janitor_;
};

// Writes tables itself and hands them over whole: sorted runs go past the memtable, and straight to
// the deepest level where nothing overlaps them.
class SpillStoreImpl::RunImpl : public SpillStore::Run {
 public:
  RunImpl(SpillStoreImpl& store, rocksdb::DB& db) : store_(store), db_(db) {}

  ~RunImpl() override {
    writer_.reset();
    for (const std::string& file : files_) (void)db_.GetEnv()->DeleteFile(file);
  }

  Status Add(SpillSpace space, std::string_view key, std::string_view value) override {
    const auto id = static_cast<uint64_t>(space);
    if (writer_ && writer_->FileSize() >= store_.options_.file_bytes) RETURN_IF_ERROR(EndFile());
    if (!writer_) RETURN_IF_ERROR(BeginFile());
    full_key_.clear();
    AppendBigEndian64(&full_key_, id);
    full_key_.append(key);
    if (FailPoint("InjectErrorBackEndWrite"))
      return Status(Code::kSorterIo, "fail point InjectErrorBackEndWrite");
    RETURN_IF_ERROR(ToStatus(writer_->Put(full_key_, ToSlice(value)), "spilling changes"));
    if (written_.empty() || written_.back().first != id) written_.emplace_back(id, 0);
    written_.back().second += full_key_.size() + value.size();
    return Status::Ok();
  }

  Status Finish() override {
    if (writer_) RETURN_IF_ERROR(EndFile());
    if (files_.empty()) return Status::Ok();
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;
    RETURN_IF_ERROR(ToStatus(db_.IngestExternalFile(files_, options), "spilling changes"));
    store_.metrics_.files.Add(static_cast<double>(files_.size()));
    files_.clear();
    uint64_t total = 0;
    for (const auto& [space, bytes] : written_) {
      store_.spaces_.Wrote(space, bytes);
      total += bytes;
    }
    store_.metrics_.written_bytes.Add(static_cast<double>(total));
    store_.UpdateDiskBytes();
    return Status::Ok();
  }

 private:
  Status BeginFile() {
    if (FailPoint("InjectErrorBackEndAlloc"))
      return Status(Code::kSorterIo, "fail point InjectErrorBackEndAlloc");
    RETURN_IF_ERROR(store_.CheckRoom(bytes_));
    files_.push_back(fmt::format("{}/{}.run", store_.dir_.path(), store_.next_file_++));
    writer_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), store_.db_options_);
    return ToStatus(writer_->Open(files_.back()), "spilling changes");
  }
  Status EndFile() {
    rocksdb::ExternalSstFileInfo info;
    const rocksdb::Status status = writer_->Finish(&info);
    writer_.reset();
    bytes_ += info.file_size;
    RETURN_IF_ERROR(ToStatus(status, "spilling changes"));
    return store_.CheckRoom(bytes_);
  }

  SpillStoreImpl& store_;
  rocksdb::DB& db_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
  std::vector<std::string> files_;
  std::vector<std::pair<uint64_t, uint64_t>> written_;  // bytes by space
  uint64_t bytes_ = 0;                                  // of finished files
  std::string full_key_;
};

Result<std::unique_ptr<SpillStore::Run>> SpillStoreImpl::NewRun() {
  ASSIGN_OR_RETURN(rocksdb::DB * db, Database());
  RETURN_UNEXPECTED_IF_ERROR(CheckRoom(0));
  return std::make_unique<RunImpl>(*this, *db);
}

Result<rocksdb::DB*> SpillStoreImpl::Database() {
  std::lock_guard lock(mutex_);
  if (db_) return db_.get();
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options_.cache_bytes, kCacheShardBits);
  // Indexes and filters in small pieces: those of a large file, whole, would fit into no shard of
  // the cache, and be read anew for every key.
  table.cache_index_and_filter_blocks = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kMetadataBlockBytes;
  table.block_size = kBlockBytes;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.compaction_filter = &filter_;
  options.max_background_jobs = 2;
  options.max_open_files = 1024;
  options.write_buffer_size = 1 << 20;  // nothing goes this way
  options.target_file_size_base = options_.file_bytes;
  options.max_bytes_for_level_base = 8 * options_.file_bytes;
  options.keep_log_file_num = 1;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.skip_stats_update_on_db_open = true;
  rocksdb::DB* db = nullptr;
  RETURN_UNEXPECTED_IF_ERROR(ToStatus(rocksdb::DB::Open(options, dir_.path() + "/db", &db),
                                      "opening the database for spilled changes"));
  LogInfo("memory is used up, changes are spilled to {}", dir_.path());
  db_options_ = options;
  db_.reset(db);
  janitor_ = std::jthread([this](std::stop_token stop) { Clean(std::move(stop)); });
  return db_.get();
}

Status SpillStoreImpl::CheckRoom(uint64_t bytes) const {
  if (options_.bytes_max > 0 && disk_bytes() + bytes > options_.bytes_max)
    return Status(Code::kDiskFull, "the {} MiB of disk for spilled changes are used up",
                  options_.bytes_max >> 20);
  if (dir_.disk_bytes_free() < 2 * options_.file_bytes)
    return Status(Code::kDiskFull, "the disk of {} is full", dir_.path());
  return Status::Ok();
}

void SpillStoreImpl::UpdateDiskBytes() {
  uint64_t bytes = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
  disk_bytes_.store(bytes);
  uint64_t peak = disk_bytes_peak_.load();
  while (bytes > peak && !disk_bytes_peak_.compare_exchange_weak(peak, bytes)) {
  }
  metrics_.disk_bytes.Set(static_cast<double>(bytes));
}

// ---- Taking away what nobody wants ----

// Whole files cost next to nothing to remove, but looking for them costs something.
bool SpillStoreImpl::CleaningPays() const {
  const uint64_t dropped = spaces_.dropped_bytes();
  return dropped >= options_.file_bytes || (dropped > 0 && spaces_.live_bytes() == 0);
}

void SpillStoreImpl::WakeJanitor() {
  if (!CleaningPays()) return;
  {
    std::lock_guard lock(janitor_mutex_);
  }
  janitor_wakeup_.notify_one();
}

void SpillStoreImpl::Clean(std::stop_token stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(janitor_mutex_);
      if (!janitor_wakeup_.wait(lock, stop, [&] { return CleaningPays(); })) return;
    }
    RemoveUnwanted();
    UpdateDiskBytes();
  }
}

void SpillStoreImpl::RemoveUnwanted() {
  const std::vector<SpaceTable::Range> unwanted = spaces_.Unwanted();
  std::vector<rocksdb::Slice> bounds;
  bounds.reserve(unwanted.size() * 2);
  for (const auto& range : unwanted) {
    bounds.emplace_back(range.start);
    bounds.emplace_back(range.end);
  }
  std::vector<rocksdb::RangePtr> ranges;
  ranges.reserve(unwanted.size());
  for (size_t i = 0; i < bounds.size(); i += 2) ranges.emplace_back(&bounds[i], &bounds[i + 1]);
  rocksdb::Status status = rocksdb::DeleteFilesInRanges(
      db_.get(), db_->DefaultColumnFamily(), ranges.data(), ranges.size(), /*include_end=*/false);
  UpdateDiskBytes();
  // What is left beside the living is files that hold both, and files of level 0.
  const uint64_t live = spaces_.live_bytes();
  const uint64_t slack = live == 0 ? 0 : live + 8 * options_.file_bytes;
  if (status.ok() && disk_bytes() > live + slack) {
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.canceled = &compaction_canceled_;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    status = db_->CompactRange(options, nullptr, nullptr);
  }
  if (!status.ok() && !status.IsIncomplete() && !compaction_canceled_ &&
      !status.IsShutdownInProgress())
    LogWarn("cannot remove spilled changes that are done with: {}", status.ToString());
}

}  // namespace

Result<std::unique_ptr<SpillStore>> SpillStore::Open(Options options) {
  ASSIGN_OR_RETURN(SpillDir dir, SpillDir::Make(options.dir));
  return std::make_unique<SpillStoreImpl>(std::move(options), std::move(dir));
}

}  // namespace cdc
