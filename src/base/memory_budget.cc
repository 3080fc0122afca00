#include "base/memory_budget.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <malloc.h>
#include <unistd.h>

namespace cdc {
namespace {

namespace fs = std::filesystem;

// UINT64_MAX if there is no such file or it says "max".
uint64_t ReadLimit(const fs::path& file) {
  std::ifstream in(file);
  uint64_t limit = 0;
  return in >> limit ? limit : UINT64_MAX;
}

// A group is bound by those above it, too.
uint64_t LimitOfGroups(const fs::path& root, const std::string& group, const char* file) {
  uint64_t limit = ReadLimit(root / file);
  fs::path path = root;
  for (const fs::path& part : fs::path(group).relative_path()) {
    path /= part;
    limit = std::min(limit, ReadLimit(path / file));
  }
  return limit;
}

uint64_t LimitOfCgroup() {
  uint64_t limit = UINT64_MAX;
  std::ifstream groups("/proc/self/cgroup");  // lines "id:controllers:path"
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,")
      limit = std::min(limit, LimitOfGroups("/sys/fs/cgroup", group, "memory.max"));
    if (controllers.find(",memory,") != std::string::npos)
      limit =
          std::min(limit, LimitOfGroups("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
  }
  return limit;
}

}  // namespace

uint64_t MemoryOfMachine() {
  const auto physical = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
  return std::min(physical, LimitOfCgroup());
}

void ReturnFreedMemory() { malloc_trim(0); }

MemoryBudget MemoryBudget::Split(uint64_t bytes_max, uint64_t sorter_bytes_max) {
  MemoryBudget budget;
  const auto part = [&](uint64_t bytes) {
    return std::make_shared<MemoryQuota>(bytes, budget.node);
  };
  budget.node = std::make_shared<MemoryQuota>(bytes_max);
  budget.prewrites = part(bytes_max / 8);
  budget.sorters = part(std::min(bytes_max / 4, sorter_bytes_max));
  budget.sinks = part(bytes_max / 4);
  budget.received = part(bytes_max / 16);
  budget.disk_cache_bytes = bytes_max / 16;
  return budget;
}

}  // namespace cdc
