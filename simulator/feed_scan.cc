// Incremental scans: what was committed after the checkpoint of a registration and before it came.
#include <algorithm>

#include "simulator/sim_cluster.h"
#include "simulator/synthetic_table.h"

namespace cdc {
namespace {

constexpr size_t kKeysPerStep = 1024;
constexpr size_t kBytesPerStep = 1 << 20;
constexpr size_t kTablePrefixBytes = 9;  // t and the id

// The versions of a key as a snapshot of the time of the registration shows them. Steps that came
// later are sent live: of a transaction that was prewritten before and committed after it, only the
// prewrite is missing to the client.
void ScanKey(const std::string& key, const MvccKey& state, const Downstream& downstream,
             std::string* rows) {
  const auto append = [&](wire::RowType type, kvrpcpb::Op op, Ts start_ts, Ts commit_ts,
                          const MvccValue& value, const MvccValue& old_value) {
    wire::Row row{.type = type,
                  .op = op == kvrpcpb::Put ? wire::RowOp::kPut : wire::RowOp::kDelete,
                  .start_ts = start_ts,
                  .commit_ts = commit_ts,
                  .key = key};
    if (value) row.value = *value;
    if (old_value && downstream.old_value) row.old_value = *old_value;
    wire::AppendRow(rows, row);
  };
  MvccValue last;
  for (const MvccWrite& write : state.writes) {
    if (!write.changes()) continue;
    if (write.committed > downstream.registered_at) {
      if (write.prewritten <= downstream.registered_at) {
        append(wire::RowType::kPrewrite, write.op, write.start_ts, Ts(), write.value, last);
      }
    } else if (write.commit_ts > downstream.checkpoint) {
      append(wire::RowType::kCommitted, write.op, write.start_ts, write.commit_ts, write.value,
             last);
    }
    last = write.value;
  }
  const MvccLock* lock = state.lock.get();
  if (lock && lock->changes() && lock->sequence <= downstream.registered_at) {
    append(wire::RowType::kPrewrite, lock->op, lock->start_ts, Ts(), lock->value, last);
  }
}

}  // namespace

void SimCluster::ScanLoop(std::stop_token stop) {
  for (;;) {
    std::shared_ptr<Downstream> downstream;
    {
      std::unique_lock lock(scans_mutex_);
      if (!scans_filled_.wait(lock, stop, [this] { return !scans_.empty(); })) return;
      downstream = std::move(scans_.front());
      scans_.pop_front();
    }
    Scan(downstream, stop);
  }
}

void SimCluster::Scan(const std::shared_ptr<Downstream>& downstream, std::stop_token stop) {
  std::string from = downstream->range.start;
  // Keys of tables have a fixed length, up to the records.
  SyntheticCursor synthetic{.table = downstream->range.start.substr(0, kTablePrefixBytes)};
  bool stored = true;
  for (bool more = true; more;) {
    if (!downstream->stream->WaitForRoom(options_.scan_queue_bytes, stop)) return;
    std::string rows;
    std::string event;
    std::lock_guard lock(mutex_);
    if (downstream->gone) return;
    if (stored) {
      stored = ScanStored(downstream.get(), &from, &rows);
    } else {
      more = ScanSynthetic(downstream.get(), &synthetic, &rows);
    }
    if (!more) {
      wire::AppendRow(&rows, {.type = wire::RowType::kInitialized});
      downstream->initialized = true;
    }
    if (rows.empty()) continue;
    event.reserve(rows.size() + 64);
    wire::AppendEvent(&event, downstream->region_id, downstream->request_id, rows);
    downstream->stream->Append(std::move(event));
  }
}

// False when there is no more.
bool SimCluster::ScanStored(Downstream* downstream, std::string* from, std::string* rows) {
  auto it = store_.keys().lower_bound(*from);
  for (size_t steps = 0; it != store_.keys().end() && downstream->Wants(it->first); ++it, ++steps) {
    if (steps == kKeysPerStep || rows->size() >= kBytesPerStep) {
      *from = it->first;
      return true;
    }
    ScanKey(it->first, it->second, *downstream, rows);
  }
  return false;
}

bool SimCluster::ScanSynthetic(Downstream* downstream, SyntheticCursor* at, std::string* rows) {
  for (;;) {
    // Tables are found by their first keys; the one before the range may reach into it.
    auto it = synthetic_.lower_bound(at->table);
    if (it == synthetic_.end()) return false;
    const SyntheticTable& table = *it->second;
    const KeyRange& range = downstream->range;
    if (!range.end.empty() && table.range().start >= range.end) return false;
    if (table.range().end <= range.start) {
      *at = {.table = it->first + '\0'};
      continue;
    }
    for (; at->txn < table.size(); ++at->txn) {
      if (rows->size() >= kBytesPerStep) return true;
      table.AppendScan(at->txn, range, downstream->checkpoint, downstream->registered_at,
                       downstream->old_value, rows);
    }
    *at = {.table = it->first + '\0'};
  }
}

}  // namespace cdc
