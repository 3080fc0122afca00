// A PD that only knows time and service GC safe points, with faults.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>

#include "dataflow/upstream/pd_client.h"

namespace cdc {

// Thread-safe but for its fields, which are set before use or under `mutex`.
class StubPd : public PdClient {
 public:
  uint64_t cluster_id() const override { return 1; }
  Result<Ts> GetTs() override { return now; }
  Result<Region> GetRegion(std::string_view) override { return Unused(); }
  Result<Region> GetRegionById(RegionId) override { return Unused(); }
  Result<std::vector<Region>> ScanRegions(std::string_view, std::string_view, int) override {
    return Unused();
  }
  Result<Store> GetStore(StoreId) override { return Unused(); }
  Result<std::vector<Store>> GetAllStores() override { return Unused(); }
  Result<Ts> GetGcSafePoint() override { return Unused(); }
  std::vector<std::string> endpoints() const override { return {}; }
  // As PD does it: a safe point below the least is not taken.
  Result<Ts> UpdateServiceGcSafePoint(std::string_view service, std::chrono::seconds ttl,
                                      Ts safe_point) override {
    std::lock_guard lock(mutex);
    if (failures > 0 && failures--) return Error(Code::kPdRequest, "not now");
    const std::string name(service);
    if (ttl == std::chrono::seconds(0))
      services.erase(name);
    else if (safe_point >= Least())
      services[name] = safe_point;
    return Least();
  }
  std::map<std::string, Ts> Services() const {
    std::lock_guard lock(mutex);
    return services;
  }

  mutable std::mutex mutex;
  Ts now = Ts::FromUnixMs(1'000'000'000);
  std::map<std::string, Ts> services;
  int failures = 0;

 private:
  Ts Least() const {
    const auto least =
        std::ranges::min_element(services, {}, [](const auto& e) { return e.second; });
    return least == services.end() ? Ts() : least->second;
  }
  static Unexpected Unused() { return Error(Code::kPdRequest, "unused"); }
};

}  // namespace cdc
