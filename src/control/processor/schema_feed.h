// Keeps a changefeed's schema history up to date from the region feed. Used by its owner and by
// each of its processors.
#pragma once

#include <functional>
#include <memory>

#include "dataflow/mounter/filter.h"
#include "dataflow/mounter/schema_store.h"
#include "dataflow/upstream/region_feed.h"

namespace cdc {

// Owns the SchemaStore and its subscriptions. Thread-safe once open.
class SchemaFeed {
 public:
  struct Callbacks {
    std::function<void()> on_advance = [] {};  // store().resolved() moved; on a feed thread
    std::function<void(Status)> on_error = [](const Status&) {};  // once; the feed has stopped
  };
  // Reads the snapshot at `start` (blocks) and subscribes. The references outlive the feed.
  static Result<std::unique_ptr<SchemaFeed>> Open(TiKvClient& tikv, const Filter& filter, Ts start,
                                                  Callbacks callbacks);
  virtual ~SchemaFeed() = default;  // ends the subscriptions; no callback after it
  virtual SchemaStore& store() = 0;
};

}  // namespace cdc
