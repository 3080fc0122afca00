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
  // From `utc` (packed) on, civil time is UTC + `offset_seconds`.
  struct Era {
    uint64_t utc;
    int64_t offset_seconds;
  };
  // In order, the first from 0 on and a last one that no time reaches.
  using Eras = std::vector<Era>;

  explicit TimeZone(std::shared_ptr<const Eras> eras) : eras_(std::move(eras)) {}
  static Result<std::shared_ptr<const Eras>> LoadEras(const std::string& name);
  void FindEra(uint64_t packed);

  std::shared_ptr<const Eras> eras_;
  size_t era_ = 0;  // of the last time that was converted: the next is mostly of the same
};

}  // namespace cdc
