#include "control/capture/capture.h"

#include <random>

#include <fmt/format.h>

#include "base/backoff.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/metrics.h"
#include "control/capture/cluster_watch.h"
#include "control/processor/schema_feed.h"
#include "dataflow/sink/sink.h"
#include "model/uuid.h"

namespace cdc {
namespace {

// Lives, and campaigns within one, are limited to this.
constexpr double kRestartsPerSecond = 0.05;
constexpr double kRestartsBurst = 2;

static_assert(Session::kMargin >= kWriteWithin, "sinks rely on it");

Duration OwnerInterval(const CaptureOptions& options) {
  if (const auto ms = FailPointInt("ownerFlushIntervalInject"))
    return std::chrono::milliseconds(*ms);
  return options.owner_interval;
}

constexpr Duration kRecycleInterval = std::chrono::minutes(10);

}  // namespace

// What one life holds; members go in reverse order.
struct Capture::Life {
  CaptureInfo info;
  std::unique_ptr<Session> session;
  EtcdCompare registered;  // the guard of all writes of this life
  std::unique_ptr<SchemaFeeds> schemas;
};

Capture::Capture(CaptureOptions options) : options_(std::move(options)) {}
Capture::~Capture() = default;

CaptureInfo Capture::info() const {
  std::lock_guard lock(mutex_);
  return info_;
}

bool Capture::IsOwner() const {
  std::lock_guard lock(mutex_);
  return MayActLocked();
}

Status Capture::OperateOwner(const std::function<Status(Owner&)>& operate) {
  std::lock_guard lock(mutex_);
  if (!MayActLocked()) return Status(Code::kNotOwner, "this node is not the owner");
  return operate(*owner_);
}

std::vector<TableProgress> Capture::Progress(const ChangefeedId& changefeed) const {
  std::lock_guard lock(mutex_);
  return processors_ ? processors_->Progress(changefeed) : std::vector<TableProgress>{};
}

std::vector<ProcessorSummary> Capture::Processors() const {
  std::lock_guard lock(mutex_);
  return processors_ ? processors_->Summaries() : std::vector<ProcessorSummary>{};
}

std::string Capture::DebugInfo() const {
  std::lock_guard lock(mutex_);
  std::string text;
  if (owner_ != nullptr) text += "*** owner info ***:\n\n" + owner_->DebugInfo() + "\n";
  text += "*** processors info ***:\n\n";
  if (processors_ != nullptr) text += processors_->DebugInfo();
  return text;
}

Status Capture::Run(std::stop_token stop) {
  std::stop_callback close(stop, [this] { closed_.request_stop(); });
  const std::stop_token closed = closed_.get_token();
  RETURN_IF_ERROR(CheckClusterVersions(options_.tikv->pd()));
  const PdHealthPoll health(options_.tikv->pd(), *options_.clock);
  RateLimiter limiter(kRestartsPerSecond, kRestartsBurst, options_.clock->Now());
  while (!closed.stop_requested()) {
    const Duration wait = limiter.Reserve(options_.clock->Now());
    if (wait > Duration::zero() && !options_.clock->SleepFor(wait, closed)) break;
    const Status status = Live(closed);
    if (!closed.stop_requested())
      LogWarn("capture starts again under a new id: {}", status.ToString());
  }
  return Status::Ok();
}

Status Capture::Reset(Life* life, std::stop_token closed) {
  options_.tikv->Reconnect();
  life->schemas = std::make_unique<SchemaFeeds>(*options_.tikv);
  Backoff backoff({.first = 200ms, .max = 3s});
  while (!life->session) {
    auto session = Session::Open(*options_.etcd, options_.session_ttl, *options_.clock);
    if (session) {
      life->session = *std::move(session);
      break;
    }
    LogWarn("cannot get a lease from etcd, trying again: {}", session.error().ToString());
    if (!options_.clock->SleepFor(backoff.Next(), closed))
      return Status(Code::kStopped, "stopped before there was a lease");
  }
  life->info = {MakeUuid(), options_.advertise_addr, options_.version};
  return Status::Ok();
}

// What goes on besides the processors: each that ends ends all.
class Capture::Routine {
 public:
  Routine(std::stop_source& end, std::function<Status(std::stop_token)> run)
      : thread_([this, &end, run = std::move(run)] {
          status_ = run(end.get_token());
          end.request_stop();
        }) {}
  Status Join() {
    thread_.join();
    return status_;
  }

