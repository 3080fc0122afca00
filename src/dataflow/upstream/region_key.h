// The encoding of region boundaries: TiKV keeps them as memcomparable bytes, everything else here
// uses user keys.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// Groups of eight bytes, each followed by a marker that says how many of them are padding, so that
// encoded keys sort like user keys. The empty key, "unbounded", stays empty.
std::string EncodeRegionKey(std::string_view user_key);
Result<std::string> DecodeRegionKey(std::string_view encoded);

}  // namespace cdc
