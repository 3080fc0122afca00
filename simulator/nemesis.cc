#include "simulator/nemesis.h"

namespace cdc {
namespace {

constexpr size_t kRegionsMax = 500;  // splits stop here
constexpr uint64_t kLockTtlMs = 1500;
constexpr SimRegionError kPassing[] = {SimRegionError::kNotLeader, SimRegionError::kEpochNotMatch,
                                       SimRegionError::kRegionNotFound,
                                       SimRegionError::kServerIsBusy, SimRegionError::kCongested};

}  // namespace

void Nemesis::Start(const NemesisOptions& options) {
  Stop();
  random_.seed(options.seed);
  thread_ = std::jthread([this, options](std::stop_token stop) { Run(options, std::move(stop)); });
}

void Nemesis::Stop() { thread_ = {}; }

std::map<std::string, uint64_t> Nemesis::Counts() {
  std::lock_guard lock(mutex_);
  return counts_;
}

void Nemesis::Run(const NemesisOptions& options, std::stop_token stop) {
  while (SystemClock().SleepFor(options.interval, stop)) {
    const std::string fault = Strike(options, stop);
    std::lock_guard lock(mutex_);
    ++counts_[fault];
  }
}

std::optional<SimCluster::RegionView> Nemesis::AnyRegion() {
  // Tables matter more than the rest of the key space.
  auto regions = cluster_.Regions("t", "", kRegionsMax * 2);
  if (regions.empty()) return std::nullopt;
  return std::move(regions[Pick(regions.size())]);
}

std::string Nemesis::SplitSomewhere() {
  const auto region = AnyRegion();
  if (!region || cluster_.Counts().regions > kRegionsMax) return "nothing";
  const auto key = cluster_.MiddleKey(region->region.id(), Pick(1000));
  return key && cluster_.Split(*key).ok() ? "split" : "nothing";
}

// Prewrites of a client that died. Readers and watchdogs have to resolve them.
std::string Nemesis::LeaveLocks(const NemesisOptions& options) {
  if (options.table_prefix.empty()) return "nothing";
  std::vector<SimMutation> mutations;
  for (uint64_t i = 0; i <= Pick(4); ++i) {
    // Keys that no load writes to, so that it need not resolve locks itself.
    const std::string key = options.table_prefix + "_r" + std::string(1, '\x80') + "lock" +
                            std::to_string(Pick(900) + 100);
    mutations.push_back({key, "never seen"});
  }
  cluster_.LeaveLocks(mutations, kLockTtlMs);
  return "locks left behind";
}

std::string Nemesis::Strike(const NemesisOptions& options, std::stop_token stop) {
  const auto& clock_wait = [&] { SystemClock().SleepFor(options.down_time, stop); };
  const uint64_t store = 1 + Pick(cluster_.options().stores);
  const uint64_t dice = Pick(100);
  const auto region = AnyRegion();
  if (!region) return "nothing";
  const uint64_t id = region->region.id();
  if (dice < 20) return SplitSomewhere();
  if (dice < 30) return cluster_.Merge(id).ok() ? "merge" : "nothing";
  if (dice < 45) return cluster_.TransferLeader(id, 0).ok() ? "leader change" : "nothing";
  if (dice < 55) return cluster_.Move(id, {store}).ok() ? "move" : "nothing";
  if (dice < 70) {
    cluster_.FailRegion(id, kPassing[Pick(std::size(kPassing))]);
    return "region error";
  }
  if (dice < 76) {
    cluster_.FailNextRegistrations(static_cast<int>(1 + Pick(5)), kPassing[Pick(5)]);
    return "registration refused";
  }
  if (dice < 80) {
    cluster_.FailNextRequests(static_cast<int>(1 + Pick(3)), kPassing[Pick(4)]);
    return "request refused";
  }
  if (dice < 86) {
    for (const auto& stream : cluster_.Streams(store)) stream->Close();
    return "stream cut";
  }
  if (dice < 90) {
    const auto streams = cluster_.Streams(store);
    for (const auto& stream : streams) stream->Stall(true);
    clock_wait();
    for (const auto& stream : streams) stream->Stall(false);
    return "stream stalled";
  }
  if (dice < 94) {
    cluster_.HoldResolved(true);
    clock_wait();
    cluster_.HoldResolved(false);
    return "resolved ts held";
  }
  if (dice < 98) return LeaveLocks(options);
  if (!stores_.stop(store).ok()) return "nothing";
  clock_wait();
  return stores_.start(store).ok() ? "store restart" : "store stop";
}

}  // namespace cdc
