// Takes one of the product's protections away, to see that the simulation notices.
#pragma once

#include <optional>
#include <string_view>

namespace cdc {

enum class Protection {
  kFence,            // sinks write whether or not the lease may have lapsed
  kGuards,           // transactions of etcd are not bound to the lease and the election
  kAcknowledgement,  // sinks acknowledge what they have not written
  kOrder,            // sinks write the youngest batch first
  kSafePoint,        // PD is never told what to keep
  kResume,           // regions are registered from now on, not from where they were resolved
  kMessages,         // some messages of the stores are lost
  kFlow,             // stores send however much is not yet handled
};

// "fence", "guards", "acknowledgement", "order", "safe-point", "resume", "messages", "flow".
std::optional<Protection> ProtectionFromName(std::string_view name);
void TakeAway(Protection protection);
bool Without(Protection protection);

}  // namespace cdc
