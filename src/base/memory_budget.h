// How the memory of a node is split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/memory_quota.h"

namespace cdc {

// What a process here may use: the machine's memory, or less if a cgroup says so.
uint64_t MemoryOfMachine();

// Gives the system what the allocator keeps of freed memory, in all its arenas: what one thread
// freed another cannot use. Takes milliseconds; for when much was freed because memory is short.
void ReturnFreedMemory();

// One budget for the process, and the parts of it that the stages of all changefeeds share. A part
// that is used up makes its stage spill or wait; so the parts leave room for what nobody counts:
// the schema, the database's own memory, the allocator's slack.
struct MemoryBudget {
  std::shared_ptr<MemoryQuota> node;
  std::shared_ptr<MemoryQuota> prewrites;  // waiting for their commit
  std::shared_ptr<MemoryQuota> sorters;    // waiting to be read
  std::shared_ptr<MemoryQuota> sinks;      // on the way downstream
  std::shared_ptr<MemoryQuota> received;   // from the stores and not yet looked at
  size_t disk_cache_bytes = 0;

  // `sorter_bytes_max`: another limit for the sorters' part.
  static MemoryBudget Split(uint64_t bytes_max, uint64_t sorter_bytes_max);
};

}  // namespace cdc
