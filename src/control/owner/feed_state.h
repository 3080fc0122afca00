// A changefeed's state machine: admin jobs and errors to states, as a pure function.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "model/changefeed.h"

namespace cdc {

struct AdminJob {
  ChangefeedId changefeed;
  AdminJobType type = AdminJobType::kNone;
  bool force_remove = false;
};

struct FeedStep {
  ChangefeedInfo info;            // as it shall be from now on
  bool remove = false;            // info and status go
  bool run = false;               // the dataflow shall run now
  std::optional<Status> refused;  // the job does not fit the state; nothing was changed for it
};

// An error as etcd keeps it.
RunningError ToRunningError(const Status& status, const std::string& address);
// Retrying cannot help: the changefeed fails for good.
bool IsFatal(const RunningError& error);
// Whether a changefeed in this state may still want its data: it runs, or may be resumed.
bool HoldsBackGc(FeedState state);
// How long to wait after the latest of `errors` recent errors.
Duration RestartDelay(size_t errors);

// One step. `errors`: what went wrong since the last step; any of them ends the current run. A job
// that fits is carried out without regard to them.
//   normal → error: five errors within two minutes; back to normal when they are older.
//   normal, error → stopped (job), failed (an error that retrying cannot cure), finished (job).
//   stopped → failed: its data is lost to GC.
//   anything but normal → normal (job resume: errors are forgiven).
FeedStep StepFeedState(ChangefeedInfo info, const std::optional<AdminJob>& job,
                       const std::vector<RunningError>& errors, int64_t now_ms);

}  // namespace cdc
