// Fail points: named places in the code at which a test makes the program misbehave. Only where no
// other seam exists; the names are TiCDC's where it has the same place.
//
//   if (const auto value = FailPoint("capture-resign-failed")) return Status(Code::kEtcd, "…");
//
// They work in builds with the option CDC_FAILPOINTS (all but the release preset); in others a
// FailPoint is a call that returns nullopt, and none can be set. Not for hot loops. Points are set
// by the environment, CDC_FAILPOINTS="name=terms;name=terms",
// or at run time. `terms` are those of pingcap/failpoint, tried in order, parted by "->":
//   [COUNT*|PERCENT%]action, where action is return(value), sleep(ms), pause, panic, print or off.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// Thread-safe, all of them.
bool FailPointsCompiled();
// The value that the point returns now (quotes taken off); nullopt if it is off or did something
// else. May sleep, pause until the point is changed, or abort, as its terms say.
std::optional<std::string> FailPoint(std::string_view name);
// The same as a number; nullopt for what is not one.
std::optional<int64_t> FailPointInt(std::string_view name);

// kRefuse codes: terms that cannot be read; kNotSupported when fail points are not compiled in.
Status EnableFailPoint(const std::string& name, const std::string& terms);
Status DisableFailPoint(const std::string& name);
// Name to terms of those that are set.
std::map<std::string, std::string> FailPoints();

}  // namespace cdc
