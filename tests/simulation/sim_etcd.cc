#include "sim_etcd.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "sabotage.h"

namespace cdc {
namespace {

constexpr SimTime kRequestTimeout = std::chrono::seconds(3);
constexpr SimTime kExpiryInterval = std::chrono::milliseconds(500);  // as etcd's lessor
constexpr SimTime kReconnectInterval = std::chrono::milliseconds(200);

// Follows the store's history on a thread of its own, as far as news of it has arrived.
class SimWatch : public EtcdWatch {
 public:
  SimWatch(SimEtcd& etcd, const Links& links, std::string key, bool prefix, int64_t revision,
           EtcdClient::WatchCallback callback)
      : etcd_(etcd),
        links_(links),
        key_(std::move(key)),
        prefix_(prefix),
        next_(revision),
        callback_(std::move(callback)),
        news_(std::make_shared<News>()) {
    const auto tell = [news = news_](int64_t upto) {
      news->upto = std::max(news->upto, upto);
      Scheduler::current()->WakeAll(&news->waiting);
    };
    id_ = etcd_.AddWatch([this, tell](int64_t upto) {
      const SimTime delay = etcd_.chance().Between(SimTime(100'000), links_.watch.delay_max);
      Scheduler::current()->After(delay, [tell, upto] { tell(upto); });
    });
    news_->upto = etcd_.store().revision();
    thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
  }
  ~SimWatch() override {
    etcd_.RemoveWatch(id_);
    thread_.request_stop();
    thread_.join();
  }

 private:
  struct News {
    int64_t upto = 0;  // the newest revision that this side knows of
    WaitQueue waiting;
  };

  void Run(std::stop_token stop) {
    Scheduler& scheduler = *Scheduler::current();
    std::stop_callback wake(stop, [&] { scheduler.WakeAll(&news_->waiting); });
    while (!stop.stop_requested()) {
      if (news_->upto < next_) {
        (void)scheduler.Wait(&news_->waiting);
        continue;
      }
      if (links_.dead || links_.etcd.cut || etcd_.down()) {
        (void)scheduler.Wait(&news_->waiting, scheduler.now() + kReconnectInterval);
        continue;
      }
      auto batch = etcd_.store().EventsBetween(key_, prefix_, next_, news_->upto);
      const bool ended = !batch;
      next_ = news_->upto + 1;
      if (ended || !batch->events.empty() || prefix_) callback_(std::move(batch));
      if (ended) return;
    }
  }

  SimEtcd& etcd_;
  const Links& links_;
  const std::string key_;
  const bool prefix_;
  int64_t next_;
  const EtcdClient::WatchCallback callback_;
  const std::shared_ptr<News> news_;
  uint64_t id_ = 0;
  std::jthread thread_;
};

}  // namespace

SimEtcd::SimEtcd(uint64_t seed) : chance_(seed) {
  store_.OnCommit([this](const EtcdWatchBatch& batch) {
    if (hook_) hook_(batch, committing_);
    for (const auto& [id, wake] : watches_) wake(batch.revision);
  });
  Scheduler::current()->After(kExpiryInterval, [this] { ExpireLeases(); });
}

void SimEtcd::ExpireLeases() {
  if (!down_) store_.ExpireLeases(Scheduler::current()->now());
  Scheduler::current()->After(kExpiryInterval, [this] { ExpireLeases(); });
}

void SimEtcd::SetDown(bool down) {
  if (down_ && !down) store_.RenewLeases(Scheduler::current()->now());
  down_ = down;
}

uint64_t SimEtcd::AddWatch(WatchWake wake) {
  watches_.emplace(next_watch_, std::move(wake));
  return next_watch_++;
}

template <typename T>
Result<T> SimEtcdClient::Call(std::string_view what, std::function<Result<T>(FakeEtcd&)> serve) {
  auto answer = CallOver<Result<T>>(etcd_.chance(), links_, links_.etcd, kRequestTimeout,
                                    [&etcd = etcd_, process = Scheduler::current()->process(),
                                     serve = std::move(serve)]() -> std::optional<Result<T>> {
                                      if (etcd.down()) return std::nullopt;
                                      return etcd.ServeFor<Result<T>>(process, serve);
                                    });
  if (!answer) return Error(Code::kEtcd, "{}: no answer", what);
  return *std::move(answer);
}

Result<std::optional<EtcdKv>> SimEtcdClient::Get(std::string_view key) {
  return Call<std::optional<EtcdKv>>(
      "get", [key = std::string(key)](FakeEtcd& etcd) { return etcd.Get(key); });
}

Result<EtcdRange> SimEtcdClient::GetPrefix(std::string_view prefix) {
  return Call<EtcdRange>(
      "range", [prefix = std::string(prefix)](FakeEtcd& etcd) { return etcd.GetPrefix(prefix); });
}

Result<std::optional<EtcdKv>> SimEtcdClient::LastCreated(std::string_view prefix,
                                                         int64_t create_revision_max) {
  return Call<std::optional<EtcdKv>>(
      "range", [prefix = std::string(prefix), create_revision_max](FakeEtcd& etcd) {
        return etcd.LastCreated(prefix, create_revision_max);
      });
}

Status SimEtcdClient::Put(std::string_view key, std::string_view value, LeaseId lease) {
  const auto txn =
      Txn({}, {{.key = std::string(key), .value = std::string(value), .lease = lease}});
  return txn ? Status::Ok() : txn.error();
}

Status SimEtcdClient::Delete(std::string_view key) {
  const auto txn = Txn({}, {{.key = std::string(key), .value = std::nullopt}});
  return txn ? Status::Ok() : txn.error();
}

Result<EtcdTxnResult> SimEtcdClient::Txn(const std::vector<EtcdCompare>& guards,
                                         const std::vector<EtcdOp>& ops) {
  std::vector<EtcdCompare> kept = guards;
  if (Without(Protection::kGuards))
    std::erase_if(kept, [](const EtcdCompare& guard) {
      return guard.target == EtcdCompare::Target::kCreateRevision && guard.revision != 0;
    });
  return Call<EtcdTxnResult>(
      "txn", [guards = std::move(kept), ops](FakeEtcd& etcd) { return etcd.Txn(guards, ops); });
}

Result<LeaseId> SimEtcdClient::GrantLease(std::chrono::seconds ttl) {
  const ProcessId process = Scheduler::current()->process();
  const auto lease =
      Call<LeaseId>("lease grant", [ttl, process, &granted = etcd_.leases()](FakeEtcd& etcd) {
        const LeaseId lease = etcd.GrantLease(ttl, Scheduler::current()->now());
        granted[lease] = process;
        return lease;
      });
  if (lease) last_lease_ = *lease;
  return lease;
}

Result<std::chrono::seconds> SimEtcdClient::KeepAlive(LeaseId lease) {
  return Call<std::chrono::seconds>("lease keep-alive", [lease](FakeEtcd& etcd) {
    return etcd.KeepAlive(lease, Scheduler::current()->now());
  });
}

Result<std::chrono::seconds> SimEtcdClient::TimeToLive(LeaseId lease) {
  return Call<std::chrono::seconds>("lease time to live", [lease](FakeEtcd& etcd) {
    return std::chrono::seconds(etcd.HasLease(lease) ? 1 : -1);
  });
}

Status SimEtcdClient::RevokeLease(LeaseId lease) {
  const auto revoked = Call<bool>("lease revoke", [lease](FakeEtcd& etcd) {
    etcd.RevokeLease(lease);
    return true;
  });
  return revoked ? Status::Ok() : revoked.error();
}

std::unique_ptr<EtcdWatch> SimEtcdClient::Watch(std::string_view key, bool prefix, int64_t revision,
                                                WatchCallback callback) {
  return std::make_unique<SimWatch>(etcd_, links_, std::string(key), prefix, revision,
                                    std::move(callback));
}

}  // namespace cdc