 private:
  Status status_;  // of the thread until it has ended
  std::thread thread_;
};

Status Capture::Live(std::stop_token closed) {
  Life life;
  RETURN_IF_ERROR(Reset(&life, closed));
  ASSIGN_OR_RETURN_STATUS(life.registered, Register(life));
  LogInfo("capture registered, id={} address={}", life.info.id, life.info.address);

  std::stop_source end;
  std::stop_callback on_close(closed, [&] { end.request_stop(); });
  std::stop_callback on_lost(life.session->lost(), [&] { end.request_stop(); });
  Status ended;
  {
    const auto may_write = [session = life.session.get()] { return session->Alive(); };
    ProcessorManager processors({.paths = options_.paths,
                                 .capture = life.info,
                                 .time_zone = options_.time_zone,
                                 .tikv = options_.tikv,
                                 .schemas = life.schemas.get(),
                                 .workers = options_.workers,
                                 .memory = options_.memory,
                                 .sorters = options_.sorters,
                                 .clock = options_.clock,
                                 .progress_interval = options_.processor_interval,
                                 .may_write = may_write});
    ReactorWorker worker(
        *options_.etcd, processors,
        {.prefix = options_.paths.prefix(),
         .interval = options_.processor_interval,
         .guards = {life.registered},
         .may_write = may_write,
         .commit_seconds = &Metrics().Histogram(
             "ticdc_processor_update_info_duration_seconds",
             "Time to write what the processors have reached to etcd.",
             ExponentialBuckets(0.001, 2, 15), {{"capture", options_.advertise_addr}})},
        *options_.clock);
    {
      std::lock_guard lock(mutex_);
      info_ = life.info;
      session_ = life.session.get();
      processors_ = &processors;
    }
    Routine campaign(end, [&](std::stop_token stop) { return CampaignLoop(life, stop); });
    Routine recycling(end, [&](std::stop_token stop) { return RecycleLoop(stop); });
    ended = worker.Run(end.get_token());
    end.request_stop();
    for (Routine* routine : {&campaign, &recycling})
      if (Status status = routine->Join(); ended.ok()) ended = std::move(status);
    std::lock_guard lock(mutex_);
    processors_ = nullptr;
    session_ = nullptr;
    info_ = {};
  }  // the processors have ended
  Unregister(life);
  if (ended.ok() && life.session->lost().stop_requested())
    ended = Status(Code::kCaptureSuicide, "the lease of capture {} is lost", life.info.id);
  return ended;
}

Result<EtcdCompare> Capture::Register(const Life& life) {
  const std::string key = options_.paths.Capture(life.info.id);
  const Status put = options_.etcd->Put(key, life.info.ToJson(), life.session->lease());
  if (!put.ok()) return Unexpected(put.WithContext("cannot register"));
  ASSIGN_OR_RETURN(const std::optional<EtcdKv> kv, options_.etcd->Get(key));
  if (!kv) return Error(Code::kCaptureRegister, "the key {} is gone at once", key);
  return EtcdCompare{EtcdCompare::Target::kCreateRevision, key, kv->create_revision};
}

void Capture::Unregister(const Life& life) {
  if (life.session->lost().stop_requested()) return;  // the key goes with the lease
  const Status status = options_.etcd->Delete(options_.paths.Capture(life.info.id));
  if (!status.ok()) LogWarn("cannot unregister, the key lapses: {}", status.ToString());
}

Status Capture::RecycleLoop(std::stop_token stop) {
  while (options_.clock->SleepFor(kRecycleInterval, stop)) options_.tikv->RecycleConnections();
  return Status::Ok();
}

// Campaigns again whenever ownership has ended. An error ends the life.
Status Capture::CampaignLoop(Life& life, std::stop_token stop) {
  RateLimiter limiter(kRestartsPerSecond, kRestartsBurst, options_.clock->Now());
  while (!stop.stop_requested()) {
    const Duration wait = limiter.Reserve(options_.clock->Now());
    if (wait > Duration::zero() && !options_.clock->SleepFor(wait, stop)) break;
    Election election(*options_.etcd, *life.session, options_.paths.owner());
    Status campaign = election.Campaign(life.info.id, stop);
    if (FailPoint("capture-campaign-compacted-error"))
      campaign = Status(Code::kEtcdCompacted, "fail point capture-campaign-compacted-error");
    if (stop.stop_requested()) {
      (void)election.Resign();
      break;
    }
    if (campaign.code() == Code::kEtcdCompacted) {
      LogWarn("campaign failed, trying again: {}", campaign.ToString());
      (void)election.Resign();  // a candidacy may be left
      continue;
    }
    if (!campaign.ok()) return Status(Code::kCaptureSuicide, "campaign: {}", campaign.ToString());
    LogInfo("this capture is the owner now, id={}", life.info.id);
    Metrics().Counter("ticdc_owner_ownership_counter", "Times this node became the owner.").Add();
    Status owned = RunOwner(life, election, stop);
    LogInfo("this capture is not the owner any more, id={}", life.info.id);
    Status resigned = election.Resign();
    if (FailPoint("capture-resign-failed"))
      resigned = Status(Code::kEtcd, "fail point capture-resign-failed");
    if (!resigned.ok() && life.session->Alive())
      return Status(Code::kCaptureResignOwner, "{}", resigned.ToString());
    if (!owned.ok() && owned.code() != Code::kReactorFinished) return owned;
  }
  return Status::Ok();
}

Status Capture::RunOwner(Life& life, Election& election, std::stop_token stop) {
  const auto may_write = [session = life.session.get()] { return session->Alive(); };
  ReactorWorker* worker = nullptr;
  std::mutex worker_mutex;  // guards `worker` against wake-ups that come late
  Owner owner(
      {.paths = options_.paths,
       .address = life.info.address,
       .time_zone = options_.time_zone,
       .gc_ttl = options_.gc_ttl,
       .pd = &options_.tikv->pd(),
       .clock = options_.clock,
       .may_write = may_write,
       .wake =
           [&] {
             std::lock_guard lock(worker_mutex);
             if (worker != nullptr) worker->Wake();
           },
       .seams = {.open_schema =
                     [&schemas = *life.schemas](const ChangefeedId& id, const ReplicaConfig& config,
                                                Ts start, SchemaFeed::Callbacks callbacks) {
                       return schemas.Open(id, config, start, std::move(callbacks));
                     },
                 .open_sink = OpenSink}});
  ReactorWorker running(*options_.etcd, owner,
                        {.prefix = options_.paths.prefix(),
                         .interval = OwnerInterval(options_),
                         .guards = {life.registered, election.Guard()},
                         .may_write = may_write},
                        *options_.clock);
  {
    std::scoped_lock lock(worker_mutex, mutex_);
    worker = &running;
    owner_ = &owner;
  }
  const Status ended = running.Run(stop);
  std::scoped_lock lock(worker_mutex, mutex_);
  worker = nullptr;
  owner_ = nullptr;
  return ended;
}

}  // namespace cdc
