#include "dataflow/sink/mysql/net_rows.h"

#include <algorithm>
#include <functional>

namespace cdc {
namespace {

std::span<const Datum> AnyImage(const NetRow& row) {
  return row.after.empty() ? row.before : row.after;
}

}  // namespace

void NetRows::Clear() {
  table_ = nullptr;
  rows_.clear();
  by_handle_.clear();
}

bool NetRows::SameHandle(std::span<const Datum> a, std::span<const Datum> b) const {
  return std::ranges::all_of(table_->handle_key, [&](int column) {
    return SameValue(a[static_cast<size_t>(column)], b[static_cast<size_t>(column)]);
  });
}

uint64_t NetRows::HandleHash(std::span<const Datum> image) const {
  uint64_t hash = 0x9e3779b97f4a7c15;
  for (const int column : table_->handle_key) {
    const Datum& value = image[static_cast<size_t>(column)];
    uint64_t part = value.as_uint();
    switch (value.kind()) {
      case Datum::Kind::kBytes:
      case Datum::Kind::kDecimal:
      case Datum::Kind::kJson:
      case Datum::Kind::kVector:
        part = std::hash<std::string_view>{}(value.as_view());
        break;
      default:
        break;
    }
    hash = (hash ^ part) * 0x2545f4914f6cdd1d;
    hash ^= hash >> 29;
  }
  return hash;
}

NetRow* NetRows::Find(std::span<const Datum> image) {
  const auto found = by_handle_.find(HandleHash(image));
  uint32_t index = found == by_handle_.end() ? 0 : found->second;
  for (; index != 0; index = rows_[index - 1].next)
    if (SameHandle(AnyImage(rows_[index - 1]), image)) return &rows_[index - 1];
  return nullptr;
}

NetRow& NetRows::FindOrAdd(std::span<const Datum> image) {
  if (NetRow* row = Find(image)) {
    row->merged = true;
    return *row;
  }
  uint32_t& first = by_handle_[HandleHash(image)];
  NetRow& row = rows_.emplace_back();
  row.next = first;
  first = static_cast<uint32_t>(rows_.size());
  return row;
}

void NetRows::Insert(const RowChange& row) {
  NetRow& net = FindOrAdd(row.after);
  net.after = row.after;
  net.bytes = row.bytes;
}

void NetRows::Delete(const RowChange& row) {
  NetRow& net = FindOrAdd(row.before);
  if (!net.merged) net.existed = true;
  if (net.before.empty()) net.before = row.before;
  net.after = {};
}

void NetRows::Add(const RowChange& row) {
  table_ = row.table;
  if (row.is_insert()) return Insert(row);
  if (row.is_delete()) return Delete(row);
  if (!SameHandle(row.before, row.after)) {
    Delete(row);
    return Insert(row);
  }
  NetRow& net = FindOrAdd(row.before);
  if (!net.merged) net.existed = true;
  if (net.before.empty()) net.before = row.before;
  net.after = row.after;
  net.bytes = row.bytes;
}

bool NetRows::NeedsConflictCheck() const {
  if (rows_.size() < 2) return false;
  // A single key of numbers or times is the row's identity: no two rows here share a value of it.
  const auto is_text = [this](int column) {
    return AnyImage(rows_.front())[static_cast<size_t>(column)].kind() == Datum::Kind::kBytes;
  };
  const auto other_unique = [](const IndexInfo& index) { return index.unique && !index.primary; };
  if (table_->unique_keys.size() == 1 && table_->unique_keys.front().primary &&
      std::ranges::none_of(table_->indexes, other_unique) &&
      std::ranges::none_of(table_->handle_key, is_text))
    return false;
  return std::ranges::any_of(rows_, [](const NetRow& row) { return row.is_update(); });
}

void NetRows::SplitConflicts() {
  if (!NeedsConflictCheck()) return;
  const auto split = [this](uint32_t index) {
    if (rows_[index].is_update()) rows_[index].split = true;
  };
  holders_.clear();
  bool all = false;
  for (uint32_t i = 0; i < rows_.size(); ++i) {
    keys_.clear();
    if (!rows_[i].before.empty()) key_maker_.AddImage(*table_, rows_[i].before, &keys_);
    for (const ConflictKey& key : keys_) {
      all = all || key.whole_index;
      holders_.push_back({key.hash, i});
    }
  }
  std::ranges::sort(holders_, {}, &Holder::hash);
  for (uint32_t i = 0; i < rows_.size() && !all; ++i) {
    if (rows_[i].after.empty()) continue;
    keys_.clear();
    key_maker_.AddImage(*table_, rows_[i].after, &keys_);
    for (const ConflictKey& key : keys_) {
      all = all || key.whole_index;
      for (const Holder& holder : std::ranges::equal_range(holders_, key.hash, {}, &Holder::hash)) {
        if (holder.row == i) continue;
        split(holder.row);  // it must let go of the value before row i takes it
        // A row that only came and went has a DELETE that may hit row i, if their keys are equal
        // in the downstream's eyes: then row i must be written after it, whole.
        if (!rows_[holder.row].existed) split(i);
      }
    }
  }
  if (all)
    for (uint32_t i = 0; i < rows_.size(); ++i) split(i);
}

}  // namespace cdc
