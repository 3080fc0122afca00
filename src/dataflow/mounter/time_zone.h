// From UTC, as TiDB stores TIMESTAMPs, to the civil time of a zone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace cdc {

// A zone's offsets. Copies share the table, each has a cache of its own. Thread-compatible: one
// copy per thread.
class TimeZone {
 public:
  // An IANA name ("Asia/Shanghai"), an offset ("+08:00"), "UTC", or "", "Local" or "SYSTEM" for the
  // machine's. kLoadTimezone if there is no such zone.
  static Result<TimeZone> Load(const std::string& name);

  // Both packed as in rows (model/packed_time.h). The zero time stays zero.
  uint64_t FromUtc(uint64_t packed);

 private:
  // From `utc_seconds` (Unix) on, civil time is UTC + `offset_seconds`.
  struct Era {
    int64_t utc_seconds;
    int64_t offset_seconds;
  };
  using Eras = std::vector<Era>;  // in order; the first covers all before it

  explicit TimeZone(std::shared_ptr<const Eras> eras) : eras_(std::move(eras)) {}
  static Result<std::shared_ptr<const Eras>> LoadEras(const std::string& name);
  int64_t OffsetAt(int64_t utc_seconds) const;

  std::shared_ptr<const Eras> eras_;
  // The last hour that was converted: where the offset is whole hours, all its minutes are the same
  // but for the upper part, date and hour.
  uint64_t cached_utc_hour_ = ~uint64_t{0};
  uint64_t cached_local_hour_ = 0;
};

}  // namespace cdc
