#include "dataflow/upstream/tikv_rpc.h"

#include "base/log.h"
#include "dataflow/upstream/region_proto.h"

namespace cdc {

Status Retry::Wait(const Status& why, Duration at_least) {
  const Duration delay = std::max(backoff_.Next(), at_least);
  if (clock_.Now() + delay >= give_up_ || !clock_.SleepFor(delay, stop_)) return why;
  return Status::Ok();
}

Result<RegionRef> TiKvRpc::Locate(std::string_view user_key, Retry* retry) {
  for (;;) {
    auto region = regions_.Locate(user_key);
    if (region || region.error().code() != Code::kRegionsNotCoverSpan) return region;
    RETURN_UNEXPECTED_IF_ERROR(retry->Wait(region.error()));
  }
}

Result<std::unique_ptr<TiKvStub>> TiKvRpc::Stub(const Region& region) {
  ASSIGN_OR_RETURN(std::string address, regions_.StoreAddress(region.leader_store));
  return network_.OpenStub(address);
}

void TiKvRpc::FillContext(const Region& region, kvrpcpb::Context* context) const {
  context->set_region_id(Raw(region.id));
  context->mutable_region_epoch()->set_conf_ver(region.epoch.conf_version);
  context->mutable_region_epoch()->set_version(region.epoch.version);
  context->mutable_peer()->set_id(region.leader_peer);
  context->mutable_peer()->set_store_id(Raw(region.leader_store));
  context->set_request_source("external_cdc");
  context->set_cluster_id(cluster_id_);
}

Status TiKvRpc::StoreFailed(const Region& region, const Status& why, Retry* retry) {
  regions_.LeaderUnreachable(region);
  return retry->Wait(why);
}

Status TiKvRpc::CallFailed(const Region& region, std::string_view what, const grpc::Status& status,
                           Retry* retry) {
  const Status why(Code::kTiKvRpc, "{} to store {}, region {}: {}", what, region.leader_store,
                   region.id, Describe(status));
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return why;
  regions_.InvalidateStore(region.leader_store);
  return StoreFailed(region, why, retry);
}

Status TiKvRpc::RegionFailed(const Region& region, std::string_view what,
                             const errorpb::Error& error, Retry* retry) {
  const Status why(Code::kTiKvRpc, "{} to store {}, region {}: {}", what, region.leader_store,
                   region.id, error.ShortDebugString());
  if (error.has_not_leader()) {
    const metapb::Peer& leader = error.not_leader().leader();
    regions_.UpdateLeader(region.id, StoreId(leader.store_id()), leader.id());
    return retry->Wait(why);
  }
  if (error.has_epoch_not_match()) {
    regions_.Invalidate(region.id, region.epoch);
    for (const metapb::Region& current : error.epoch_not_match().current_regions()) {
      metapb::Peer leader;  // after a split, most likely still on the same store
      for (const metapb::Peer& peer : current.peers()) {
        if (StoreId(peer.store_id()) == region.leader_store) leader = peer;
      }
      if (auto fresh = RegionFromProto(current, leader)) regions_.Insert(std::move(*fresh));
    }
    return retry->Wait(why);
  }
  if (error.has_store_not_match()) {
    regions_.InvalidateStore(region.leader_store);
    regions_.Invalidate(region.id, region.epoch);
    return retry->Wait(why);
  }
  if (error.has_flashback_in_progress() || error.has_flashback_not_prepared()) return why;
  if (error.has_server_is_busy()) {
    return retry->Wait(why, std::chrono::milliseconds(error.server_is_busy().backoff_ms()));
  }
  const bool passes_by = error.has_stale_command() || error.has_max_timestamp_not_synced() ||
                         error.has_read_index_not_ready() || error.has_disk_full() ||
                         error.has_proposal_in_merging_mode() || error.has_recovery_in_progress();
  if (!passes_by) regions_.Invalidate(region.id, region.epoch);
  return retry->Wait(why);
}

}  // namespace cdc
