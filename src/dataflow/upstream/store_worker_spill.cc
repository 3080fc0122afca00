// Prewrites that do not fit into memory.
#include <algorithm>
#include <functional>
#include <tuple>

#include "base/log.h"
#include "base/memory_budget.h"
#include "dataflow/upstream/store_worker.h"

namespace cdc {
namespace {

// Below that it is not this worker's prewrites that fill the memory.
constexpr size_t kSpillBytesMin = 1 << 20;

}  // namespace

// The regions that hold most, until a quarter of it all is left.
void StoreWorker::SpillPrewrites() {
  if (!config_.spill || !prewrite_quota_->Exceeded()) return;
  const size_t used = prewrite_quota_->used();
  if (used < kSpillBytesMin) return;
  std::vector<Session*> sessions;
  for (const auto& [request, regions] : requests_)
    for (const auto& [region, session] : regions)
      if (session->matcher.prewrites() > 0) sessions.push_back(session.get());
  std::ranges::sort(sessions, std::greater(), [](const Session* s) { return s->held.bytes(); });
  size_t chosen = 0;
  for (size_t size = 0; chosen < sessions.size() && size < used - used / 4; ++chosen)
    size += sessions[chosen]->held.bytes();
  sessions.resize(chosen);
  if (sessions.empty()) return;
  const Status status = WritePrewrites(*config_.spill, sessions);
  for (Session* session : sessions) {
    session->matcher.EndSpill(status.ok());
    session->held.Set(session->matcher.bytes());
  }
  if (status.ok()) {
    LogDebug("spilled {} MiB of prewrites of {} regions at store {}",
             (used - prewrite_quota_->used()) >> 20, sessions.size(), config_.store);
    ReturnFreedMemory();
    return;
  }
  // Nothing but their commits, which may be far away, could free the memory.
  host_.Abort(sessions.front()->subscription, status.WithContext("prewrites of a transaction"));
}

Status StoreWorker::WritePrewrites(SpillStore& store, const std::vector<Session*>& sessions) {
  std::vector<Matcher::SpillItem> items;
  for (Session* session : sessions) session->matcher.CollectSpill(&items);
  std::ranges::sort(items, [](const Matcher::SpillItem& a, const Matcher::SpillItem& b) {
    return std::tie(a.space, a.key) < std::tie(b.space, b.key);
  });
  ASSIGN_OR_RETURN_STATUS(const auto run, store.NewRun());
  std::string value;
  for (const Matcher::SpillItem& item : items) {
    SpilledPrewrites::Encode(*item.prewrite, &value);
    RETURN_IF_ERROR(run->Add(item.space, item.key, value));
  }
  return run->Finish();
}

}  // namespace cdc
