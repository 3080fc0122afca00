#include "control/owner/admin_queue.h"

#include "base/log.h"

namespace cdc {
namespace {

constexpr Duration kUnknownFeedPatience = 10s;

// Whether the changefeed is as the job wants it.
bool IsDone(const AdminJob& job, const ChangefeedView& feed) {
  if (job.type == AdminJobType::kRemove) return !feed.info && !feed.status;
  if (!feed.info) return false;
  switch (job.type) {
    case AdminJobType::kNone:
      return true;
    case AdminJobType::kStop:
      return feed.info->state == FeedState::kStopped;
    case AdminJobType::kResume:
      return feed.info->state == FeedState::kNormal;
    case AdminJobType::kRemove:
      return false;
    case AdminJobType::kFinish:
      return feed.info->state == FeedState::kFinished;
  }
  return false;
}

bool Same(const AdminJob& a, const AdminJob& b) {
  return a.type == b.type && a.force_remove == b.force_remove;
}

}  // namespace

AdminQueue::~AdminQueue() {
  std::vector<Ended> ended;
  for (auto& [id, queue] : queues_)
    for (Pending& pending : queue)
      ended.push_back({std::move(pending.done),
                       Status(Code::kNotOwner, "the owner ended before it had done the job")});
  Tell(ended);
}

void AdminQueue::Tell(const std::vector<Ended>& ended) {
  for (const Ended& end : ended)
    for (const JobDone& done : end.done) done(end.status);
}

void AdminQueue::Push(AdminJob job, SteadyTime now, JobDone done) {
  std::lock_guard lock(mutex_);
  std::deque<Pending>& queue = queues_[job.changefeed];
  if (queue.empty() || !Same(queue.back().job, job))
    queue.push_back({.job = std::move(job), .since = now, .done = {}, .generation = {}});
  if (done) queue.back().done.push_back(std::move(done));
}

// nullopt: the job is to be applied, or to wait.
std::optional<Status> AdminQueue::Verdict(Pending* pending, const ChangefeedView* feed,
                                          int64_t generation, SteadyTime now) {
  const AdminJob& job = pending->job;
  if (!pending->generation) {
    if (feed == nullptr) {
      if (now - pending->since < kUnknownFeedPatience) return std::nullopt;
      return Status(Code::kChangefeedNotExists, "there is no changefeed {}", job.changefeed);
    }
    pending->generation = generation;
  }
  const bool done = feed == nullptr || IsDone(job, *feed);
  if (feed != nullptr && *pending->generation == generation)
    return done ? std::optional(Status::Ok()) : std::nullopt;
  // The changefeed that the job met is gone.
  if (job.type != AdminJobType::kRemove)
    return Status(Code::kChangefeedNotExists, "{} has been removed", job.changefeed);
  const bool remains = !done && generation == 0;
  return remains ? std::nullopt : std::optional(Status::Ok());
}

std::map<ChangefeedId, AdminJob> AdminQueue::Take(
    const ClusterView& view, const std::function<int64_t(const ChangefeedId&)>& generation,
    SteadyTime now) {
  std::map<ChangefeedId, AdminJob> jobs;
  std::vector<Ended> ended;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, queue] : queues_) {
      const auto found = view.changefeeds().find(id);
      const ChangefeedView* feed = found == view.changefeeds().end() ? nullptr : &found->second;
      while (!queue.empty()) {
        const auto verdict = Verdict(&queue.front(), feed, generation(id), now);
        if (!verdict) break;
        if (!verdict->ok())
          LogWarn("admin job {} for changefeed {} dropped: {}",
                  static_cast<int>(queue.front().job.type), id, verdict->ToString());
        ended.push_back({std::move(queue.front().done), *verdict});
        queue.pop_front();
      }
      if (feed != nullptr && !queue.empty()) jobs.emplace(id, queue.front().job);
    }
    std::erase_if(queues_, [](const auto& entry) { return entry.second.empty(); });
  }
  Tell(ended);
  return jobs;
}

void AdminQueue::Refuse(const ChangefeedId& id, const Status& why) {
  std::vector<Ended> ended;
  {
    std::lock_guard lock(mutex_);
    const auto queue = queues_.find(id);
    if (queue == queues_.end()) return;
    ended.push_back({std::move(queue->second.front().done), why});
    queue->second.pop_front();
    if (queue->second.empty()) queues_.erase(queue);
  }
  Tell(ended);
}

}  // namespace cdc
