// TiCDC's messages where the recordings keep a digest of each instead of the message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/codec/tests/golden_messages.h"

namespace cdc {

// Eight hexadecimal digits, of an item's text as the readers of golden_messages.h give it.
std::string DigestOf(std::string_view text);

// Items whose texts are digests. A line of the file is a JSON object: {"ddl": true, "table",
// "commit_ts", "digest"}, or {"table", "rows": digests one behind another}.
Result<std::vector<GoldenItem>> ReadDigests(const std::string& path);
Status WriteDigests(const std::string& path, const std::vector<GoldenItem>& items);

}  // namespace cdc
