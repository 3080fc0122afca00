#include "control/owner/gc_keeper.h"

#include <algorithm>

#include "base/log.h"

namespace cdc {
namespace {

constexpr char kServiceId[] = "ticdc";
constexpr Duration kInterval = 10s;
constexpr Duration kRetryInterval = 1s;

}  // namespace

GcKeeper::GcKeeper(PdClient& pd, std::chrono::seconds ttl, Clock& clock)
    : pd_(pd), ttl_(ttl), clock_(clock) {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

GcKeeper::~GcKeeper() {
  thread_.request_stop();
  thread_.join();
}

void GcKeeper::SetCheckpoints(std::map<ChangefeedId, Ts> checkpoints) {
  std::lock_guard lock(mutex_);
  const bool news = std::ranges::any_of(
      checkpoints, [&](const auto& entry) { return !wanted_.contains(entry.first); });
  if (news || (checkpoints.empty() && !wanted_.empty())) {
    urgent_ = true;
    wakeup_.notify_all();
  }
  wanted_ = std::move(checkpoints);
}

Status GcKeeper::Check(const ChangefeedId& id, Ts checkpoint) const {
  std::lock_guard lock(mutex_);
  if (!held_.contains(id))
    return Status(Code::kUpdateSafepoint, "PD has not confirmed the GC safe point of {} yet", id);
  if (checkpoint < kept_from_)
    return Status(Code::kSnapshotLost,
                  "the checkpoint {} of changefeed {} is before PD's GC safe point {}: the data "
                  "between them may be gone",
                  checkpoint, id, kept_from_);
  const auto ttl_ms = std::chrono::milliseconds(ttl_).count();
  if (checkpoint.unix_ms() + static_cast<uint64_t>(ttl_ms) < pd_now_.unix_ms())
    return Status(Code::kGcTtlExceeded,
                  "the checkpoint {} of changefeed {} is older than gc-ttl ({} s): its data is not "
                  "protected from GC any more",
                  checkpoint, id, ttl_.count());
  return Status::Ok();
}

void GcKeeper::Run(std::stop_token stop) {
  bool set_at_pd = false;
  Duration wait = kInterval;
  while (!stop.stop_requested()) {
    std::map<ChangefeedId, Ts> checkpoints;
    {
      std::unique_lock lock(mutex_);
      (void)clock_.WaitUntil(lock, wakeup_, clock_.Now() + wait, stop, [this] { return urgent_; });
      if (stop.stop_requested()) return;
      urgent_ = false;
      checkpoints = wanted_;
    }
    wait = kInterval;
    if (checkpoints.empty()) {
      if (set_at_pd && pd_.UpdateServiceGcSafePoint(kServiceId, std::chrono::seconds(0), Ts::Max()))
        set_at_pd = false;
      std::lock_guard lock(mutex_);
      held_.clear();
      continue;
    }
    Ts least = Ts::Max();
    for (const auto& [id, ts] : checkpoints) least = std::min(least, ts);
    const auto kept = pd_.UpdateServiceGcSafePoint(kServiceId, ttl_, least);
    const auto now = pd_.GetTs();
    if (!kept) {
      LogWarn("cannot hold back TiDB's garbage collection, trying again: {}",
              kept.error().ToString());
      wait = kRetryInterval;
      continue;
    }
    set_at_pd = true;
    std::lock_guard lock(mutex_);
    held_ = std::move(checkpoints);
    kept_from_ = *kept;
    if (now) pd_now_ = *now;
  }
}

}  // namespace cdc
