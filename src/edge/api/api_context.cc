#include "edge/api/api_context.h"

#include <future>
#include <memory>

#include "dataflow/upstream/lock_cleaner.h"

namespace cdc {
namespace {

constexpr Duration kJobDeadline = 30s;
constexpr Duration kPollInterval = 50ms;
constexpr uint64_t kLockAgeMs = 60'000;

// What a job leaves behind; nullopt for those that leave nothing.
std::optional<FeedState> StateAfter(AdminJobType type) {
  switch (type) {
    case AdminJobType::kStop:
      return FeedState::kStopped;
    case AdminJobType::kResume:
      return FeedState::kNormal;
    default:
      return std::nullopt;
  }
}

bool Fits(AdminJobType type, FeedState state) {
  if (type == AdminJobType::kStop) return state == FeedState::kNormal || state == FeedState::kError;
  return true;
}

}  // namespace

Result<ChangefeedView> ApiContext::Changefeed(const ChangefeedId& id) {
  RETURN_UNEXPECTED_IF_ERROR(ValidateChangefeedId(id));
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
  const auto feed = cluster.view.changefeeds().find(id);
  if (feed == cluster.view.changefeeds().end() || !feed->second.info)
    return Error(Code::kChangefeedNotExists, "there is no changefeed \"{}\"", id);
  return feed->second;
}

Result<CaptureInfo> ApiContext::FindCapture(const CaptureId& id) {
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
  const auto found = cluster.view.captures().find(id);
  if (found == cluster.view.captures().end())
    return Error(Code::kCaptureNotExist, "there is no capture \"{}\"", id);
  return found->second;
}

Status ApiContext::Administer(const ChangefeedId& id, AdminJobType type, bool force_remove) {
  ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster, Cluster());
  const auto feed = cluster.view.changefeeds().find(id);
  const bool known = feed != cluster.view.changefeeds().end();
  const bool takes_remains = type == AdminJobType::kRemove && force_remove;
  if (!known || (!feed->second.info && !takes_remains))
    return Status(Code::kChangefeedNotExists, "there is no changefeed \"{}\"", id);
  const std::optional<FeedState> wanted = StateAfter(type);
  if (wanted && feed->second.info->state == *wanted) return Status::Ok();
  if (feed->second.info && !Fits(type, feed->second.info->state))
    return Status(Code::kChangefeedUpdateRefused, "changefeed {} is {}", id,
                  FeedStateName(feed->second.info->state));
  // Outlives this call if the deadline comes first.
  auto told = std::make_shared<std::promise<Status>>();
  std::future<Status> outcome = told->get_future();
  RETURN_IF_ERROR(capture_.OperateOwner([&](Owner& owner) {
    owner.EnqueueJob({id, type, force_remove},
                     [told](const Status& status) { told->set_value(status); });
    return Status::Ok();
  }));
  const SteadyTime deadline = SystemClock().Now() + kJobDeadline;
  while (outcome.wait_for(0s) != std::future_status::ready) {
    if (SystemClock().Now() > deadline)
      return Status(Code::kDeadline, "changefeed {} has not changed yet; the owner knows of it",
                    id);
    if (!SystemClock().SleepFor(kPollInterval, stop_.get_token()))
      return Status(Code::kStopped, "this node is stopping");
  }
  return outcome.get();
}

Status ApiContext::MoveTable(const ChangefeedId& id, TableId table, const CaptureId& target) {
  RETURN_IF_ERROR([&] {
    const auto feed = Changefeed(id);
    return feed ? Status::Ok() : feed.error();
  }());
  if (const auto capture = FindCapture(target); !capture) return capture.error();
  return capture_.OperateOwner([&](Owner& owner) {
    owner.MoveTable(id, table, target);
    return Status::Ok();
  });
}

Status ApiContext::Rebalance(const ChangefeedId& id) {
  if (const auto feed = Changefeed(id); !feed) return feed.error();
  return capture_.OperateOwner([&](Owner& owner) {
    owner.TriggerRebalance(id);
    return Status::Ok();
  });
}

Status ApiContext::ResignOwner() {
  return capture_.OperateOwner([](Owner& owner) {
    owner.AsyncStop();
    return Status::Ok();
  });
}

Status ApiContext::ResolveLocks(RegionId region, Ts ts) {
  auto* cleaner = dynamic_cast<LockCleaner*>(&tikv_);
  if (cleaner == nullptr) return Status(Code::kNotSupported, "locks cannot be resolved here");
  if (ts == Ts()) {
    ASSIGN_OR_RETURN_STATUS(const Ts now, pd().GetTs());
    ts = Ts::FromUnixMs(now.unix_ms() - kLockAgeMs);
  }
  return cleaner->ResolveLocks(region, ts);
}

Result<size_t> ApiContext::Drain(const CaptureId& target) {
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, Cluster());
  const auto& captures = cluster.view.captures();
  if (!captures.contains(target))
    return Error(Code::kCaptureNotExist, "there is no capture \"{}\"", target);
  if (captures.size() < 2) return Error(Code::kSchedulerRequest, "only one capture alive");
  if (cluster.owner == target) return Error(Code::kSchedulerRequest, "cannot drain the owner");
  std::vector<CaptureId> others;
  for (const auto& [id, info] : captures)
    if (id != target) others.push_back(id);
  size_t count = 0;
  RETURN_UNEXPECTED_IF_ERROR(capture_.OperateOwner([&](Owner& owner) {
    for (const auto& [id, feed] : cluster.view.changefeeds()) {
      const auto task = feed.tasks.find(target);
      if (task == feed.tasks.end()) continue;
      for (const auto& [table, replica] : task->second.tables)
        owner.MoveTable(id, table, others[count++ % others.size()]);
    }
    return Status::Ok();
  }));
  return count;
}

}  // namespace cdc
