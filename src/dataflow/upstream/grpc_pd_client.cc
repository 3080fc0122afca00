#include "dataflow/upstream/grpc_pd_client.h"

#include <algorithm>

#include "base/backoff.h"
#include "base/log.h"
#include "dataflow/upstream/pd_http.h"
#include "dataflow/upstream/region_key.h"
#include "dataflow/upstream/region_proto.h"

namespace cdc {
namespace {

constexpr Duration kTryTimeout = 3s;
constexpr Duration kRequestTimeout = 10s;

// Errors that go away when PD has elected a leader or the cluster has come up; all others are the
// answer to the request.
bool PassesBySoon(const pdpb::Error& error) {
  return error.type() == pdpb::NOT_BOOTSTRAPPED || error.message().contains("leader");
}

bool PassesBySoon(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return false;
    default:
      return !status.error_message().contains("mismatch cluster id");
  }
}

Store StoreFromProto(const metapb::Store& store) {
  return {.id = StoreId(store.id()),
          .address = store.address(),
          .version = store.version(),
          .tombstone = store.state() == metapb::Tombstone};
}

// The entries of a comma list, each without its trailing slash.
std::vector<std::string> SplitEndpoints(const std::vector<std::string>& entries) {
  std::vector<std::string> urls;
  for (std::string_view rest : entries) {
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      std::string_view url = rest.substr(0, comma);
      while (url.ends_with('/') || url.ends_with(' ')) url.remove_suffix(1);
      while (url.starts_with(' ')) url.remove_prefix(1);
      if (!url.empty()) urls.emplace_back(url);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return urls;
}

}  // namespace

Result<std::unique_ptr<PdClient>> PdClient::Open(std::vector<std::string> endpoints,
                                                 const TlsConfig& tls, Clock& clock) {
  endpoints = SplitEndpoints(endpoints);
  if (endpoints.empty()) return Error(Code::kPdConnect, "no PD endpoint given");
  for (const std::string& url : endpoints) {
    if (url.starts_with("https://") && !tls.enabled()) {
      return Error(Code::kInvalidServerOption, "PD endpoint {} needs TLS: give --ca", url);
    }
    if (url.starts_with("http://") && tls.enabled()) {
      return Error(Code::kInvalidServerOption, "PD endpoint {} must be https with TLS", url);
    }
  }
  ASSIGN_OR_RETURN(auto credentials, MakeCredentials(tls));
  auto client =
      std::make_unique<GrpcPdClient>(std::move(endpoints), tls, std::move(credentials), clock);
  RETURN_UNEXPECTED_IF_ERROR(client->Connect());
  return client;
}

GrpcPdClient::GrpcPdClient(std::vector<std::string> endpoints, TlsConfig tls,
                           std::shared_ptr<grpc::ChannelCredentials> credentials, Clock& clock)
    : configured_(std::move(endpoints)),
      tls_(std::move(tls)),
      clock_(clock),
      channels_(std::move(credentials), ChannelPool::Peer::kPd) {}

GrpcPdClient::~GrpcPdClient() { calls_.Shutdown(); }

Status GrpcPdClient::Connect() {
  const SteadyTime give_up = clock_.Now() + kRequestTimeout;
  Backoff backoff({.first = 50ms, .max = 1s});
  for (;;) {
    const Status status = DiscoverLeader();
    if (status.ok()) break;
    if (clock_.Now() >= give_up || !clock_.SleepFor(backoff.Next(), calls_.stop_token())) {
      return status;
    }
  }
  tso_ = std::make_unique<TsoClient>(
      TsoClient::Source{
          .leader = [this] { return channels_.Get(std::string(WithoutScheme(leader()))); },
          .rediscover = [this] { (void)DiscoverLeader(); },
          .cluster_id = cluster_id_},
      calls_, clock_);
  return Status::Ok();
}

std::string GrpcPdClient::leader() const {
  std::lock_guard lock(mutex_);
  return leader_;
}

std::vector<std::string> GrpcPdClient::endpoints() const {
  std::lock_guard lock(mutex_);
  return members_;
}

Result<pdpb::GetMembersResponse> GrpcPdClient::AskMembers(const std::string& url) {
  auto stub = pdpb::PD::NewStub(channels_.Get(std::string(WithoutScheme(url))));
  grpc::ClientContext context;
  CallRegistry::Scope scope(calls_, &context, kTryTimeout);
  pdpb::GetMembersResponse response;
  const grpc::Status status = stub->GetMembers(&context, {}, &response);
  if (!status.ok()) return Error(Code::kPdConnect, "PD {}: {}", url, Describe(status));
  if (response.header().error().type() != pdpb::OK) {
    return Error(Code::kPdConnect, "PD {}: {}", url, response.header().error().message());
  }
  return response;
}

Status GrpcPdClient::DiscoverLeader() {
  std::vector<std::string> urls = endpoints();
  for (const std::string& url : configured_) {
    if (std::ranges::find(urls, url) == urls.end()) urls.push_back(url);
  }
  Status last(Code::kPdConnect, "no PD endpoint");
  for (const std::string& url : urls) {
    const auto response = AskMembers(url);
    if (!response) {
      last = response.error();
      continue;
    }
    const uint64_t cluster_id = response->header().cluster_id();
    if (cluster_id_ != 0 && cluster_id != cluster_id_) {
      last = Status(Code::kClusterIdMismatch, "PD {} belongs to cluster {}, not {}", url,
                    cluster_id, cluster_id_);
      continue;
    }
    if (response->leader().client_urls().empty()) {
      last = Status(Code::kPdConnect, "PD {} knows no leader", url);
      continue;
    }
    std::lock_guard lock(mutex_);
    if (cluster_id_ == 0) cluster_id_ = cluster_id;
    members_.clear();
    for (const pdpb::Member& member : response->members()) {
      members_.insert(members_.end(), member.client_urls().begin(), member.client_urls().end());
    }
    const std::string& leader = response->leader().client_urls(0);
    if (leader != leader_) LogInfo("PD leader is {} (cluster {})", leader, cluster_id);
    leader_ = leader;
    return Status::Ok();
  }
  return last;
}

template <typename Request, typename Response>
Result<Response> GrpcPdClient::Call(std::string_view what, Method<Request, Response> method,
                                    Request request) {
  request.mutable_header()->set_cluster_id(cluster_id_);
  request.mutable_header()->set_caller_id("tidewire");
  const SteadyTime give_up = clock_.Now() + kRequestTimeout;
  Backoff backoff({.first = 20ms, .max = 1s});
  for (;;) {
    const std::string url = leader();
    auto stub = pdpb::PD::NewStub(channels_.Get(std::string(WithoutScheme(url))));
    grpc::ClientContext context;
    Response response;
    grpc::Status status;
    {
      CallRegistry::Scope scope(calls_, &context, kTryTimeout);
      status = ((*stub).*method)(&context, request, &response);
    }
    const pdpb::Error& error = response.header().error();
    if (status.ok() && error.type() == pdpb::OK) return response;
    const Status failed =
        status.ok() ? Status(Code::kPdRequest, "PD {}, {}: {}", url, what, error.message())
                    : Status(Code::kPdRequest, "PD {}, {}: {}", url, what, Describe(status));
    const bool again = status.ok() ? PassesBySoon(error) : PassesBySoon(status);
    if (!again || clock_.Now() >= give_up ||
        !clock_.SleepFor(backoff.Next(), calls_.stop_token())) {
      return Unexpected(failed);
    }
    (void)DiscoverLeader();  // if that fails, the next try says why
  }
}

Result<Region> GrpcPdClient::GetRegion(std::string_view user_key) {
  pdpb::GetRegionRequest request;
  request.set_region_key(EncodeRegionKey(user_key));
  ASSIGN_OR_RETURN(auto response, Call("GetRegion", &pdpb::PD::Stub::GetRegion, request));
  if (!response.has_region()) return Error(Code::kPdRequest, "PD knows no region of the key");
  return RegionFromProto(response.region(), response.leader());
}

Result<Region> GrpcPdClient::GetRegionById(RegionId id) {
  pdpb::GetRegionByIDRequest request;
  request.set_region_id(Raw(id));
  ASSIGN_OR_RETURN(auto response, Call("GetRegionByID", &pdpb::PD::Stub::GetRegionByID, request));
  if (!response.has_region()) return Error(Code::kPdRequest, "PD knows no region {}", id);
  return RegionFromProto(response.region(), response.leader());
}

Result<std::vector<Region>> GrpcPdClient::ScanRegions(std::string_view start, std::string_view end,
                                                      int limit) {
  pdpb::ScanRegionsRequest request;
  request.set_start_key(EncodeRegionKey(start));
  request.set_end_key(EncodeRegionKey(end));
  request.set_limit(limit);
  ASSIGN_OR_RETURN(auto response, Call("ScanRegions", &pdpb::PD::Stub::ScanRegions, request));
  std::vector<Region> regions;
  for (const pdpb::Region& region : response.regions()) {
    ASSIGN_OR_RETURN(Region converted, RegionFromProto(region.region(), region.leader()));
    regions.push_back(std::move(converted));
  }
  for (int i = 0; response.regions().empty() && i < response.region_metas_size(); ++i) {
    const metapb::Peer leader = i < response.leaders_size() ? response.leaders(i) : metapb::Peer();
    ASSIGN_OR_RETURN(Region converted, RegionFromProto(response.region_metas(i), leader));
    regions.push_back(std::move(converted));
  }
  return regions;
}

Result<Store> GrpcPdClient::GetStore(StoreId id) {
  pdpb::GetStoreRequest request;
  request.set_store_id(Raw(id));
  ASSIGN_OR_RETURN(auto response, Call("GetStore", &pdpb::PD::Stub::GetStore, request));
  return StoreFromProto(response.store());
}

Result<std::vector<Store>> GrpcPdClient::GetAllStores() {
  ASSIGN_OR_RETURN(auto response, Call("GetAllStores", &pdpb::PD::Stub::GetAllStores,
                                       pdpb::GetAllStoresRequest()));
  std::vector<Store> stores;
  for (const metapb::Store& store : response.stores()) stores.push_back(StoreFromProto(store));
  return stores;
}

Result<Ts> GrpcPdClient::UpdateServiceGcSafePoint(std::string_view service_id,
                                                  std::chrono::seconds ttl, Ts safe_point) {
  pdpb::UpdateServiceGCSafePointRequest request;
  request.set_service_id(std::string(service_id));
  request.set_ttl(ttl.count());
  request.set_safe_point(safe_point.raw());
  ASSIGN_OR_RETURN(auto response, Call("UpdateServiceGCSafePoint",
                                       &pdpb::PD::Stub::UpdateServiceGCSafePoint, request));
  return Ts(response.min_safe_point());
}

Result<Ts> GrpcPdClient::GetGcSafePoint() {
  ASSIGN_OR_RETURN(auto response, Call("GetGCSafePoint", &pdpb::PD::Stub::GetGCSafePoint,
                                       pdpb::GetGCSafePointRequest()));
  return Ts(response.safe_point());
}

Result<std::string> GrpcPdClient::Version() { return GetPdVersion(leader(), tls_); }

Status GrpcPdClient::CheckHealth(const std::string& url) { return GetPdHealth(url, tls_); }

}  // namespace cdc
