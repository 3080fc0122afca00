// Where commands get what they show, and who does what they ask: etcd and PD themselves, or the
// HTTP port of a node.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "edge/api/changefeed_service.h"
#include "edge/api/json_views.h"

namespace cdc {

struct CliFlags {
  std::string pd = "http://127.0.0.1:2379";
  std::string server;  // "http://host:port"; empty: ask etcd and PD
  std::string log_level = "warn";
  std::string cluster_id;
  TlsConfig tls;
};

// How far a changefeed is.
struct FeedProgress {
  Ts checkpoint;
  Ts resolved;
  uint64_t rows = 0;  // written since its captures started
};

// What an update changes; what is not set stays.
struct ChangefeedChange {
  std::optional<Ts> target_ts;
  std::optional<std::string> sink_uri;
  std::optional<ReplicaConfig> config;
  std::map<std::string, std::string> opts;
  std::optional<std::string> sort_engine;

  void ApplyTo(ChangefeedInfo* info) const;
};

// Both ways give the same JSON, but that what HTTP does not carry is empty there. For one thread;
// connects when something is asked.
// Errors: kChangefeedNotExists, kCaptureNotExist, kOwnerNotFound, and what the other side says.
class ClusterAccess {
 public:
  virtual ~ClusterAccess() = default;

  // [{"id", "summary"}]; `all`: also removed ones that have not been cleaned up.
  virtual Result<OrderedJson> ListChangefeeds(bool all) = 0;
  virtual Result<OrderedJson> Summary(const ChangefeedId& id) = 0;
  virtual Result<OrderedJson> Detail(const ChangefeedId& id) = 0;
  virtual Result<FeedProgress> Progress(const ChangefeedId& id) = 0;
  virtual Result<ChangefeedInfo> Info(const ChangefeedId& id) = 0;
  virtual Result<ChangefeedInfo> Create(ChangefeedSpec* spec, const AcceptIneligible& accept) = 0;
  virtual Result<ChangefeedInfo> Update(const ChangefeedId& id, const ChangefeedChange& change,
                                        const AcceptIneligible& accept) = 0;
  virtual Status Administer(const ChangefeedId& id, AdminJobType job, bool force_remove) = 0;
  // `overwrite`: where to go on from; zero: from the checkpoint.
  virtual Status Resume(const ChangefeedId& id, Ts overwrite) = 0;

  virtual Result<OrderedJson> Captures() = 0;
  // [{"id": changefeed, "capture-id"}]
  virtual Result<OrderedJson> Processors() = 0;
  // {"status", "position"}
  virtual Result<OrderedJson> Processor(const ChangefeedId& id, const CaptureId& capture) = 0;
  virtual Result<Ts> Now() = 0;

  virtual Result<std::vector<std::pair<std::string, std::string>>> Metadata() = 0;
  virtual Status DeleteServiceGcSafePoint() = 0;
  // Of transactions that started at or before `ts` (zero: a minute ago).
  virtual Status ResolveLocks(RegionId region, Ts ts) = 0;
  // Deletes everything in etcd and lets all captures start anew.
  virtual Status Reset() = 0;
};

std::unique_ptr<ClusterAccess> MakeDirectAccess(const CliFlags& flags);
std::unique_ptr<ClusterAccess> MakeServerAccess(const CliFlags& flags);

}  // namespace cdc
