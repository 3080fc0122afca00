#include "control/owner/gc_keeper.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/metrics.h"

namespace cdc {
namespace {

constexpr Duration kInterval = 10s;      // between renewals of the common safe point
constexpr Duration kFeedInterval = 60s;  // and of each changefeed's
constexpr Duration kRetryInterval = 1s;

Duration Interval() {
  if (const auto ms = FailPointInt("InjectGcSafepointUpdateInterval"))
    return std::chrono::milliseconds(*ms);
  return kInterval;
}

}  // namespace

GcKeeper::GcKeeper(PdClient& pd, std::string service, std::chrono::seconds ttl, Clock& clock)
    : pd_(pd), service_(std::move(service)), ttl_(ttl), clock_(clock) {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

GcKeeper::~GcKeeper() {
  thread_.request_stop();
  thread_.join();
}

void GcKeeper::SetCheckpoints(std::map<ChangefeedId, Ts> checkpoints) {
  std::lock_guard lock(mutex_);
  const auto same_feed = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (!wanted_ || !std::ranges::equal(*wanted_, checkpoints, same_feed)) urgent_ = true;
  // A checkpoint that goes back belongs to another changefeed of the same name.
  urgent_ = std::erase_if(held_,
                          [&](const auto& held) {
                            const auto now = checkpoints.find(held.first);
                            return now != checkpoints.end() && now->second < held.second.asked;
                          }) > 0 ||
            urgent_;
  wanted_ = std::move(checkpoints);
  if (urgent_) wakeup_.notify_all();
}

Status GcKeeper::Check(const ChangefeedId& id, Ts checkpoint) const {
  std::lock_guard lock(mutex_);
  const auto found = held_.find(id);
  if (found == held_.end())
    return Status(Code::kUpdateSafepoint, "PD has not confirmed the GC safe point of {} yet", id);
  const Held& held = found->second;
  if (checkpoint < held.kept_from)
    return Status(Code::kSnapshotLost,
                  "the checkpoint {} of changefeed {} is before PD's GC safe point {}: the data "
                  "between them may be gone",
                  checkpoint, id, held.kept_from);
  // As long as someone else holds back more than we do, the data stays without us.
  const bool alone = held.kept_from == held.asked;
  const auto ttl_ms = std::chrono::milliseconds(ttl_).count();
  if (alone && checkpoint.unix_ms() + static_cast<uint64_t>(ttl_ms) < pd_now_.unix_ms())
    return Status(Code::kGcTtlExceeded,
                  "the checkpoint {} of changefeed {} is older than gc-ttl ({} s): its data is not "
                  "protected from GC any more",
                  checkpoint, id, ttl_.count());
  return Status::Ok();
}

std::optional<GcKeeper::Hold> GcKeeper::Find(const ChangefeedId& id) const {
  std::lock_guard lock(mutex_);
  const auto found = held_.find(id);
  if (found == held_.end()) return std::nullopt;
  return Hold{ServiceOf(id), found->second.asked, ttl_};
}

void GcKeeper::Run(std::stop_token stop) {
  Duration wait = Interval();
  while (!stop.stop_requested()) {
    std::map<ChangefeedId, Ts> wanted;
    {
      std::unique_lock lock(mutex_);
      (void)clock_.WaitUntil(lock, wakeup_, clock_.Now() + wait, stop, [this] { return urgent_; });
      if (stop.stop_requested()) return;
      if (!wanted_) continue;
      urgent_ = false;
      wanted = *wanted_;
    }
    const Status status = Update(wanted);
    wait = status.ok() ? Interval() : kRetryInterval;
    if (!status.ok())
      LogWarn("cannot hold back TiDB's garbage collection, trying again: {}", status.ToString());
  }
}

// One round; the first error ends it.
Status GcKeeper::Update(const std::map<ChangefeedId, Ts>& wanted) {
  std::map<ChangefeedId, Held> held;
  {
    std::lock_guard lock(mutex_);
    held = held_;
  }
  for (const auto& [id, hold] : held) {
    if (wanted.contains(id)) continue;
    RETURN_IF_ERROR(Release(ServiceOf(id)));
    std::lock_guard lock(mutex_);
    held_.erase(id);
  }
  if (wanted.empty()) return all_held_ ? Release(service_) : Status::Ok();
  ASSIGN_OR_RETURN_STATUS(const Ts now, pd_.GetTs());
  {
    std::lock_guard lock(mutex_);
    pd_now_ = now;
  }
  const auto least = std::ranges::min_element(wanted, {}, [](const auto& e) { return e.second; });
  RETURN_IF_ERROR(HoldAll(least->second));
  for (const auto& [id, checkpoint] : wanted) {
    const auto before = held.find(id);
    if (before != held.end() && clock_.Now() - before->second.at < kFeedInterval) continue;
    RETURN_IF_ERROR(HoldOne(id, checkpoint));
  }
  return Status::Ok();
}

Status GcKeeper::HoldAll(Ts least) {
  ASSIGN_OR_RETURN_STATUS(const Ts kept, pd_.UpdateServiceGcSafePoint(service_, ttl_, least));
  all_held_ = true;
  if (kept > least) LogWarn("PD's GC safe point {} is past the least checkpoint {}", kept, least);
  Metrics()
      .Gauge("ticdc_gc_min_service_gc_safepoint", "PD's least service GC safe point, Unix ms.")
      .Set(static_cast<double>(kept.unix_ms()));
  Metrics()
      .Gauge("ticdc_gc_cdc_gc_safepoint", "Our service GC safe point, Unix ms.")
      .Set(static_cast<double>(least.unix_ms()));
  return Status::Ok();
}

Status GcKeeper::HoldOne(const ChangefeedId& id, Ts checkpoint) {
  const SteadyTime at = clock_.Now();
  ASSIGN_OR_RETURN_STATUS(Ts kept, pd_.UpdateServiceGcSafePoint(ServiceOf(id), ttl_, checkpoint));
  if (const auto actual = FailPointInt("InjectActualGCSafePoint"))
    kept = Ts(static_cast<uint64_t>(*actual));
  std::lock_guard lock(mutex_);
  held_[id] = {.asked = checkpoint, .kept_from = kept, .at = at};
  return Status::Ok();
}

Status GcKeeper::Release(const std::string& service) {
  const auto released = pd_.UpdateServiceGcSafePoint(service, std::chrono::seconds(0), Ts::Max());
  if (!released) return released.error();
  if (service == service_) all_held_ = false;
  return Status::Ok();
}

}  // namespace cdc
