#include "nemesis.h"

#include <algorithm>

#include "interpose.h"
#include "trace.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ClusterOptions Draw(uint64_t seed, Chance* chance) {
  SeedEntropy(seed);
  return {.seed = seed,
          .captures = static_cast<int>(chance->Between(2, 4)),
          .tables = static_cast<int>(chance->Between(3, 6)),
          .session_ttl = seconds(chance->Between(5, 10))};
}

}  // namespace

Nemesis::Nemesis(uint64_t seed) : chance_(seed), scheduler_(seed), cluster_(Draw(seed, &chance_)) {}

void Nemesis::Run() {
  if (Tracing()) scheduler_.RememberWaits();
  scheduler_.SpawnIn(kWorld, [this] { Story(); });
  scheduler_.RunUntil([this] { return over_ || broken(); });
}

std::string Nemesis::Summary() {
  const Promises::Counts& counts = cluster_.promises().counts();
  return fmt::format("{:.0f}s faults={} rows={} ddls={} checkpoints={} revisions={} steps={}",
                     std::chrono::duration<double>(scheduler_.now()).count(), faults_, counts.rows,
                     counts.ddls, counts.checkpoints, cluster_.etcd().store().revision(),
                     scheduler_.steps());
}

void Nemesis::Story() {
  cluster_.CreateFeed("feed-0", {});
  if (chance_.OneIn(2)) cluster_.CreateFeed("feed-some", {"t0", "t2"});
  scheduler_.SpawnIn(kWorld, [this] { Workload(); });
  const SimTime end = seconds(chance_.Between(20, 60));
  while (scheduler_.now() < end) {
    scheduler_.SleepFor(chance_.Between(milliseconds(50), seconds(4)));
    ++faults_;
    NextFault();
  }
  Recover();
  ShutDown();
  over_ = true;
}

void Nemesis::Workload() {
  while (!peace_) {
    scheduler_.SleepFor(chance_.Between(milliseconds(10), milliseconds(400)));
    if (peace_) return;
    if (chance_.OneIn(25))
      cluster_.upstream().CommitDdl();
    else
      cluster_.upstream().CommitRows();
  }
}

void Nemesis::NextFault() {
  switch (chance_.Between(0, 17)) {
    case 0:
    case 1:
      return CrashNode();
    case 2:
    case 3:
      return PauseNode();
    case 4:
      return RestartNode();
    case 5:
      return LoseLease();
    case 6:
      return BreakLink(&Links::etcd, "etcd");
    case 7:
      return BreakLink(chance_.OneIn(2) ? &Links::pd : &Links::tikv, "PD or TiKV");
    case 8:
      return BreakLink(&Links::sink, "the downstream");
    case 9:
      return SlowEtcd();
    case 10:
      return LoseAnswers();
    case 11:
      return StopEtcd();
    case 12:
      Trace("etcd is compacted");
      return cluster_.etcd().store().Compact(cluster_.etcd().store().revision());
    case 13:
      return BreakDownstream();
    case 14:
      return MoveTable();
    case 15:
      return PauseFeed();
    case 16:
      return AskOwner("resign", [](Owner& owner) { owner.AsyncStop(); });
    case 17:
      return ReplaceFeed();
  }
}

void Nemesis::CrashNode() {
  const int node = AnyNode();
  if (cluster_.crashed(node) || cluster_.ended(node)) return;
  cluster_.Crash(node);
  For(
      chance_.Between(milliseconds(10), seconds(15)), [] {},
      [this, node] {
        if (cluster_.crashed(node)) cluster_.Start(node);
      });
}

void Nemesis::PauseNode() {
  const int node = AnyNode();
  if (cluster_.crashed(node)) return;
  const ProcessId process = cluster_.process(node).id;
  For(
      chance_.Between(milliseconds(500), seconds(20)),
      [=, this] {
        Trace("node {} is stopped", node);
        scheduler_.Pause(process);
      },
      [=, this] {
        Trace("node {} goes on", node);
        scheduler_.Continue(process);
      });
}

