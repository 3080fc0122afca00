#include "sabotage.h"

#include <utility>

namespace cdc {
namespace {

std::optional<Protection> g_taken_away;

}  // namespace

std::optional<Protection> ProtectionFromName(std::string_view name) {
  constexpr std::pair<std::string_view, Protection> kNames[] = {
      {"fence", Protection::kFence},
      {"guards", Protection::kGuards},
      {"acknowledgement", Protection::kAcknowledgement},
      {"order", Protection::kOrder},
      {"safe-point", Protection::kSafePoint},
      {"resume", Protection::kResume},
      {"messages", Protection::kMessages},
      {"flow", Protection::kFlow}};
  for (const auto& [known, protection] : kNames)
    if (known == name) return protection;
  return std::nullopt;
}

void TakeAway(Protection protection) { g_taken_away = protection; }
bool Without(Protection protection) { return g_taken_away == protection; }

}  // namespace cdc
