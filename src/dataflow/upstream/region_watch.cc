#include "dataflow/upstream/region_watch.h"

namespace cdc {

const char* CureName(Cure cure) {
  switch (cure) {
    case Cure::kNone:
      return "none";
    case Cure::kResolveLocks:
      return "resolve-locks";
    case Cure::kRegisterAnew:
      return "register-anew";
    case Cure::kReloadRoute:
      return "reload-route";
  }
  return "";
}

Cure RegionWatch::Next(uint64_t subscription, RegionId region, Ts resolved, SteadyTime now) {
  const auto [it, fresh] = regions_.try_emplace({subscription, region});
  State& state = it->second;
  state.seen = now;
  if (fresh || resolved > state.resolved) {
    // Locks are looked for no more often than that, even in a region that creeps on.
    const SteadyTime resolve_due = fresh ? now : state.resolve_due;
    state = {.resolved = resolved,
             .since = now,
             .seen = now,
             .resolve_due = resolve_due,
             .register_due = now + config_.register_after,
             .reload_due = now + config_.reload_after};
  }
  if (now >= state.reload_due) {
    state.reload_due = now + config_.reload_after;
    state.register_due = now + config_.register_after;
    return Cure::kReloadRoute;
  }
  if (now >= state.register_due) {
    state.register_due = now + config_.reload_after;  // once between two reloads
    return Cure::kRegisterAnew;
  }
  if (now >= state.resolve_due) {
    state.resolve_due = now + config_.resolve_interval;
    return Cure::kResolveLocks;
  }
  return Cure::kNone;
}

void RegionWatch::Explained(uint64_t subscription, RegionId region, SteadyTime now) {
  const auto found = regions_.find({subscription, region});
  if (found == regions_.end()) return;
  found->second.register_due = now + config_.register_after;
  found->second.reload_due = now + config_.reload_after;
}

void RegionWatch::Tidy(SteadyTime now) {
  std::erase_if(regions_, [&](const auto& entry) {
    return now - entry.second.seen > config_.resolve_interval + config_.register_after;
  });
}

}  // namespace cdc
