// Requests to the leader of a region, with region errors turned into what to do next. Private to
// the folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/backoff.h"
#include "dataflow/upstream/grpc_support.h"
#include "dataflow/upstream/region_cache.h"
#include "dataflow/upstream/store_network.h"

namespace cdc {

// How long one operation goes on trying. Not thread-safe.
class Retry {
 public:
  Retry(Clock& clock, std::stop_token stop, Duration total)
      : clock_(clock), stop_(std::move(stop)), total_(total), give_up_(clock.Now() + total) {}
  void Restart() {  // after progress
    give_up_ = clock_.Now() + total_;
    backoff_.Reset();
  }

  // Ok once it is time for the next try; `why`, the error of the last try, if there is to be none.
  Status Wait(const Status& why, Duration at_least = Duration::zero());

 private:
  Clock& clock_;
  const std::stop_token stop_;
  const Duration total_;
  SteadyTime give_up_;
  Backoff backoff_{{.first = 5ms, .max = 2s}};
};

// Thread-safe.
class TiKvRpc {
 public:
  TiKvRpc(RegionCache& regions, StoreNetwork& network, CallRegistry& calls, Clock& clock,
          uint64_t cluster_id)
      : regions_(regions),
        network_(network),
        calls_(calls),
        clock_(clock),
        cluster_id_(cluster_id) {}

  template <typename Request, typename Response>
  using Method = grpc::Status (TiKvStub::*)(grpc::ClientContext*, const Request&, Response*);

  Retry StartRetry(Duration total) { return Retry(clock_, calls_.stop_token(), total); }
  // Tries again while PD does not know of a split or merge that we have heard of.
  Result<RegionRef> Locate(std::string_view user_key, Retry* retry);

  // One request to the region's leader. nullopt: the region has to be located again; what the store
  // said is in the cache and the wait is over. An error: time is up, or trying again is no use.
  template <typename Request, typename Response>
  Result<std::optional<Response>> Send(const Region& region, std::string_view what,
                                       Method<Request, Response> method, Request* request,
                                       Retry* retry) {
    auto stub = Stub(region);
    if (!stub) {
      RETURN_UNEXPECTED_IF_ERROR(StoreFailed(region, stub.error(), retry));
      return std::nullopt;
    }
    FillContext(region, request->mutable_context());
    Response response;
    grpc::Status status;
    {
      grpc::ClientContext context;
      CallRegistry::Scope scope(calls_, &context, kTryTimeout);
      status = ((**stub).*method)(&context, *request, &response);
    }
    if (!status.ok()) {
      RETURN_UNEXPECTED_IF_ERROR(CallFailed(region, what, status, retry));
      return std::nullopt;
    }
    if (response.has_region_error()) {
      RETURN_UNEXPECTED_IF_ERROR(RegionFailed(region, what, response.region_error(), retry));
      return std::nullopt;
    }
    return std::optional<Response>(std::move(response));
  }

 private:
  static constexpr Duration kTryTimeout = 20s;

  Result<std::unique_ptr<TiKvStub>> Stub(const Region& region);
  void FillContext(const Region& region, kvrpcpb::Context* context) const;
  Status StoreFailed(const Region& region, const Status& why, Retry* retry);
  Status CallFailed(const Region& region, std::string_view what, const grpc::Status& status,
                    Retry* retry);
  Status RegionFailed(const Region& region, std::string_view what, const errorpb::Error& error,
                      Retry* retry);

  RegionCache& regions_;
  StoreNetwork& network_;
  CallRegistry& calls_;
  Clock& clock_;
  const uint64_t cluster_id_;
};

}  // namespace cdc
