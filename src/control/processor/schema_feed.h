// Keeps a changefeed's schema history up to date from the region feed. Its owner and its processor,
// if they are on the same node, share one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "config/replica_config.h"
#include "dataflow/mounter/schema_store.h"
#include "dataflow/upstream/region_feed.h"
#include "model/changefeed.h"

namespace cdc {

// Keeps a SchemaStore and its subscriptions alive for one user. Thread-safe.
class SchemaFeed {
 public:
  struct Callbacks {
    std::function<void()> on_advance = [] {};  // store().resolved() moved; on a feed thread
    std::function<void(Status)> on_error = [](const Status&) {};  // once; the feed has stopped
  };
  virtual ~SchemaFeed() = default;  // no callback after it
  virtual SchemaStore& store() = 0;
  // This user reads nothing before `ts` any more. Monotonic.
  virtual void CollectGarbage(Ts ts) = 0;
};

// The schema feeds of a node. Thread-safe.
class SchemaFeeds {
 public:
  explicit SchemaFeeds(TiKvClient& tikv) : tikv_(tikv) {}  // which outlives the feeds

  // What is known from `start` on: a feed of the same changefeed and configuration that is open
  // already and knows that, or a new one, which blocks while it reads its snapshot.
  Result<std::unique_ptr<SchemaFeed>> Open(const ChangefeedId& changefeed,
                                           const ReplicaConfig& config, Ts start,
                                           SchemaFeed::Callbacks callbacks);

 private:
  class Shared;
  class Handle;

  TiKvClient& tikv_;
  std::mutex mutex_;  // guards feeds_
  // By changefeed and configuration; the newest of those that are open.
  std::map<std::pair<ChangefeedId, std::string>, std::weak_ptr<Shared>> feeds_;
};

}  // namespace cdc
