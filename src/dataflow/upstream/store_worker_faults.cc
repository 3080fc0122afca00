// What fail points do to the streams of a store.
#include "base/failpoint.h"
#include "dataflow/upstream/store_worker.h"

namespace cdc {
namespace {

constexpr Duration kForcedInterval =
    5s;  // so that a point that is always on lets something through

}  // namespace

// Whether the stream is gone with the message that was to be handled.
bool StoreWorker::BrokenByFailPoint(StreamId stream) {
  (void)FailPoint("kvClientSingleFeedProcessDelay");
  if (const auto reason = FailPoint("kvClientStreamRecvError")) {
    BreakStream(stream, "fail point kvClientStreamRecvError: " + *reason);
    return true;
  }
  if (clock_.Now() - forced_at_ < kForcedInterval || !FailPoint("kvClientForceReconnect"))
    return false;
  forced_at_ = clock_.Now();
  BreakStream(stream, "fail point kvClientForceReconnect");
  return true;
}

}  // namespace cdc
