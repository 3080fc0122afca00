#include <algorithm>

#include "base/bytes.h"
#include "dataflow/upstream/snapshot_reader_impl.h"

namespace cdc {
namespace {

constexpr Duration kGiveUpAfter = 60s;  // of no answer; a scan starts anew with each page
constexpr uint32_t kPageKeys = 512;

}  // namespace

Result<std::optional<std::string>> TiKvSnapshotReader::Get(std::string_view user_key, Ts ts) {
  Retry retry = rpc_.StartRetry(kGiveUpAfter);
  Ignored ignored;
  for (;;) {
    ASSIGN_OR_RETURN(RegionRef region, rpc_.Locate(user_key, &retry));
    kvrpcpb::GetRequest request;
    request.set_key(std::string(user_key));
    request.set_version(ts.raw());
    request.mutable_context()->mutable_resolved_locks()->Add(ignored.begin(), ignored.end());
    ASSIGN_OR_RETURN(auto response,
                     rpc_.Send(*region, "KvGet", &TiKvStub::KvGet, &request, &retry));
    if (!response) continue;
    if (response->error().has_locked()) {
      RETURN_UNEXPECTED_IF_ERROR(Unblock({response->error().locked()}, ts, &ignored, &retry));
      continue;
    }
    if (response->has_error()) {
      return Error(Code::kTiKvRpc, "KvGet: {}", response->error().ShortDebugString());
    }
    RETURN_UNEXPECTED_IF_ERROR(CheckNotCollected(ts));
    if (response->not_found()) return std::nullopt;
    return std::move(*response->mutable_value());
  }
}

Status TiKvSnapshotReader::Scan(
    const KeyRange& range, Ts ts,
    const std::function<Status(std::string_view, std::string_view)>& visit) {
  Retry retry = rpc_.StartRetry(kGiveUpAfter);
  Ignored ignored;
  std::string at = range.start;
  for (;;) {
    ASSIGN_OR_RETURN_STATUS(RegionRef region, rpc_.Locate(at, &retry));
    const bool last =
        region->end_key.empty() || (!range.end.empty() && region->end_key >= range.end);
    kvrpcpb::ScanRequest request;
    request.set_start_key(at);
    request.set_end_key(last ? range.end : region->end_key);
    request.set_limit(kPageKeys);
    request.set_version(ts.raw());
    request.mutable_context()->set_not_fill_cache(true);
    request.mutable_context()->mutable_resolved_locks()->Add(ignored.begin(), ignored.end());
    ASSIGN_OR_RETURN_STATUS(auto response,
                            rpc_.Send(*region, "KvScan", &TiKvStub::KvScan, &request, &retry));
    if (!response) continue;
    std::vector<kvrpcpb::LockInfo> locks;
    if (response->error().has_locked()) {
      locks.push_back(response->error().locked());
    } else if (response->has_error()) {
      return Status(Code::kTiKvRpc, "KvScan: {}", response->error().ShortDebugString());
    }
    for (const kvrpcpb::KvPair& pair : response->pairs()) {
      if (pair.has_error()) {
        if (!pair.error().has_locked()) {
          return Status(Code::kTiKvRpc, "KvScan: {}", pair.error().ShortDebugString());
        }
        locks.push_back(pair.error().locked());
      }
      if (!locks.empty()) continue;  // keys behind the first lock are read again
      RETURN_IF_ERROR(visit(pair.key(), pair.value()));
      at = pair.key() + '\0';
    }
    if (!locks.empty()) {
      RETURN_IF_ERROR(Unblock(std::move(locks), ts, &ignored, &retry));
      continue;
    }
    retry.Restart();
    if (static_cast<uint32_t>(response->pairs_size()) >= kPageKeys) continue;
    if (last) return CheckNotCollected(ts);
    at = region->end_key;
  }
}

Status TiKvSnapshotReader::Unblock(std::vector<kvrpcpb::LockInfo> locks, Ts ts, Ignored* ignored,
                                   Retry* retry) {
  ASSIGN_OR_RETURN_STATUS(LockOutcome outcome, locks_.Resolve(locks, ts, retry));
  for (const uint64_t txn : outcome.ignore) {
    if (std::ranges::find(*ignored, txn) == ignored->end()) ignored->push_back(txn);
  }
  if (!outcome.alive) return Status::Ok();
  // It may end well before its time to live does: look again soon.
  const Status why(Code::kTiKvRpc, "key {} is locked by txn {}", ToHex(outcome.alive->key()),
                   outcome.alive->lock_version());
  return retry->Wait(why, std::min<Duration>(outcome.wait, 10ms));
}

Status TiKvSnapshotReader::CheckNotCollected(Ts ts) {
  ASSIGN_OR_RETURN_STATUS(Ts safe_point, pd_.GetGcSafePoint());
  if (ts >= safe_point) return Status::Ok();
  return Status(Code::kSnapshotLost, "read at {}, but data before {} may be collected", ts,
                safe_point);
}

}  // namespace cdc
