#include "simulator/pd_service.h"

#include <algorithm>

#include <grpcpp/grpcpp.h>

#include "dataflow/upstream/region_key.h"

namespace cdc {
namespace {

constexpr char kVersion[] = "8.5.4";
constexpr uint64_t kMemberId = 1;
constexpr int kRegionsMax = 100'000;  // of a request without a limit
constexpr uint64_t kLogicalBits = 18;

std::string UserKey(const std::string& encoded) { return DecodeRegionKey(encoded).value_or(""); }

template <typename Out>
void Fill(const SimCluster::RegionView& view, Out* out) {
  *out->mutable_region() = view.region;
  if (view.leader.store_id() != 0) *out->mutable_leader() = view.leader;
}

}  // namespace

void PdService::SetAddresses(std::string url, std::vector<std::string> stores) {
  url_ = std::move(url);
  stores_ = std::move(stores);
}

grpc::Status PdService::GetMembers(Context*, const pdpb::GetMembersRequest*,
                                   pdpb::GetMembersResponse* response) {
  Head(response);
  pdpb::Member member;
  member.set_name("simulator");
  member.set_member_id(kMemberId);
  member.add_client_urls(url_);
  member.add_peer_urls(url_);
  member.set_binary_version(kVersion);
  *response->add_members() = member;
  *response->mutable_leader() = member;
  *response->mutable_etcd_leader() = member;
  return Status::OK;
}

grpc::Status PdService::GetClusterInfo(Context*, const pdpb::GetClusterInfoRequest*,
                                       pdpb::GetClusterInfoResponse* response) {
  Head(response);
  response->add_service_modes(pdpb::PD_SVC_MODE);
  return Status::OK;
}

grpc::Status PdService::Tso(Context*,
                            grpc::ServerReaderWriter<pdpb::TsoResponse, pdpb::TsoRequest>* stream) {
  pdpb::TsoRequest request;
  while (stream->Read(&request)) {
    pdpb::TsoResponse response;
    Head(&response);
    const uint32_t count = std::max<uint32_t>(request.count(), 1);
    const Ts last = cluster_.oracle().Next(count);
    response.set_count(count);
    response.mutable_timestamp()->set_physical(static_cast<int64_t>(last.unix_ms()));
    response.mutable_timestamp()->set_logical(
        static_cast<int64_t>(last.raw() & ((uint64_t{1} << kLogicalBits) - 1)));
    if (!stream->Write(response)) break;
  }
  return Status::OK;
}

// ---- Stores ----

bool PdService::FillStore(uint64_t id, metapb::Store* store) {
  if (id == 0 || id > stores_.size()) return false;
  store->set_id(id);
  store->set_address(stores_[id - 1]);
  store->set_version(kVersion);
  store->set_state(metapb::Up);
  return true;
}

grpc::Status PdService::GetStore(Context*, const pdpb::GetStoreRequest* request,
                                 pdpb::GetStoreResponse* response) {
  Head(response);
  if (FillStore(request->store_id(), response->mutable_store())) return Status::OK;
  response->clear_store();
  response->mutable_header()->mutable_error()->set_type(pdpb::UNKNOWN);
  response->mutable_header()->mutable_error()->set_message("invalid store ID, not found");
  return Status::OK;
}

grpc::Status PdService::GetAllStores(Context*, const pdpb::GetAllStoresRequest*,
                                     pdpb::GetAllStoresResponse* response) {
  Head(response);
  for (uint64_t id = 1; id <= stores_.size(); ++id) FillStore(id, response->add_stores());
  return Status::OK;
}

// ---- Regions ----

std::vector<SimCluster::RegionView> PdService::Regions(const std::string& start,
                                                       const std::string& end, int limit) {
  return cluster_.Regions(UserKey(start), UserKey(end),
                          static_cast<size_t>(limit > 0 ? limit : kRegionsMax));
}

grpc::Status PdService::GetRegion(Context*, const pdpb::GetRegionRequest* request,
                                  pdpb::GetRegionResponse* response) {
  Head(response);
  Fill(Regions(request->region_key(), "", 1).front(), response);
  return Status::OK;
}

grpc::Status PdService::GetPrevRegion(Context*, const pdpb::GetRegionRequest* request,
                                      pdpb::GetRegionResponse* response) {
  Head(response);
  if (const auto before = cluster_.RegionBefore(UserKey(request->region_key()))) {
    Fill(*before, response);
  }
  return Status::OK;
}

grpc::Status PdService::GetRegionByID(Context*, const pdpb::GetRegionByIDRequest* request,
                                      pdpb::GetRegionResponse* response) {
  Head(response);
  if (const auto view = cluster_.RegionById(request->region_id())) Fill(*view, response);
  return Status::OK;
}

grpc::Status PdService::ScanRegions(Context*, const pdpb::ScanRegionsRequest* request,
                                    pdpb::ScanRegionsResponse* response) {
  Head(response);
  for (const auto& view : Regions(request->start_key(), request->end_key(), request->limit())) {
    Fill(view, response->add_regions());
    *response->add_region_metas() = view.region;
    *response->add_leaders() = view.leader;
  }
  return Status::OK;
}

grpc::Status PdService::BatchScanRegions(Context*, const pdpb::BatchScanRegionsRequest* request,
                                         pdpb::BatchScanRegionsResponse* response) {
  Head(response);
  uint64_t last = 0;
  for (const pdpb::KeyRange& range : request->ranges()) {
    const int left = request->limit() > 0 ? request->limit() - response->regions_size() : 0;
    if (request->limit() > 0 && left <= 0) break;
    for (const auto& view : Regions(range.start_key(), range.end_key(), left)) {
      if (view.region.id() == last) continue;  // the end of one range and the start of the next
      last = view.region.id();
      Fill(view, response->add_regions());
    }
  }
  return Status::OK;
}

// ---- Garbage collection ----

void PdService::SetGcSafePoint(Ts safe_point) {
  std::lock_guard lock(mutex_);
  gc_safe_point_ = safe_point;
}

std::map<std::string, Ts> PdService::service_safe_points() {
  std::lock_guard lock(mutex_);
  std::map<std::string, Ts> points;
  for (const auto& [name, service] : services_) points[name] = service.safe_point;
  return points;
}

grpc::Status PdService::GetGCSafePoint(Context*, const pdpb::GetGCSafePointRequest*,
                                       pdpb::GetGCSafePointResponse* response) {
  Head(response);
  std::lock_guard lock(mutex_);
  response->set_safe_point(gc_safe_point_.raw());
  return Status::OK;
}

grpc::Status PdService::UpdateServiceGCSafePoint(
    Context*, const pdpb::UpdateServiceGCSafePointRequest* request,
    pdpb::UpdateServiceGCSafePointResponse* response) {
  Head(response);
  const SteadyTime now = SystemClock().Now();
  std::lock_guard lock(mutex_);
  std::erase_if(services_, [&](const auto& entry) { return entry.second.until < now; });
  const Ts wanted(request->safe_point());
  if (request->ttl() <= 0) {
    services_.erase(request->service_id());
  } else if (wanted >= gc_safe_point_) {
    const auto ttl = std::chrono::seconds(std::min<int64_t>(request->ttl(), 1 << 30));
    services_[request->service_id()] = {.safe_point = wanted, .until = now + ttl};
  }
  const bool refused = wanted < gc_safe_point_;
  Ts min = services_.empty() || refused ? gc_safe_point_ : Ts::Max();
  for (const auto& [name, service] : services_) min = std::min(min, service.safe_point);
  response->set_service_id(request->service_id());
  response->set_ttl(request->ttl());
  response->set_min_safe_point(min.raw());
  return Status::OK;
}

}  // namespace cdc
