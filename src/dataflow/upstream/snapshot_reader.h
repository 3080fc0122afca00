// Reads of TiKV at a timestamp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/kv_event.h"

namespace cdc {

// Thread-safe. Locks of unfinished transactions are resolved the way TiDB's clients do it.
class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;
  virtual Result<std::optional<std::string>> Get(std::string_view user_key, Ts ts) = 0;
  // Calls `visit(key, value)` for each key of the range visible at `ts`, in key order. The views
  // live for the call only. An error that `visit` returns ends the scan and is returned.
  virtual Status Scan(const KeyRange& range, Ts ts,
                      const std::function<Status(std::string_view, std::string_view)>& visit) = 0;
};

}  // namespace cdc
