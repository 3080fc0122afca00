// SnapshotReader over TiKV's KvGet and KvScan. Private to the folder.
#pragma once

#include <vector>

#include "dataflow/upstream/lock_resolver.h"
#include "dataflow/upstream/snapshot_reader.h"

namespace cdc {

class TiKvSnapshotReader : public SnapshotReader {
 public:
  TiKvSnapshotReader(TiKvRpc& rpc, LockResolver& locks, PdClient& pd)
      : rpc_(rpc), locks_(locks), pd_(pd) {}

  Result<std::optional<std::string>> Get(std::string_view user_key, Ts ts) override;
  Status Scan(const KeyRange& range, Ts ts,
              const std::function<Status(std::string_view, std::string_view)>& visit) override;

 private:
  // Transactions that the read passes by, because they can only commit after it.
  using Ignored = std::vector<uint64_t>;

  Status Unblock(std::vector<kvrpcpb::LockInfo> locks, Ts ts, Ignored* ignored, Retry* retry);
  Status CheckNotCollected(Ts ts);

  TiKvRpc& rpc_;
  LockResolver& locks_;
  PdClient& pd_;
};

}  // namespace cdc
