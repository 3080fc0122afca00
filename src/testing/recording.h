// Recordings: a real TiDB's transaction log in a directory (tests/recordings/README.md has the
// format).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "dataflow/upstream/snapshot_reader.h"
#include "model/kv_event.h"

namespace cdc {

struct RecordingMeta {
  std::string name;
  Ts start_ts;
  Ts end_ts;
  std::vector<std::string> filter;  // the rules all changefeeds of the case ran with
};

// Not thread-safe, except base().
class Recording {
 public:
  static Result<std::unique_ptr<Recording>> Open(const std::string& directory);

  const RecordingMeta& meta() const { return meta_; }
  // The meta keys (prefix m) as they were at start_ts, whatever the ts asked for.
  SnapshotReader& base() { return *base_; }

  // Calls `visit` for each transaction in commit order, as the region feed would deliver its
  // changes: old values are what earlier transactions of the recording wrote. An error that `visit`
  // returns ends the reading and is returned.
  Status ReadTransactions(const std::function<Status(std::vector<KvEvent>)>& visit) const;

 private:
  Recording() = default;

  std::string directory_;
  RecordingMeta meta_;
  std::unique_ptr<SnapshotReader> base_;
};

// Calls `visit` for each line of a zstd-compressed file (windows up to 128 MiB). Lines end in
// simdjson's padding.
Status ReadZstdLines(const std::string& path,
                     const std::function<Status(std::string_view line)>& visit);

}  // namespace cdc
