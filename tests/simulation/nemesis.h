// The story of one simulation: a workload, faults drawn from the seed, then peace, in which the
// cluster has to become well again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cluster.h"

namespace cdc {

// One simulation. Not thread-safe.
class Nemesis {
 public:
  explicit Nemesis(uint64_t seed);

  // Runs it to its end, or to the first broken promise.
  void Run();
  const std::optional<std::string>& broken() const { return cluster_.promises().broken(); }
  std::string Summary();

 private:
  void Story();
  void Workload();
  void NextFault();
  // Nodes.
  void CrashNode();
  void PauseNode();
  void RestartNode();
  void LoseLease();
  // Connections. `end` undoes `begin` after a while.
  void For(SimTime time, std::function<void()> begin, std::function<void()> end);
  void BreakLink(Link Links::* link, const char* name);
  void SlowEtcd();
  void LoseAnswers();
  void StopEtcd();
  void BreakDownstream();
  // Requests.
  void MoveTable();
  void PauseFeed();
  void ReplaceFeed();
  void AskOwner(const std::string& what, std::function<void(Owner&)> operate);

  void Recover();
  void ShutDown();
  // Waits until it holds; broken if that takes too long.
  void Await(const std::string& what, SimTime time, const std::function<bool()>& holds);
  bool WellAgain(Ts target);
  bool HasKeys(const ChangefeedId& id);
  int AnyNode() { return static_cast<int>(chance_.Between(0, cluster_.nodes() - 1)); }
  ChangefeedId AnyFeed();

  Chance chance_;
  Scheduler scheduler_;
  SimCluster cluster_;
  bool peace_ = false;
  bool shutting_down_ = false;
  bool over_ = false;
  int next_feed_ = 1;
  int faults_ = 0;
  std::set<ChangefeedId> removed_;
};

}  // namespace cdc
