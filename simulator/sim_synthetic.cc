// Synthetic tables: their transactions, and the live rows of them.
#include <algorithm>

#include "simulator/sim_cluster.h"
#include "simulator/synthetic_table.h"

namespace cdc {

void SimCluster::AddSynthetic(SyntheticTable* table) {
  std::lock_guard lock(mutex_);
  synthetic_[table->range().start] = table;
}

void SimCluster::SyntheticOnePhase(SyntheticTable* table, uint64_t first, uint64_t rows) {
  const Ts start_ts = oracle_.Next();
  std::lock_guard lock(mutex_);
  const Ts commit_ts = oracle_.Next();  // above what has been resolved
  const uint64_t sequence = store_.NextSequence();
  table->Add({.first = first,
              .rows = rows,
              .start_ts = start_ts,
              .commit_ts = commit_ts,
              .prewritten = sequence,
              .committed = sequence});
  SendSynthetic(*table, wire::RowType::kCommitted, first, rows, start_ts, commit_ts);
}

size_t SimCluster::SyntheticPrewrite(SyntheticTable* table, uint64_t first, uint64_t rows,
                                     Ts start_ts) {
  std::lock_guard lock(mutex_);
  const size_t txn = table->Add(
      {.first = first, .rows = rows, .start_ts = start_ts, .prewritten = store_.NextSequence()});
  SendSynthetic(*table, wire::RowType::kPrewrite, first, rows, start_ts, Ts());
  return txn;
}

void SimCluster::SyntheticCommit(SyntheticTable* table, size_t index, Ts commit_ts) {
  std::lock_guard lock(mutex_);
  const SyntheticTable::Txn& txn = table->Commit(index, commit_ts, store_.NextSequence());
  SendSynthetic(*table, wire::RowType::kCommit, txn.first, txn.rows, txn.start_ts, commit_ts);
}

void SimCluster::SyntheticBacklog(SyntheticTable* table, uint64_t first, uint64_t rows) {
  const Ts start_ts = oracle_.Next();
  std::lock_guard lock(mutex_);
  const uint64_t sequence = store_.NextSequence();
  table->Add({.first = first,
              .rows = rows,
              .start_ts = start_ts,
              .commit_ts = oracle_.Next(),
              .prewritten = sequence,
              .committed = sequence});
}

bool SimCluster::WaitForRoom(size_t bytes, std::stop_token stop) {
  for (const auto& stream : Streams(0)) {
    stream->WaitForRoom(bytes, stop);
    if (stop.stop_requested()) return false;
  }
  return true;
}

// Calls `visit` for the rows in each region: their first, and how many.
void SimCluster::ForRuns(const SyntheticTable& table, uint64_t first, uint64_t rows,
                         const std::function<void(SimRegion&, uint64_t, uint64_t)>& visit) {
  for (const uint64_t end = first + rows; first < end;) {
    SimRegion& region = regions_.Of(table.KeyOf(first));
    const uint64_t region_end = table.Handles(region.range).second;
    const uint64_t count = std::min(end, region_end) - first;
    visit(region, first, count);
    first += count;
  }
}

void SimCluster::SendSynthetic(const SyntheticTable& table, wire::RowType type, uint64_t first,
                               uint64_t rows, Ts start_ts, Ts commit_ts) {
  ForRuns(table, first, rows, [&](SimRegion& region, uint64_t from, uint64_t count) {
    for (const auto& downstream : region.downstreams) {
      const auto [low, high] = table.Handles(downstream->range);
      const uint64_t begin = std::max(from, low);
      const uint64_t end = std::min(from + count, high);
      if (begin >= end) continue;
      const bool old_value = downstream->old_value;
      const size_t bytes = table.RowBytes(type, old_value) * (end - begin);
      std::string event;
      event.reserve(bytes + 64);
      wire::AppendEventHead(&event, downstream->region_id, downstream->request_id, bytes);
      table.AppendRows(type, old_value, begin, end - begin, start_ts, commit_ts, &event);
      downstream->stream->Append(std::move(event));
    }
  });
}

}  // namespace cdc
