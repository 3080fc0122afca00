// The part of PD that change data capture needs, over gRPC.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

struct TlsConfig {  // empty paths: no TLS
  std::string ca_path;
  std::string cert_path;
  std::string key_path;
  bool enabled() const { return !ca_path.empty(); }
};

struct RegionEpoch {
  uint64_t conf_version = 0;
  uint64_t version = 0;
  friend bool operator==(const RegionEpoch&, const RegionEpoch&) = default;
};

struct Region {
  RegionId id{};
  std::string start_key;  // user keys (memcomparable encoding removed); empty: unbounded
  std::string end_key;
  RegionEpoch epoch;
  StoreId leader_store{};  // 0: unknown
  uint64_t leader_peer = 0;
  std::vector<StoreId> stores;  // of all voters
  std::vector<uint64_t> peers;  // their peer ids, parallel to `stores`
};

struct Store {
  StoreId id{};
  std::string address;
  std::string version;  // "8.5.4"
  bool tombstone = false;
};

// Thread-safe. Every call has a deadline, follows the leader, tries other members and backs off; it
// gives up after `request_timeout` with kPdRequest or kPdConnect.
class PdClient {
 public:
  virtual ~PdClient() = default;
  virtual uint64_t cluster_id() const = 0;
  virtual Result<Ts> GetTs() = 0;  // concurrent calls share one request
  virtual Result<Region> GetRegion(std::string_view user_key) = 0;
  virtual Result<Region> GetRegionById(RegionId id) = 0;
  // Regions that overlap [start, end) in key order, at most `limit`.
  virtual Result<std::vector<Region>> ScanRegions(std::string_view start, std::string_view end,
                                                  int limit) = 0;
  virtual Result<Store> GetStore(StoreId id) = 0;
  virtual Result<std::vector<Store>> GetAllStores() = 0;
  // Sets service `id`'s GC safe point (ttl 0 removes it) and returns the minimum over all services,
  // as PD does: if it is above `safe_point`, data at safe_point may be gone already.
  virtual Result<Ts> UpdateServiceGcSafePoint(std::string_view service_id, std::chrono::seconds ttl,
                                              Ts safe_point) = 0;
  virtual Result<Ts> GetGcSafePoint() = 0;
  // What changes with the cluster's PD: for etcd clients. URLs of all members.
  virtual std::vector<std::string> endpoints() const = 0;
  // The version that the leader says it has ("v8.5.4"), and whether the member at `url` feels well.
  virtual Result<std::string> Version() {
    return Error(Code::kCheckClusterVersion, "this PD does not tell its version");
  }
  virtual Status CheckHealth(const std::string& /*url*/) { return Status::Ok(); }
  // Ends calls under way, and every later one, with an error: for when the client is about to go.
  virtual void Shutdown() {}

  // Connects to any of `endpoints` ("http://host:port", comma list allowed per entry) and finds the
  // leader.
  static Result<std::unique_ptr<PdClient>> Open(std::vector<std::string> endpoints,
                                                const TlsConfig& tls, Clock& clock);
};

}  // namespace cdc
