#include "cluster.h"

#include <algorithm>

#include "sim_tikv.h"
#include "trace.h"

namespace cdc {
namespace {

constexpr SimTime kGcInterval = std::chrono::seconds(5);
constexpr SimTime kGcAge = std::chrono::seconds(15);

void CollectGarbage(SimUpstream* upstream, Promises* promises) {
  upstream->CollectGarbage(kGcAge);
  promises->GarbageCollected();
  Scheduler::current()->After(kGcInterval, [=] { CollectGarbage(upstream, promises); });
}

}  // namespace

SimCluster::SimCluster(const ClusterOptions& options)
    : options_(options),
      etcd_(options.seed * 3 + 1),
      upstream_(options.seed * 3 + 2, options.tables),
      chance_(options.seed * 3 + 3),
      promises_(upstream_, etcd_),
      downstream_(promises_, options.seed * 3 + 4) {
  etcd_.OnCommit(
      [this](const EtcdWatchBatch& batch, ProcessId by) { promises_.EtcdChanged(batch, by); });
  downstream_.writer = [this] { return Writer(); };
  downstream_.links = [this]() -> const Links& {
    return processes_[static_cast<size_t>(Scheduler::current()->process()) - 1]->links;
  };
  nodes_.resize(static_cast<size_t>(options.captures));
  for (int node = 0; node < nodes(); ++node) Start(node);
  Scheduler::current()->After(kGcInterval, [this] { CollectGarbage(&upstream_, &promises_); });
}

void SimCluster::Start(int node) {
  processes_.push_back(std::make_unique<SimProcess>());
  SimProcess* process = processes_.back().get();
  process->id = ProcessId{static_cast<int>(processes_.size())};
  nodes_[static_cast<size_t>(node)] = process;
  Trace("node {} starts as process {}", node, static_cast<int>(process->id));
  Scheduler::current()->SpawnIn(
      process->id, [this, process, node] { Run(process, fmt::format("node{}:8300", node)); });
}

void SimCluster::Run(SimProcess* process, const std::string& address) {
  SimEtcdClient etcd(etcd_, process->links);
  const auto tikv = MakeSimTiKvClient(upstream_, process->links, chance_);
  WorkerPool workers(2);
  Capture capture({.advertise_addr = address,
                   .version = "v8.5.0",
                   .time_zone = "UTC",
                   .session_ttl = options_.session_ttl,
                   .owner_interval = 200ms,
                   .processor_interval = 100ms,
                   .paths = KeyPaths(),
                   .etcd = &etcd,
                   .tikv = tikv.get(),
                   .workers = &workers,
                   .clock = &SystemClock()});
  process->etcd = &etcd;
  process->capture = &capture;
  const Status status = capture.Run({});
  process->capture = nullptr;
  promises_.Expect(status.ok(), "a capture ended by itself: " + status.ToString());
  while (process->users > 0) Scheduler::current()->SleepFor(std::chrono::milliseconds(10));
}

void SimCluster::Crash(int node) {
  SimProcess& killed = process(node);
  Trace("node {} crashes", node);
  killed.links.dead = true;
  Scheduler::current()->Continue(killed.id);
  if (killed.capture != nullptr) killed.capture->AsyncClose();
}

void SimCluster::Close(int node) {
  Trace("node {} is asked to end", node);
  if (runs(node)) process(node).capture->AsyncClose();
}

bool SimCluster::ended(int node) const {
  return Scheduler::current()->alive(nodes_[static_cast<size_t>(node)]->id) == 0;
}

bool SimCluster::all_ended() const {
  return std::ranges::all_of(
      processes_, [](const auto& each) { return Scheduler::current()->alive(each->id) == 0; });
}

void SimCluster::Heal() {
  Trace("everything works again");
  etcd_.SetDown(false);
  downstream_.fail_one_write_in = 0;
  downstream_.fail_one_ddl_in = 0;
  for (const auto& each : processes_) Scheduler::current()->Continue(each->id);
  for (int node = 0; node < nodes(); ++node) {
    if (crashed(node) || ended(node)) {
      Start(node);
      continue;
    }
    process(node).links = {.leases_forgotten = process(node).links.leases_forgotten};
  }
}

void SimCluster::ForgetLease(int node) {
  Links& links = process(node).links;
  ++links.leases_forgotten;
  etcd_.store().RevokeLease(process(node).etcd->last_lease());
  Scheduler::current()->After(options_.session_ttl, [&links] { --links.leases_forgotten; });
}

SimWriter SimCluster::Writer() {
  const ProcessId id = Scheduler::current()->process();
  const SimProcess& process = *processes_[static_cast<size_t>(id) - 1];
  SimWriter writer{.process = id, .capture = {}, .lease = process.etcd->last_lease()};
  const KeyPaths paths;
  for (const EtcdKv& kv : etcd_.store().GetPrefix(paths.captures()).kvs)
    if (kv.lease == writer.lease) writer.capture = kv.key.substr(paths.captures().size());
  return writer;
}

// As `changefeed create` does it: first the data is held, then the changefeed comes to be.
void SimCluster::CreateFeed(const ChangefeedId& id, std::set<std::string> tables) {
  ReplicaConfig config;
  if (!tables.empty()) {
    config.filter.rules.clear();
    for (const std::string& table : tables) config.filter.rules.push_back("db." + table);
  }
  ChangefeedInfo info{.sink_uri = "sim://downstream/" + id};
  info.start_ts = upstream_.NextTs();
  info.config = config.ToJson();
  info.create_time = "2023-11-14T22:13:20Z";
  (void)upstream_.UpdateServiceSafePoint("ticdc-creating-" + id, 30s, info.start_ts);
  promises_.AddFeed(id, info.start_ts, std::move(tables));
  feeds_.insert(id);
  Trace("changefeed {} is created at {}", id, info.start_ts);
  (void)etcd_.store().Txn({}, {{.key = KeyPaths().Info(id), .value = info.ToJson()}});
}

void SimCluster::AskOwner(std::function<void(Owner&)> operate) {
  for (SimProcess* process : nodes_) {
    if (process->capture == nullptr || process->links.dead || !process->capture->IsOwner())
      continue;
    ++process->users;
    Scheduler::current()->SpawnIn(process->id, [process, operate = std::move(operate)] {
      if (process->capture != nullptr)
        (void)process->capture->OperateOwner([&](Owner& owner) {
          operate(owner);
          return Status::Ok();
        });
      --process->users;
    });
    return;
  }
}

}  // namespace cdc
