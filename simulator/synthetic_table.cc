#include "simulator/synthetic_table.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "simulator/load_schema.h"

namespace cdc {
namespace {

// Timestamps from 1978 to 3084 take this many bytes as varints.
constexpr size_t kTsBytes = 9;
constexpr uint64_t kTsMin = uint64_t{1} << 56;
constexpr uint64_t kTsMax = uint64_t{1} << 63;
constexpr uint64_t kSignBit = uint64_t{1} << 63;

void PutTs(char* at, Ts ts) {
  uint64_t value = ts.raw();
  for (size_t i = 0; i < kTsBytes - 1; ++i, value >>= 7) at[i] = static_cast<char>(value | 0x80);
  at[kTsBytes - 1] = static_cast<char>(value);
}

void PutNumber(char* at, uint64_t row, uint32_t version) {
  const auto number = static_cast<uint32_t>(row % 1000 + version);
  std::memcpy(at, &number, sizeof number);
}

}  // namespace

SyntheticTable::SyntheticTable(TableId table, size_t text_bytes, bool updates)
    : id_(table), text_bytes_(text_bytes), updates_(updates), range_(RecordRange(table)) {}

std::string SyntheticTable::KeyOf(uint64_t row) const {
  return RecordKey(id_, static_cast<int64_t>(row));
}

std::pair<uint64_t, uint64_t> SyntheticTable::Handles(const KeyRange& range) const {
  const auto bound = [&](const std::string& key, uint64_t none) -> uint64_t {
    if (key <= range_.start) return none;
    if (key >= range_.end) return kSignBit;
    std::string handle = key.substr(range_.start.size());
    const bool beyond = handle.size() > sizeof(uint64_t);  // after that row
    handle.resize(sizeof(uint64_t), '\0');
    const uint64_t value = LoadBigEndian64(handle.data());
    return value < kSignBit ? 0 : value - kSignBit + (beyond ? 1 : 0);
  };
  return {bound(range.start, 0), range.end.empty() ? kSignBit : bound(range.end, 0)};
}

size_t SyntheticTable::Add(const Txn& txn) {
  CDC_CHECK(txn.start_ts.raw() >= kTsMin && txn.start_ts.raw() < kTsMax, "start ts {}",
            txn.start_ts);
  if (txn.committed == 0) open_.insert(txns_.size());
  txns_.push_back(txn);
  return txns_.size() - 1;
}

const SyntheticTable::Txn& SyntheticTable::Commit(size_t index, Ts commit_ts, uint64_t sequence) {
  open_.erase(index);
  txns_[index].commit_ts = commit_ts;
  txns_[index].committed = sequence;
  return txns_[index];
}

void SyntheticTable::VisitOpen(const std::function<void(const Txn&)>& visit) const {
  for (const size_t index : open_) visit(txns_[index]);
}

SyntheticTable::Template SyntheticTable::MakeTemplate(wire::RowType type, bool old_value) const {
  const bool has_commit = type == wire::RowType::kCommit || type == wire::RowType::kCommitted;
  const bool has_value = type == wire::RowType::kPrewrite || type == wire::RowType::kCommitted;
  const std::string key = KeyOf(0);
  const std::string value = EncodeLoadRow(0, text_bytes_);
  const wire::Row row{.type = type,
                      .op = wire::RowOp::kPut,
                      .start_ts = Ts(kTsMin),
                      .commit_ts = has_commit ? Ts(kTsMin) : Ts(),
                      .key = key,
                      .value = has_value ? std::string_view(value) : "",
                      .old_value = has_value && old_value ? std::string_view(value) : ""};
  Template made;
  wire::AppendRow(&made.bytes, row);
  // [tag][length of the row][tag][start ts][tag][commit ts]…: fields come by their numbers.
  const size_t key_at = made.bytes.find(key);
  size_t length_bytes = 1;
  while (static_cast<uint8_t>(made.bytes[length_bytes]) >= 0x80) ++length_bytes;
  made.start_ts = 1 + length_bytes + 1;
  if (has_commit) made.commit_ts = made.start_ts + kTsBytes + 1;
  made.handle = key_at + key.size() - sizeof(uint64_t);
  if (has_value) {
    const size_t value_at = made.bytes.find(value, key_at);
    made.number = value_at + kLoadRowNumberAt;
    if (old_value) {
      made.old_number = made.bytes.find(value, value_at + value.size()) + kLoadRowNumberAt;
    }
  }
  return made;
}

const SyntheticTable::Template& SyntheticTable::TemplateOf(wire::RowType type,
                                                           bool old_value) const {
  const auto [it, fresh] = templates_.try_emplace({type, old_value && updates_});
  if (fresh) it->second = MakeTemplate(type, old_value && updates_);
  return it->second;
}

size_t SyntheticTable::RowBytes(wire::RowType type, bool old_value) const {
  return TemplateOf(type, old_value).bytes.size();
}

void SyntheticTable::AppendRows(wire::RowType type, bool old_value, uint64_t first, uint64_t rows,
                                Ts start_ts, Ts commit_ts, std::string* out) const {
  const Template& row = TemplateOf(type, old_value);
  const size_t size = row.bytes.size();
  size_t at = out->size();
  out->resize(at + rows * size);
  for (uint64_t i = first; i < first + rows; ++i, at += size) {
    char* const to = out->data() + at;
    std::memcpy(to, row.bytes.data(), size);
    PutTs(to + row.start_ts, start_ts);
    if (row.commit_ts != 0) PutTs(to + row.commit_ts, commit_ts);
    const uint64_t handle = __builtin_bswap64(i ^ kSignBit);
    std::memcpy(to + row.handle, &handle, sizeof handle);
    if (row.number != 0) PutNumber(to + row.number, i, 1);
    if (row.old_number != 0) PutNumber(to + row.old_number, i, 0);
  }
}

void SyntheticTable::AppendScan(size_t index, const KeyRange& range, Ts checkpoint,
                                uint64_t registered_at, bool old_value, std::string* out) const {
  const Txn& txn = txns_[index];
  const auto [low, high] = Handles(range);
  const uint64_t first = std::max(txn.first, low);
  const uint64_t end = std::min(txn.first + txn.rows, high);
  if (first >= end) return;
  const bool committed = txn.committed != 0 && txn.committed <= registered_at;
  if (committed && txn.commit_ts > checkpoint) {
    AppendRows(wire::RowType::kCommitted, old_value, first, end - first, txn.start_ts,
               txn.commit_ts, out);
  } else if (!committed && txn.prewritten <= registered_at) {
    AppendRows(wire::RowType::kPrewrite, old_value, first, end - first, txn.start_ts, Ts(), out);
  }
}

}  // namespace cdc
