#include "testing/fake_pd.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "dataflow/upstream/region_key.h"
#include "tikv/pdpb.grpc.pb.h"

namespace cdc {

struct FakePd::Impl {
  class Member;

  static constexpr uint64_t kClusterId = 4711;
  mutable std::mutex mutex;  // guards all below
  std::vector<std::unique_ptr<Member>> members;
  size_t leader = 0;
  uint64_t physical_ms = 1'700'000'000'000;
  uint64_t logical = 0;
  std::map<uint64_t, std::string> stores;
  std::vector<FakeRegion> regions;
  Ts gc_safe_point;
  std::map<std::string, Ts> services;
  bool stalled = false;
  std::set<grpc::ServerContext*> tso_streams;
  std::atomic<int> tso_requests = 0;
  std::atomic<int> scan_requests = 0;

  Ts NextLocked(uint64_t count) {
    logical += count;
    return Ts((physical_ms << 18) + logical);
  }
  void WaitWhileStalled(grpc::ServerContext* context) const {
    while (!context->IsCancelled()) {
      {
        std::lock_guard lock(mutex);
        if (!stalled) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
};

namespace {

void Fill(const FakeRegion& from, metapb::Region* region, metapb::Peer* leader) {
  region->set_id(from.id);
  region->set_start_key(EncodeRegionKey(from.start));
  region->set_end_key(EncodeRegionKey(from.end));
  region->mutable_region_epoch()->set_version(from.version);
  region->mutable_region_epoch()->set_conf_ver(1);
  for (const uint64_t store : from.stores) {
    metapb::Peer* peer = region->add_peers();
    peer->set_id(from.id * 100 + store);
    peer->set_store_id(store);
    if (store == from.leader) *leader = *peer;
  }
}

}  // namespace

class FakePd::Impl::Member : public pdpb::PD::Service {
 public:
  Member(Impl& pd, size_t index) : pd_(pd), index_(index) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    url = "http://127.0.0.1:" + std::to_string(port);
  }
  void Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string url;

 private:
  using Context = grpc::ServerContext;

  // Locks and checks what every request needs.
  template <typename Response>
  bool Begin(Context* context, const pdpb::RequestHeader& header, Response* response,
             std::unique_lock<std::mutex>* lock) {
    pd_.WaitWhileStalled(context);
    *lock = std::unique_lock(pd_.mutex);
    response->mutable_header()->set_cluster_id(kClusterId);
    pdpb::Error* error = response->mutable_header()->mutable_error();
    if (pd_.leader != index_) {
      error->set_type(pdpb::UNKNOWN);
      error->set_message("not leader");
    } else if (header.cluster_id() != kClusterId) {
      error->set_type(pdpb::UNKNOWN);
      error->set_message("mismatch cluster id");
    }
    return error->type() == pdpb::OK;
  }

  grpc::Status GetMembers(Context* context, const pdpb::GetMembersRequest*,
                          pdpb::GetMembersResponse* response) override {
    pd_.WaitWhileStalled(context);
    std::lock_guard lock(pd_.mutex);
    response->mutable_header()->set_cluster_id(kClusterId);
    for (const auto& member : pd_.members) response->add_members()->add_client_urls(member->url);
    response->mutable_leader()->add_client_urls(pd_.members[pd_.leader]->url);
    return grpc::Status::OK;
  }

  grpc::Status Tso(Context* context,
                   grpc::ServerReaderWriter<pdpb::TsoResponse, pdpb::TsoRequest>* stream) override {
    {
      std::lock_guard lock(pd_.mutex);
      pd_.tso_streams.insert(context);
    }
    pdpb::TsoRequest request;
    while (stream->Read(&request)) {
      ++pd_.tso_requests;
      pdpb::TsoResponse response;
      std::unique_lock<std::mutex> lock;
      if (Begin(context, request.header(), &response, &lock)) {
        const Ts last = pd_.NextLocked(request.count());
        response.set_count(request.count());
        response.mutable_timestamp()->set_physical(static_cast<int64_t>(last.unix_ms()));
        response.mutable_timestamp()->set_logical(static_cast<int64_t>(last.raw() & 0x3ffff));
      }
      lock.unlock();
      stream->Write(response);
    }
    std::lock_guard lock(pd_.mutex);
    pd_.tso_streams.erase(context);
    return grpc::Status::OK;
  }

  grpc::Status GetStore(Context* context, const pdpb::GetStoreRequest* request,
                        pdpb::GetStoreResponse* response) override {
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    response->mutable_store()->set_id(request->store_id());
    response->mutable_store()->set_address(pd_.stores[request->store_id()]);
    return grpc::Status::OK;
  }

  grpc::Status GetAllStores(Context* context, const pdpb::GetAllStoresRequest* request,
                            pdpb::GetAllStoresResponse* response) override {
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    for (const auto& [id, address] : pd_.stores) {
      metapb::Store* store = response->add_stores();
      store->set_id(id);
      store->set_address(address);
      store->set_version("8.5.4");
    }
    return grpc::Status::OK;
  }

  grpc::Status GetRegion(Context* context, const pdpb::GetRegionRequest* request,
                         pdpb::GetRegionResponse* response) override {
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    const std::string key = DecodeRegionKey(request->region_key()).value_or("");
    for (const FakeRegion& region : pd_.regions) {
      if (key < region.start || (!region.end.empty() && key >= region.end)) continue;
      Fill(region, response->mutable_region(), response->mutable_leader());
    }
    return grpc::Status::OK;
  }

  grpc::Status GetRegionByID(Context* context, const pdpb::GetRegionByIDRequest* request,
                             pdpb::GetRegionResponse* response) override {
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    for (const FakeRegion& region : pd_.regions) {
      if (region.id != request->region_id()) continue;
      Fill(region, response->mutable_region(), response->mutable_leader());
    }
    return grpc::Status::OK;
  }

  grpc::Status ScanRegions(Context* context, const pdpb::ScanRegionsRequest* request,
                           pdpb::ScanRegionsResponse* response) override {
    ++pd_.scan_requests;
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    const std::string start = DecodeRegionKey(request->start_key()).value_or("");
    const std::string end = DecodeRegionKey(request->end_key()).value_or("");
    for (const FakeRegion& region : pd_.regions) {
      if (!region.end.empty() && region.end <= start) continue;
      if (!end.empty() && region.start >= end) break;
      if (request->limit() > 0 && response->regions_size() >= request->limit()) break;
      pdpb::Region* out = response->add_regions();
      Fill(region, out->mutable_region(), out->mutable_leader());
    }
    return grpc::Status::OK;
  }

  grpc::Status GetGCSafePoint(Context* context, const pdpb::GetGCSafePointRequest* request,
                              pdpb::GetGCSafePointResponse* response) override {
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    response->set_safe_point(pd_.gc_safe_point.raw());
    return grpc::Status::OK;
  }

  grpc::Status UpdateServiceGCSafePoint(Context* context,
                                        const pdpb::UpdateServiceGCSafePointRequest* request,
                                        pdpb::UpdateServiceGCSafePointResponse* response) override {
    std::unique_lock<std::mutex> lock;
    if (!Begin(context, request->header(), response, &lock)) return grpc::Status::OK;
    const Ts wanted(request->safe_point());
    if (request->ttl() <= 0) {
      pd_.services.erase(request->service_id());
    } else if (wanted >= pd_.gc_safe_point) {
      pd_.services[request->service_id()] = wanted;
    }
    Ts min = pd_.services.empty() || wanted < pd_.gc_safe_point ? pd_.gc_safe_point : Ts::Max();
    for (const auto& [service, ts] : pd_.services) min = std::min(min, ts);
    response->set_min_safe_point(min.raw());
    return grpc::Status::OK;
  }

  Impl& pd_;
  const size_t index_;
  std::unique_ptr<grpc::Server> server_;
};

FakePd::FakePd(int members) : impl_(std::make_unique<Impl>()) {
  for (int i = 0; i < members; ++i) {
    impl_->members.push_back(std::make_unique<Impl::Member>(*impl_, impl_->members.size()));
  }
}

FakePd::~FakePd() {
  Stall(false);
  for (const auto& member : impl_->members) member->Stop();
}

std::vector<std::string> FakePd::endpoints() const {
  std::vector<std::string> urls;
  for (const auto& member : impl_->members) urls.push_back(member->url);
  return urls;
}
uint64_t FakePd::cluster_id() const { return Impl::kClusterId; }

Ts FakePd::NextTs() {
  std::lock_guard lock(impl_->mutex);
  return impl_->NextLocked(1);
}
void FakePd::AdvanceTime(uint64_t ms) {
  std::lock_guard lock(impl_->mutex);
  impl_->physical_ms += ms;
}
void FakePd::SetStore(uint64_t id, const std::string& address) {
  std::lock_guard lock(impl_->mutex);
  impl_->stores[id] = address;
}
void FakePd::SetRegions(std::vector<FakeRegion> regions) {
  std::lock_guard lock(impl_->mutex);
  impl_->regions = std::move(regions);
}
void FakePd::SetGcSafePoint(Ts safe_point) {
  std::lock_guard lock(impl_->mutex);
  impl_->gc_safe_point = safe_point;
}
Ts FakePd::service_safe_point(const std::string& service) const {
  std::lock_guard lock(impl_->mutex);
  const auto it = impl_->services.find(service);
  return it == impl_->services.end() ? Ts() : it->second;
}
void FakePd::TransferLeader(int member) {
  std::lock_guard lock(impl_->mutex);
  impl_->leader = static_cast<size_t>(member);
}
void FakePd::StopMember(int member) { impl_->members[static_cast<size_t>(member)]->Stop(); }
void FakePd::Stall(bool on) {
  std::lock_guard lock(impl_->mutex);
  impl_->stalled = on;
}
void FakePd::BreakTsoStreams() {
  std::lock_guard lock(impl_->mutex);
  for (grpc::ServerContext* context : impl_->tso_streams) context->TryCancel();
}
int FakePd::tso_requests() const { return impl_->tso_requests; }
int FakePd::scan_requests() const { return impl_->scan_requests; }

}  // namespace cdc
