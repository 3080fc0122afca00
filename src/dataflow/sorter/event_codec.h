// How an event lies on disk: its key sorts in commit order.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "dataflow/spill/arena.h"
#include "model/kv_event.h"

namespace cdc {

void EncodeEventKey(const KvEvent& event, std::string* out);
void EncodeEventValue(const KvEvent& event, std::string* out);

// The commit ts of an encoded key. kSorterIo if that is not one.
Result<Ts> DecodeCommitTs(std::string_view key);
// The event, its bytes in the arena.
Result<KvEvent> DecodeEvent(std::string_view key, std::string_view value, Arena* arena);

}  // namespace cdc
