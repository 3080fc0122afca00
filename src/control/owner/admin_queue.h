// Admin jobs, from the moment they are asked for until etcd shows their effect.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "control/etcd/cluster_view.h"
#include "control/owner/feed_state.h"

namespace cdc {

// Told once how a job ended: Ok when etcd shows its effect, else why there is none. On the owner's
// thread, or in the destructor's; must not block.
using JobDone = std::function<void(const Status&)>;

// Threads: Push from any; the rest from the owner's thread.
// Order: one job per changefeed at a time, in the order in which they were pushed. A job is given
//   out on every tick until its effect is there, so a transaction that met a conflict loses none.
//   A job belongs to the changefeed that it first met: it never strikes a later one of that name.
class AdminQueue {
 public:
  AdminQueue() = default;
  ~AdminQueue();  // ends what is left with kNotOwner
  AdminQueue(const AdminQueue&) = delete;
  AdminQueue& operator=(const AdminQueue&) = delete;

  void Push(AdminJob job, SteadyTime now, JobDone done = {});

  // The jobs to apply on this tick. Those whose effect `view` shows are done. A job whose
  // changefeed is not known waits for a while: it may have come before our watch has seen the
  // changefeed. `generation` tells changefeeds of one name apart: the create revision of its info,
  // 0 without.
  std::map<ChangefeedId, AdminJob> Take(
      const ClusterView& view, const std::function<int64_t(const ChangefeedId&)>& generation,
      SteadyTime now);
  // The job just taken for this changefeed does not fit it.
  void Refuse(const ChangefeedId& id, const Status& why);

 private:
  struct Pending {
    AdminJob job;
    SteadyTime since;
    std::vector<JobDone> done;
    std::optional<int64_t> generation;  // of the changefeed that it met
  };
  struct Ended {
    std::vector<JobDone> done;
    Status status;
  };
  static void Tell(const std::vector<Ended>& ended);
  static std::optional<Status> Verdict(Pending* pending, const ChangefeedView* feed,
                                       int64_t generation, SteadyTime now);

  std::mutex mutex_;  // guards all below; not held while anybody is told
  std::map<ChangefeedId, std::deque<Pending>> queues_;
};

}  // namespace cdc
