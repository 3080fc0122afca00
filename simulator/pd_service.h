// PD's gRPC service, as far as clients of the change feed and of transactions use it.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "simulator/sim_cluster.h"
#include "tikv/pdpb.grpc.pb.h"

namespace cdc {

class PdService : public pdpb::PD::Service {
 public:
  explicit PdService(SimCluster& cluster) : cluster_(cluster) {}

  // Before the first request: where we are reached, and the stores by id - 1.
  void SetAddresses(std::string url, std::vector<std::string> stores);
  void SetGcSafePoint(Ts safe_point);
  std::map<std::string, Ts> service_safe_points();

 private:
  using Context = grpc::ServerContext;
  using Status = grpc::Status;
  struct Service {
    Ts safe_point;
    SteadyTime until;
  };

  Status GetMembers(Context*, const pdpb::GetMembersRequest*, pdpb::GetMembersResponse*) override;
  Status GetClusterInfo(Context*, const pdpb::GetClusterInfoRequest*,
                        pdpb::GetClusterInfoResponse*) override;
  Status Tso(Context*,
             grpc::ServerReaderWriter<pdpb::TsoResponse, pdpb::TsoRequest>* stream) override;
  Status GetStore(Context*, const pdpb::GetStoreRequest*, pdpb::GetStoreResponse*) override;
  Status GetAllStores(Context*, const pdpb::GetAllStoresRequest*,
                      pdpb::GetAllStoresResponse*) override;
  Status GetRegion(Context*, const pdpb::GetRegionRequest*, pdpb::GetRegionResponse*) override;
  Status GetPrevRegion(Context*, const pdpb::GetRegionRequest*, pdpb::GetRegionResponse*) override;
  Status GetRegionByID(Context*, const pdpb::GetRegionByIDRequest*,
                       pdpb::GetRegionResponse*) override;
  Status ScanRegions(Context*, const pdpb::ScanRegionsRequest*,
                     pdpb::ScanRegionsResponse*) override;
  Status BatchScanRegions(Context*, const pdpb::BatchScanRegionsRequest*,
                          pdpb::BatchScanRegionsResponse*) override;
  Status GetGCSafePoint(Context*, const pdpb::GetGCSafePointRequest*,
                        pdpb::GetGCSafePointResponse*) override;
  Status UpdateServiceGCSafePoint(Context*, const pdpb::UpdateServiceGCSafePointRequest*,
                                  pdpb::UpdateServiceGCSafePointResponse*) override;

  template <typename Response>
  void Head(Response* response) const {
    response->mutable_header()->set_cluster_id(cluster_.options().cluster_id);
  }
  bool FillStore(uint64_t id, metapb::Store* store);
  std::vector<SimCluster::RegionView> Regions(const std::string& start, const std::string& end,
                                              int limit);

  SimCluster& cluster_;
  std::string url_;
  std::vector<std::string> stores_;

  std::mutex mutex_;  // guards all below
  Ts gc_safe_point_;
  std::map<std::string, Service> services_;
};

}  // namespace cdc
