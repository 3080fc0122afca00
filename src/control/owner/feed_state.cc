#include "control/owner/feed_state.h"

#include <algorithm>

namespace cdc {
namespace {

constexpr int64_t kErrorWindowMs = 2 * 60 * 1000;
constexpr int64_t kErrorsKeptMs = 10 * 60 * 1000;
constexpr size_t kErrorsMax = 5;

// Sets the state and the admin job type that goes with it.
void SetState(ChangefeedInfo* info, FeedState state) {
  info->state = state;
  switch (state) {
    case FeedState::kNormal:
      info->admin_job_type = AdminJobType::kNone;
      break;
    case FeedState::kError:
    case FeedState::kStopped:
    case FeedState::kFailed:
      info->admin_job_type = AdminJobType::kStop;
      break;
    case FeedState::kRemoved:
      info->admin_job_type = AdminJobType::kRemove;
      break;
    case FeedState::kFinished:
      info->admin_job_type = AdminJobType::kFinish;
      break;
  }
}

bool IsRunnable(FeedState state) {
  return state == FeedState::kNormal || state == FeedState::kError;
}

void ApplyJob(const AdminJob& job, FeedStep* step) {
  ChangefeedInfo& info = step->info;
  bool fits = true;
  switch (job.type) {
    case AdminJobType::kStop:
      fits = IsRunnable(info.state);
      if (fits) SetState(&info, FeedState::kStopped);
      break;
    case AdminJobType::kResume:
      fits = info.state != FeedState::kNormal;
      if (!fits) break;
      SetState(&info, FeedState::kNormal);
      info.error.reset();
      info.error_history.clear();
      break;
    case AdminJobType::kRemove:
      step->remove = true;
      break;
    case AdminJobType::kFinish:
      fits = info.state == FeedState::kNormal;
      if (fits) SetState(&info, FeedState::kFinished);
      break;
    case AdminJobType::kNone:
      break;
  }
  if (!fits)
    step->refused =
        Status(Code::kChangefeedUpdateRefused, "admin job {} does not fit a changefeed that is {}",
               static_cast<int>(job.type), FeedStateName(info.state));
}

}  // namespace

RunningError ToRunningError(const Status& status, const std::string& address) {
  return {address, std::string(CodeName(status.code())), std::string(status.message())};
}

bool IsFatal(const RunningError& error) {
  const Reaction reaction = CodeReaction(CodeFromName(error.code));
  return reaction == Reaction::kFailChangefeed || reaction == Reaction::kRefuse;
}

bool HoldsBackGc(FeedState state) {
  return state == FeedState::kNormal || state == FeedState::kError || state == FeedState::kStopped;
}

Duration RestartDelay(size_t errors) {
  constexpr Duration kMax = 30s;
  if (errors == 0) return Duration::zero();
  return std::min<Duration>(kMax, 1s * (1 << std::min<size_t>(errors - 1, 5)));
}

FeedStep StepFeedState(ChangefeedInfo info, const std::optional<AdminJob>& job,
                       const std::vector<RunningError>& errors, int64_t now_ms) {
  FeedStep step{.info = std::move(info)};
  if (job) ApplyJob(*job, &step);
  ChangefeedInfo& now = step.info;
  if (step.remove || !HoldsBackGc(now.state)) return step;
  // A job is seen through first: what went wrong before it must not undo it.
  const bool seen_through = job && !step.refused;
  if (!seen_through) {
    for (const RunningError& error : errors) {
      now.error = error;
      now.error_history.push_back(now_ms);
      if (!IsFatal(error)) continue;
      SetState(&now, FeedState::kFailed);
      return step;
    }
  }
  if (!IsRunnable(now.state)) return step;
  std::erase_if(now.error_history, [&](int64_t at) { return at < now_ms - kErrorsKeptMs; });
  const auto recent = std::ranges::count_if(
      now.error_history, [&](int64_t at) { return at >= now_ms - kErrorWindowMs; });
  SetState(&now,
           static_cast<size_t>(recent) >= kErrorsMax ? FeedState::kError : FeedState::kNormal);
  if (now.state == FeedState::kError || (!errors.empty() && !seen_through)) return step;
  const int64_t delay_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(RestartDelay(recent)).count();
  step.run = recent == 0 || now_ms >= now.error_history.back() + delay_ms;
  return step;
}

}  // namespace cdc
