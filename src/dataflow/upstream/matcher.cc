#include "dataflow/upstream/matcher.h"

#include "base/bytes.h"

namespace cdc {
namespace {

size_t SizeOf(std::string_view key, std::string_view value, std::string_view old_value) {
  return key.size() + value.size() + old_value.size();
}

}  // namespace

Status Matcher::Add(const CdcRow& row, const Owner& owner, std::vector<KvEvent>* out) {
  switch (row.type) {
    case CdcRowType::kPrewrite:
      AddPrewrite(row, owner);
      return Status::Ok();
    case CdcRowType::kCommit: {
      Status status;
      if (Match(row, out, &status)) return status;
      if (!initialized_) {
        early_commits_.push_back({row, owner});
        return Status::Ok();
      }
      return Status(Code::kPrewriteNotMatch,
                    "commit without prewrite, key={} start_ts={} commit_ts={}", ToHex(row.key),
                    row.start_ts, row.commit_ts);
    }
    case CdcRowType::kRollback:
      // Before the scan is over, the scan may yet bring the prewrite that this one undoes.
      if (initialized_) {
        DropPrewrite(row);
      } else {
        early_rollbacks_.push_back({row, owner});
      }
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
      return Initialize(out);
    case CdcRowType::kUnknown:
      break;
  }
  return Status(Code::kUnknownKvEvent, "unknown type of row, key={}", ToHex(row.key));
}

void Matcher::AddPrewrite(const CdcRow& row, const Owner& owner) {
  const auto it = prewrites_.find({row.start_ts, row.key});
  if (it != prewrites_.end()) {
    // A heartbeat of the transaction makes the store send the lock again, without the value. And a
    // pipelined transaction may write a key several times; its latest generation counts.
    const bool repeats = row.value.empty() && it->second.op.has_value();
    if (repeats || row.generation < it->second.generation) return;
    Forget(it);
  }
  bytes_ += SizeOf(row.key, row.value, row.old_value);
  prewrites_.emplace(TxnKey{row.start_ts, row.key}, Prewrite{.value = row.value,
                                                             .old_value = row.old_value,
                                                             .generation = row.generation,
                                                             .op = row.op,
                                                             .owner = owner});
}

void Matcher::Forget(Prewrites::iterator it) {
  bytes_ -= SizeOf(it->first.key, it->second.value, it->second.old_value);
  prewrites_.erase(it);
}

void Matcher::DropPrewrite(const CdcRow& row) {
  const auto it = prewrites_.find({row.start_ts, row.key});
  if (it != prewrites_.end()) Forget(it);
}

// False: there is no prewrite, or none that can be trusted yet.
bool Matcher::Match(const CdcRow& row, std::vector<KvEvent>* out, Status* status) {
  const auto it = prewrites_.find({row.start_ts, row.key});
  if (it == prewrites_.end()) return false;
  Prewrite& prewrite = it->second;
  // During the scan the one with the value, or of a higher generation, may still come.
  if (!initialized_ && (prewrite.value.empty() || prewrite.generation > 0)) return false;
  const std::optional<KvOp> op = row.op ? row.op : prewrite.op;
  if (!op) {
    *status =
        Status(Code::kUnknownKvEvent, "commit of key {} is neither put nor delete", ToHex(row.key));
  } else if (row.commit_ts > checkpoint_) {
    out->push_back({.op = *op,
                    .start_ts = row.start_ts,
                    .commit_ts = row.commit_ts,
                    .key = it->first.key,
                    .value = *op == KvOp::kPut ? prewrite.value : std::string_view(),
                    .old_value = prewrite.old_value,
                    .owner = prewrite.owner});
  }
  Forget(it);
  return true;
}

Status Matcher::Initialize(std::vector<KvEvent>* out) {
  initialized_ = true;
  Status status;
  for (const Held& commit : early_commits_) {
    // Without a prewrite: the scan has delivered the change as COMMITTED.
    (void)Match(commit.row, out, &status);
  }
  for (const Held& rollback : early_rollbacks_) DropPrewrite(rollback.row);
  early_commits_ = {};
  early_rollbacks_ = {};
  return status;
}

}  // namespace cdc