void Nemesis::RestartNode() {
  const int node = AnyNode();
  if (cluster_.crashed(node) || scheduler_.paused(cluster_.process(node).id)) return;
  const ProcessId process = cluster_.process(node).id;
  cluster_.Close(node);
  scheduler_.SpawnIn(kWorld, [=, this] {
    while (!cluster_.ended(node)) scheduler_.SleepFor(milliseconds(100));
    // Also in peace: who was ending when it came is not among those that it starts.
    if (!shutting_down_ && cluster_.process(node).id == process) cluster_.Start(node);
  });
}

void Nemesis::LoseLease() {
  const int node = AnyNode();
  if (!cluster_.runs(node)) return;
  Trace("the lease of node {} is revoked", node);
  cluster_.ForgetLease(node);
}

void Nemesis::For(SimTime time, std::function<void()> begin, std::function<void()> end) {
  begin();
  scheduler_.After(time, [this, end = std::move(end)] {
    if (!peace_) end();
  });
}

void Nemesis::BreakLink(Link Links::* link, const char* name) {
  const int node = AnyNode();
  Link& broken = cluster_.process(node).links.*link;
  const bool cut = chance_.OneIn(2);
  For(
      chance_.Between(seconds(1), seconds(15)),
      [&, cut] {
        Trace("node {} has a {} way to {}", node, cut ? "broken" : "slow", name);
        broken.cut = cut;
        broken.delay_max = milliseconds(300);
      },
      [&broken, node, name] {
        Trace("node {} has a good way to {} again", node, name);
        broken = Link();
      });
}

void Nemesis::SlowEtcd() {
  const SimTime delay = chance_.Between(milliseconds(50), milliseconds(2500));
  const bool watches_only = chance_.OneIn(2);
  const auto set = [this](SimTime requests, SimTime watches) {
    Trace("etcd takes up to {} ms, its news up to {} ms",
          std::chrono::duration_cast<milliseconds>(requests).count(),
          std::chrono::duration_cast<milliseconds>(watches).count());
    for (int node = 0; node < cluster_.nodes(); ++node) {
      cluster_.process(node).links.etcd.delay_max = requests;
      cluster_.process(node).links.watch.delay_max = watches;
    }
  };
  For(
      chance_.Between(seconds(2), seconds(12)),
      [=] { set(watches_only ? Link().delay_max : delay, delay); },
      [=] { set(Link().delay_max, Link().delay_max); });
}

void Nemesis::LoseAnswers() {
  const int node = AnyNode();
  Link& link = cluster_.process(node).links.etcd;
  For(
      chance_.Between(seconds(2), seconds(10)),
      [&] {
        Trace("node {} does not get all of etcd's answers", node);
        link.lose_one_answer_in = 4;
      },
      [&link] { link.lose_one_answer_in = 0; });
}

void Nemesis::StopEtcd() {
  For(
      chance_.Between(milliseconds(500), seconds(12)),
      [this] {
        Trace("etcd is down");
        cluster_.etcd().SetDown(true);
      },
      [this] {
        Trace("etcd is up");
        cluster_.etcd().SetDown(false);
      });
}

void Nemesis::BreakDownstream() {
  const bool ddls = chance_.OneIn(3);
  int64_t& chance_of_one =
      ddls ? cluster_.downstream().fail_one_ddl_in : cluster_.downstream().fail_one_write_in;
  For(
      chance_.Between(seconds(1), seconds(5)),
      [&] {
        Trace("the downstream refuses some {}", ddls ? "DDLs" : "writes");
        chance_of_one = 3;
      },
      [&chance_of_one] { chance_of_one = 0; });
}

ChangefeedId Nemesis::AnyFeed() {
  const auto& feeds = cluster_.feeds();
  return *std::next(feeds.begin(), chance_.Between(0, static_cast<int64_t>(feeds.size()) - 1));
}

void Nemesis::AskOwner(const std::string& what, std::function<void(Owner&)> operate) {
  Trace("the owner is asked: {}", what);
  cluster_.AskOwner(std::move(operate));
}

