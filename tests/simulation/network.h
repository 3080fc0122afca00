// The faults of one process's connections, and calls over them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "base/status.h"
#include "scheduler.h"

namespace cdc {

// A source of chance. Draws of different sources don't disturb each other.
class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}
  // In [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  SimTime Between(SimTime low, SimTime high) { return SimTime(Between(low.count(), high.count())); }
  bool OneIn(int64_t n) { return Between(1, n) == 1; }

 private:
  std::mt19937_64 random_;
};

// What is wrong with one process's way to one service.
struct Link {
  bool cut = false;                // nothing arrives, in both directions
  SimTime delay_max{2'000'000};    // of one way
  int64_t lose_one_answer_in = 0;  // the request is served, its answer is lost; 0: never
};

// All links of a process.
struct Links {
  bool dead = false;         // the process was killed: it cannot send any more
  int leases_forgotten = 0;  // by etcd, before their time: nothing gets downstream
  Link etcd;
  Link watch;  // news from etcd; cut when `etcd` is
  Link pd;
  Link tikv;
  Link sink;
};

// Sends a request over `link` and waits for the answer, in a fiber. `serve` runs when the request
// arrives, also if the caller has been stopped or killed meanwhile. nullopt: no answer in time; it
// may have been served.
template <typename T>
std::optional<T> CallOver(Chance& chance, const Links& links, const Link& link, SimTime timeout,
                          std::function<std::optional<T>()> serve) {
  struct Reply {
    std::optional<T> answer;
    WaitQueue waiting;
  };
  Scheduler& scheduler = *Scheduler::current();
  const SimTime deadline = scheduler.now() + timeout;
  if (links.dead) {
    scheduler.SleepFor(timeout / 10);
    return std::nullopt;
  }
  auto reply = std::make_shared<Reply>();
  const SimTime there = chance.Between(SimTime(100'000), link.delay_max);
  const SimTime back = chance.Between(SimTime(100'000), link.delay_max);
  const bool answer_lost = link.lose_one_answer_in > 0 && chance.OneIn(link.lose_one_answer_in);
  scheduler.After(there, [=, &scheduler, &link, serve = std::move(serve)] {
    if (link.cut) return;
    std::optional<T> answer = serve();
    if (!answer || answer_lost) return;
    scheduler.After(back, [=, &scheduler, &link, answer = std::move(answer)]() mutable {
      if (link.cut) return;
      reply->answer = std::move(answer);
      scheduler.WakeAll(&reply->waiting);
    });
  });
  while (!reply->answer && scheduler.Wait(&reply->waiting, deadline)) {
  }
  return std::move(reply->answer);
}

}  // namespace cdc
