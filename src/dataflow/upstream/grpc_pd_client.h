// PdClient over gRPC. Private to the folder.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataflow/upstream/grpc_support.h"
#include "dataflow/upstream/pd_client.h"
#include "dataflow/upstream/tso_client.h"
#include "tikv/pdpb.grpc.pb.h"

namespace cdc {

class GrpcPdClient : public PdClient {
 public:
  GrpcPdClient(std::vector<std::string> endpoints, TlsConfig tls,
               std::shared_ptr<grpc::ChannelCredentials> credentials, Clock& clock);
  ~GrpcPdClient() override;
  Status Connect();  // finds the leader; first and once

  uint64_t cluster_id() const override { return cluster_id_; }
  Result<Ts> GetTs() override { return tso_->Get(); }
  Result<Region> GetRegion(std::string_view user_key) override;
  Result<Region> GetRegionById(RegionId id) override;
  Result<std::vector<Region>> ScanRegions(std::string_view start, std::string_view end,
                                          int limit) override;
  Result<Store> GetStore(StoreId id) override;
  Result<std::vector<Store>> GetAllStores() override;
  Result<Ts> UpdateServiceGcSafePoint(std::string_view service_id, std::chrono::seconds ttl,
                                      Ts safe_point) override;
  Result<Ts> GetGcSafePoint() override;
  std::vector<std::string> endpoints() const override;
  Result<std::string> Version() override;
  Status CheckHealth(const std::string& url) override;
  void Shutdown() override { calls_.Shutdown(); }

 private:
  template <typename Request, typename Response>
  using Method = grpc::Status (pdpb::PD::Stub::*)(grpc::ClientContext*, const Request&, Response*);

  // Asks the leader; on failure looks for the leader anew and tries again until the time is up.
  template <typename Request, typename Response>
  Result<Response> Call(std::string_view what, Method<Request, Response> method, Request request);

  // Asks every member known, and every endpoint configured, who is the leader.
  Status DiscoverLeader();
  Result<pdpb::GetMembersResponse> AskMembers(const std::string& url);
  std::string leader() const;

  const std::vector<std::string> configured_;
  const TlsConfig tls_;
  Clock& clock_;
  CallRegistry calls_;
  ChannelPool channels_;
  uint64_t cluster_id_ = 0;  // constant after Connect
  std::unique_ptr<TsoClient> tso_;
  mutable std::mutex mutex_;  // guards all below; never held across a call
  std::vector<std::string> members_;
  std::string leader_;
};

}  // namespace cdc
