#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "dataflow/sorter/span_sorter.h"

namespace cdc {
namespace {

// Past this part of the disk's quota sorters stop; prewrites, for which nothing can wait, go on.
constexpr double kDiskPartMax = 0.9;
// How far memory is freed once it is used up, so that it is not done for every event.
constexpr double kFreeUntil = 0.7;
constexpr size_t kReturnBytesMin = 8 << 20;

class Pool : public SpillHost {
 public:
  explicit Pool(SpillStore* store) : store_(store) {}

  SpillStore* store() override { return store_; }

  void Add(SpanSorterImpl* sorter) {
    std::lock_guard lock(mutex_);
    sorters_.insert(sorter);
  }
  void Forget(const SpanSorterImpl* sorter) override {
    std::lock_guard lock(mutex_);
    sorters_.erase(const_cast<SpanSorterImpl*>(sorter));
  }

  Result<SorterPool::Room> MakeRoom(const MemoryQuota& quota, size_t bytes) {
    if (!quota.Exceeding(bytes)) return SorterPool::Room::kYes;
    if (!store_) return SorterPool::Room::kNo;
    std::lock_guard lock(mutex_);
    while (const MemoryQuota* over = quota.Exceeding(bytes)) {
      if (store_->FullerThan(kDiskPartMax)) return SorterPool::Room::kNo;
      const Result<size_t> freed = Spill(*over);
      if (!freed && freed.error().code() == Code::kDiskFull) {
        if (full_limiter_.Allow()) LogWarn("cannot spill: {}", freed.error().ToString());
        return SorterPool::Room::kNo;
      }
      if (!freed) return Unexpected(freed.error());
      if (*freed == 0) break;  // the memory is not the sorters'
    }
    return SorterPool::Room::kYes;
  }

 private:
  // The largest first, and no more of them than needed.
  std::vector<SpanSorterImpl*> Choose(const MemoryQuota& over) const {
    std::vector<std::pair<size_t, SpanSorterImpl*>> candidates;
    for (SpanSorterImpl* sorter : sorters_)
      if (const size_t size = sorter->bytes(); size > 0 && sorter->quota().IsPartOf(over))
        candidates.emplace_back(size, sorter);
    std::ranges::sort(candidates, std::greater());
    const auto keep = static_cast<size_t>(static_cast<double>(over.bytes_max()) * kFreeUntil);
    const size_t used = over.used();
    const size_t wanted = used > keep ? used - keep : 1;
    std::vector<SpanSorterImpl*> chosen;
    size_t size = 0;
    for (const auto& [bytes, sorter] : candidates) {
      if (size >= wanted) break;
      size += bytes;
      chosen.push_back(sorter);
    }
    return chosen;
  }

  Result<size_t> Spill(const MemoryQuota& over) {
    const std::vector<SpanSorterImpl*> chosen = Choose(over);
    std::vector<SpanSorterImpl*> begun;
    for (SpanSorterImpl* sorter : chosen)
      if (sorter->BeginSpill(SpanSorterImpl::IfBusy::kSkip)) begun.push_back(sorter);
    if (begun.empty() && !chosen.empty() &&
        chosen.front()->BeginSpill(SpanSorterImpl::IfBusy::kWait))
      begun.push_back(chosen.front());
    if (begun.empty()) return 0;
    (void)FailPoint("asyncFlushStartDelay");
    std::ranges::sort(begun, {}, &SpanSorterImpl::space);
    const Status status = Write(begun);
    size_t freed = 0;
    for (SpanSorterImpl* sorter : begun) freed += sorter->EndSpill(status.ok());
    if (!status.ok()) return Unexpected(status);
    LogDebug("spilled {} MiB of {} tables", freed >> 20, begun.size());
    if (freed >= kReturnBytesMin) ReturnFreedMemory();
    return freed;
  }

  Status Write(const std::vector<SpanSorterImpl*>& sorters) {
    ASSIGN_OR_RETURN_STATUS(const auto run, store_->NewRun());
    (void)FailPoint("asyncFlushInProcessDelay");
    for (SpanSorterImpl* sorter : sorters) RETURN_IF_ERROR(sorter->WriteTo(run.get()));
    return run->Finish();
  }

  SpillStore* const store_;
  LogLimiter full_limiter_{std::chrono::seconds(10)};
  std::mutex mutex_;  // guards sorters_, and keeps them alive while they spill
  std::unordered_set<SpanSorterImpl*> sorters_;
};

class SorterPoolImpl : public SorterPool {
 public:
  explicit SorterPoolImpl(SpillStore* store) : pool_(std::make_shared<Pool>(store)) {}

  std::unique_ptr<SpanSorter> Make(std::shared_ptr<MemoryQuota> quota) override {
    auto sorter = std::make_unique<SpanSorterImpl>(std::move(quota), pool_);
    pool_->Add(sorter.get());
    return sorter;
  }
  Result<Room> MakeRoom(const MemoryQuota& quota, size_t bytes) override {
    return pool_->MakeRoom(quota, bytes);
  }
  bool can_spill() const override { return pool_->store() != nullptr; }

 private:
  const std::shared_ptr<Pool> pool_;
};

}  // namespace

std::unique_ptr<SorterPool> MakeSorterPool(SpillStore* store) {
  return std::make_unique<SorterPoolImpl>(store);
}

}  // namespace cdc
