// TIMESTAMP values, which rows hold in the changefeed's zone, in UTC again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataflow/mounter/time_zone.h"

namespace cdc {

// Not thread-safe.
class UtcText {
 public:
  // A zone that cannot be loaded is taken as UTC: the mounter has refused it before.
  explicit UtcText(const std::string& zone);

  // Packed as in rows. Of an hour that the end of daylight saving time repeats, one of the two.
  uint64_t ToUtc(uint64_t packed);

 private:
  std::optional<TimeZone> zone_;  // unset: UTC
};

// A zone's name for consumers: for "", the machine's, "UTC" if it has none.
std::string ZoneName(const std::string& zone);

}  // namespace cdc
