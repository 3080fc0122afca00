// Decides what to do about regions that make no progress. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/clock.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

// From the mildest on: most regions stand because of a lock; a store may have lost a registration;
// and the route to the region may be wrong in a way that no error tells.
enum class Cure : uint8_t { kNone, kResolveLocks, kRegisterAnew, kReloadRoute };

const char* CureName(Cure cure);  // for logs and metrics

// Not thread-safe.
class RegionWatch {
 public:
  struct Config {
    Duration resolve_interval;  // between attempts at the locks of a region
    Duration register_after;    // without progress; locks are tried before and after
    Duration reload_after;      // … and then again and again after so long
  };
  explicit RegionWatch(const Config& config) : config_(config) {}

  // The region is behind and resolved up to `resolved`. What is returned is to be done now.
  Cure Next(uint64_t subscription, RegionId region, Ts resolved, SteadyTime now);
  // A lock of a transaction at work holds the region back: registering it anew would only bring all
  // that the transaction has written so far once more.
  void Explained(uint64_t subscription, RegionId region, SteadyTime now);
  // Forgets regions that were not behind for a while.
  void Tidy(SteadyTime now);
  size_t watched() const { return regions_.size(); }

 private:
  struct State {
    Ts resolved;
    SteadyTime since;  // when it was first seen to stand there
    SteadyTime seen;
    SteadyTime resolve_due;
    SteadyTime register_due;
    SteadyTime reload_due;
  };

  const Config config_;
  std::map<std::pair<uint64_t, RegionId>, State> regions_;
};

}  // namespace cdc