void Nemesis::MoveTable() {
  const ChangefeedId feed = AnyFeed();
  const auto tables = cluster_.promises().TablesOf(feed);
  const auto captures = cluster_.promises().Captures();
  if (tables.empty() || captures.empty()) return;
  if (chance_.OneIn(4))
    return AskOwner("rebalance " + feed, [feed](Owner& owner) { owner.TriggerRebalance(feed); });
  const TableId table =
      tables[static_cast<size_t>(chance_.Between(0, static_cast<int64_t>(tables.size()) - 1))];
  const CaptureId to =
      captures[static_cast<size_t>(chance_.Between(0, static_cast<int64_t>(captures.size()) - 1))];
  AskOwner(fmt::format("move table {} of {} to {}", table, feed, to),
           [=](Owner& owner) { owner.MoveTable(feed, table, to); });
}

void Nemesis::PauseFeed() {
  const ChangefeedId feed = AnyFeed();
  const auto ask = [this, feed](const char* what, AdminJobType type) {
    AskOwner(fmt::format("{} {}", what, feed),
             [=](Owner& owner) { owner.EnqueueJob({.changefeed = feed, .type = type}); });
  };
  For(
      chance_.Between(milliseconds(50), seconds(8)), [&] { ask("pause", AdminJobType::kStop); },
      [=] { ask("resume", AdminJobType::kResume); });
}

void Nemesis::ReplaceFeed() {
  const ChangefeedId feed = AnyFeed();
  if (removed_.contains(feed)) return;
  removed_.insert(feed);
  cluster_.CreateFeed(fmt::format("feed-{}", next_feed_++), {});
}

// Faults end, requests are repeated until they have an effect, and everything has to arrive.
void Nemesis::Recover() {
  peace_ = true;
  cluster_.Heal();
  const Ts target = cluster_.upstream().NextTs();
  Trace("waiting for {}", target);
  Await("the cluster does not become well again", seconds(300), [&] { return WellAgain(target); });
  for (const ChangefeedId& id : cluster_.feeds())
    if (!removed_.contains(id)) cluster_.promises().CheckComplete(id);
}

bool Nemesis::WellAgain(Ts target) {
  bool well = true;
  for (const ChangefeedId& id : cluster_.feeds()) {
    const auto state = cluster_.promises().State(id);
    if (removed_.contains(id)) {
      well = well && !state && !HasKeys(id);
      if (!state) continue;
      AskOwner("remove " + id, [id](Owner& owner) {
        owner.EnqueueJob({.changefeed = id, .type = AdminJobType::kRemove});
      });
    } else if (state == FeedState::kStopped) {
      well = false;
      AskOwner("resume " + id, [id](Owner& owner) {
        owner.EnqueueJob({.changefeed = id, .type = AdminJobType::kResume});
      });
    } else if (state != FeedState::kNormal || cluster_.promises().Checkpoint(id) < target) {
      well = false;
    }
  }
  return well;
}

bool Nemesis::HasKeys(const ChangefeedId& id) {
  return std::ranges::any_of(cluster_.etcd().store().GetPrefix(KeyPaths().prefix()).kvs,
                             [&](const EtcdKv& kv) { return kv.key.ends_with("/" + id); });
}

// All that is left behind hangs on the leases of those that crashed.
void Nemesis::ShutDown() {
  shutting_down_ = true;
  for (int node = 0; node < cluster_.nodes(); ++node) cluster_.Close(node);
  Await("some thread does not end", seconds(60), [this] { return cluster_.all_ended(); });
  Await("a capture's key is left behind", seconds(12),
        [this] { return cluster_.etcd().store().GetPrefix(KeyPaths().captures()).kvs.empty(); });
}

void Nemesis::Await(const std::string& what, SimTime time, const std::function<bool()>& holds) {
  const SimTime deadline = scheduler_.now() + time;
  while (!holds()) {
    if (scheduler_.now() > deadline) {
      if (Tracing()) scheduler_.DumpFibers();
      return cluster_.promises().Expect(false, what);
    }
    scheduler_.SleepFor(seconds(1));
  }
}

}  // namespace cdc
