// Which versions of PD and TiKV this program works with.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/upstream/pd_client.h"

namespace cdc {

// A semantic version; what git adds to one ("-12-g0123abc-dev", "-dirty") is taken off.
struct SemVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  std::string pre;  // "rc.1"; a version with it comes before the one without

  static std::optional<SemVersion> Parse(std::string_view text);  // a leading "v" may be there
  friend std::strong_ordering operator<=>(const SemVersion& a, const SemVersion& b);
  friend bool operator==(const SemVersion& a, const SemVersion& b) { return (a <=> b) == 0; }
};

// kVersionIncompatible for what is older than 4.0.0-rc.1, kCheckClusterVersion for what is not a
// version.
Status CheckPdVersion(std::string_view version);
// The same for every store that is not a tombstone; the first that does not fit.
Status CheckTiKvVersions(const std::vector<Store>& stores);

}  // namespace cdc
