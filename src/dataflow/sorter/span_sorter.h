// The sorter of one span: in memory, and on disk what had to be spilled. Private to the folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "dataflow/sorter/commit_order.h"
#include "dataflow/sorter/sorter.h"
#include "dataflow/spill/spill_store.h"

namespace cdc {

class SpanSorterImpl;

// What a sorter needs of the pool that made it.
class SpillHost {
 public:
  virtual ~SpillHost() = default;
  virtual SpillStore* store() = 0;                        // null: nothing is spilled
  virtual void Forget(const SpanSorterImpl* sorter) = 0;  // waits for a spill of it to end
};

// Three sorted streams are merged: `ready_`, sorted in memory, all of it at or below the resolved
// ts of the moment it was made; what is made of `incoming_` next, all above that; and the disk.
// While nothing is on disk, there is no merge. Scan and a spill of the same span exclude each
// other.
class SpanSorterImpl : public SpanSorter {
 public:
  SpanSorterImpl(std::shared_ptr<MemoryQuota> quota, std::shared_ptr<SpillHost> host);
  ~SpanSorterImpl() override;

  Status Append(std::vector<KvEvent> events) override;
  void Advance(Ts resolved) override;
  Ts resolved() const override;
  Result<EventBatch> Scan(Ts bound, size_t bytes_max) override;
  Ts FirstPending() const override;
  size_t bytes() const override { return bytes_.load(std::memory_order_relaxed); }
  size_t spilled_bytes() const override;

  // For the pool, one thread at a time: takes all out of memory, writes it, and then lets go of it
  // or puts it back. No Scan begins between the first and the last.
  enum class IfBusy { kSkip, kWait };
  bool BeginSpill(IfBusy if_busy);  // false: it is being read, or there is nothing
  Status WriteTo(SpillStore::Run* run);
  size_t EndSpill(bool written);  // bytes of memory freed
  SpillSpace space() const { return *space_; }
  const MemoryQuota& quota() const { return *quota_; }

 private:
  struct DiskPart {
    std::vector<KvEvent> events;
    Ts next = Ts::Max();  // the first one after them
  };

  Ts FirstPendingLocked() const;
  void MakeReady(std::unique_lock<std::mutex>& lock);
  void ScanMemory(std::unique_lock<std::mutex>& lock, Ts bound, size_t bytes_max,
                  EventBatch* batch);
  Status ScanMerged(std::unique_lock<std::mutex>& lock, Ts bound, size_t bytes_max,
                    EventBatch* batch);
  Status ReadDisk(Ts bound, size_t bytes_max, DiskPart* part);
  void ForgetRead(const EventBatch& batch, size_t disk_bytes);
  bool Take(KvEvent& event, size_t bytes_max, EventBatch* batch);

  const std::shared_ptr<MemoryQuota> quota_;
  const std::shared_ptr<SpillHost> host_;
  std::atomic<size_t> bytes_{0};  // in memory; changed under mutex_

  mutable std::mutex mutex_;  // guards all below; released while sorting and while the disk is used
  std::condition_variable idle_;
  bool busy_ =
      false;  // in Scan or between BeginSpill and EndSpill: they own what the next group says
  Ts resolved_;
  EventBatches incoming_;
  Ts incoming_first_ = Ts::Max();
  Ts working_first_ = Ts::Max();  // of events being sorted or spilled, in none of the vectors
  Ts disk_first_ = Ts::Max();     // Max: nothing is on disk
  size_t disk_bytes_ = 0;

  // Changed only by whoever is busy, under mutex_ as far as FirstPending looks at it:
  std::vector<KvEvent> ready_;
  size_t next_ = 0;          // into ready_; what is before it has been given out
  size_t batch_bytes_ = 0;   // of the batch that Scan makes
  size_t batch_memory_ = 0;  // … of which from memory
  std::optional<SpillSpace> space_;
  std::string read_up_to_;  // encoded key; everything on disk is at or above it
  EventBatches spilling_;
  size_t spilling_disk_bytes_ = 0;
};

}  // namespace cdc
