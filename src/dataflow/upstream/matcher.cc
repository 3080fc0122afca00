#include "dataflow/upstream/matcher.h"

#include <utility>

#include "base/bytes.h"

namespace cdc {
namespace {

// Of a map's node or a held row, beside the bytes.
constexpr size_t kEntryBytes = 160;
// What one step of Drain gives out at most, about.
constexpr size_t kDrainBytes = 4 << 20;

size_t SizeOf(std::string_view key, std::string_view value, std::string_view old_value) {
  return kEntryBytes + key.size() + value.size() + old_value.size();
}

}  // namespace

Status Matcher::Add(const CdcRow& row, const Owner& owner, std::vector<KvEvent>* out) {
  switch (row.type) {
    case CdcRowType::kPrewrite:
      return AddPrewrite(row, owner);
    case CdcRowType::kCommit: {
      ASSIGN_OR_RETURN_STATUS(const bool matched, Match(row, out));
      if (matched) return Status::Ok();
      if (!initialized_) {
        Hold(&early_commits_, row, owner);
        return Status::Ok();
      }
      return Status(Code::kPrewriteNotMatch,
                    "commit without prewrite, key={} start_ts={} commit_ts={}", ToHex(row.key),
                    row.start_ts, row.commit_ts);
    }
    case CdcRowType::kRollback:
      // Before the scan is over, the scan may yet bring the prewrite that this one undoes.
      if (initialized_) return DropPrewrite(row);
      Hold(&early_rollbacks_, row, owner);
      return Status::Ok();
    case CdcRowType::kCommitted:
      if (row.commit_ts <= checkpoint_) return Status::Ok();
      if (!row.op) {
        return Status(Code::kUnknownKvEvent, "committed row of key {} is neither put nor delete",
                      ToHex(row.key));
      }
      out->push_back({.op = *row.op,
                      .start_ts = row.start_ts,
                      .commit_ts = row.commit_ts,
                      .key = row.key,
                      .value = *row.op == KvOp::kPut ? row.value : std::string_view(),
                      .old_value = row.old_value,
                      .owner = owner});
      return Status::Ok();
    case CdcRowType::kInitialized:
      initialized_ = true;
      return Drain(out);
    case CdcRowType::kUnknown:
      break;
  }
  return Status(Code::kUnknownKvEvent, "unknown type of row, key={}", ToHex(row.key));
}

void Matcher::Hold(std::vector<Held>* rows, const CdcRow& row, const Owner& owner) {
  rows->push_back({row, owner});
  early_bytes_ += SizeOf(row.key, row.value, row.old_value);
  bytes_ += SizeOf(row.key, row.value, row.old_value);
}

Status Matcher::AddPrewrite(const CdcRow& row, const Owner& owner) {
  // A heartbeat of the transaction makes the store send the lock again, without the value. And a
  // pipelined transaction may write a key several times; its latest generation counts.
  const auto outdated = [&](const Prewrite& known) {
    return (row.value.empty() && known.op.has_value()) || row.generation < known.generation;
  };
  const auto it = prewrites_.find({row.start_ts, row.key});
  if (it != prewrites_.end()) {
    if (outdated(it->second)) return Status::Ok();
    Forget(it);
  } else if (spilled_.Has(row.start_ts) &&
             (row.value.empty() || row.generation > 0 || !initialized_)) {
    ASSIGN_OR_RETURN_STATUS(const auto known, spilled_.Find(row.start_ts, row.key));
    if (known && outdated(known->prewrite)) return Status::Ok();
    if (known) spilled_.Forget(row.start_ts);
  }
  bytes_ += SizeOf(row.key, row.value, row.old_value);
  prewrites_.emplace(TxnKey{row.start_ts, row.key}, Prewrite{.value = row.value,
                                                             .old_value = row.old_value,
                                                             .generation = row.generation,
                                                             .op = row.op,
                                                             .owner = owner});
  return Status::Ok();
}

void Matcher::Forget(Prewrites::iterator it) {
  bytes_ -= SizeOf(it->first.key, it->second.value, it->second.old_value);
  prewrites_.erase(it);
}

Status Matcher::DropPrewrite(const CdcRow& row) {
  const auto it = prewrites_.find({row.start_ts, row.key});
  if (it != prewrites_.end()) {
    Forget(it);
  } else if (spilled_.Has(row.start_ts)) {
    ASSIGN_OR_RETURN_STATUS(const auto known, spilled_.Find(row.start_ts, row.key));
    if (known) spilled_.Forget(row.start_ts);
  }
  return Status::Ok();
}

// During the scan the one with the value, or of a higher generation, may still come.
bool Matcher::MayMatch(const Prewrite& prewrite) const {
  return initialized_ || (!prewrite.value.empty() && prewrite.generation == 0);
}

// False: there is no prewrite, or none that can be trusted yet.
Result<bool> Matcher::Match(const CdcRow& row, std::vector<KvEvent>* out) {
  const auto it = prewrites_.find({row.start_ts, row.key});
  if (it == prewrites_.end()) return MatchSpilled(row, out);
  if (!MayMatch(it->second)) return false;
  Status status = Emit(row, it->first.key, it->second, out);
  Forget(it);
  if (!status.ok()) return Unexpected(std::move(status));
  return true;
}

Result<bool> Matcher::MatchSpilled(const CdcRow& row, std::vector<KvEvent>* out) {
  if (!spilled_.Has(row.start_ts)) return false;
  ASSIGN_OR_RETURN(const auto known, spilled_.Find(row.start_ts, row.key));
  if (!known || !MayMatch(known->prewrite)) return false;
  RETURN_UNEXPECTED_IF_ERROR(Emit(row, known->key, known->prewrite, out));
  spilled_.Forget(row.start_ts);
  return true;
}

Status Matcher::Emit(const CdcRow& row, std::string_view key, const Prewrite& prewrite,
                     std::vector<KvEvent>* out) const {
  const std::optional<KvOp> op = row.op ? row.op : prewrite.op;
  if (!op)
    return Status(Code::kUnknownKvEvent, "commit of key {} is neither put nor delete", ToHex(key));
  if (row.commit_ts <= checkpoint_) return Status::Ok();
  out->push_back({.op = *op,
                  .start_ts = row.start_ts,
                  .commit_ts = row.commit_ts,
                  .key = key,
                  .value = *op == KvOp::kPut ? prewrite.value : std::string_view(),
                  .old_value = prewrite.old_value,
                  .owner = prewrite.owner});
  return Status::Ok();
}

Status Matcher::Drain(std::vector<KvEvent>* out) {
  size_t size = 0;
  while (drained_ < early_commits_.size() && size < kDrainBytes) {
    const size_t before = out->size();
    const Held& commit = early_commits_[drained_++];
    // Without a prewrite: the scan has delivered the change as COMMITTED.
    ASSIGN_OR_RETURN_STATUS([[maybe_unused]] const bool matched, Match(commit.row, out));
    for (size_t i = before; i < out->size(); ++i) size += (*out)[i].bytes();
  }
  if (draining()) return Status::Ok();
  for (const Held& rollback : early_rollbacks_) RETURN_IF_ERROR(DropPrewrite(rollback.row));
  early_commits_ = {};
  early_rollbacks_ = {};
  drained_ = 0;
  bytes_ -= std::exchange(early_bytes_, 0);
  return Status::Ok();
}

// ---- To disk ----

void Matcher::CollectSpill(std::vector<SpillItem>* items) {
  if (!spilled_.can_spill()) return;
  items->reserve(items->size() + prewrites_.size());
  for (const auto& [txn, prewrite] : prewrites_)
    items->push_back(
        {.space = spilled_.SpaceOf(txn.start_ts), .key = txn.key, .prewrite = &prewrite});
}

void Matcher::EndSpill(bool written) {
  spilled_.Rest();
  for (const auto& [txn, prewrite] : prewrites_) spilled_.Wrote(txn.start_ts, written ? 1 : 0);
  if (!written) return;
  prewrites_ = {};
  bytes_ = early_bytes_;
}

}  // namespace cdc
