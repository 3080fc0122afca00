// What the region feed delivers: committed changes of single keys, and the spans of keys they come
// from.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

// A half-open range [start, end) of user keys (raw, not memcomparable-encoded; no API v2 prefix).
// An empty end is the end of the key space.
struct KeyRange {
  std::string start;
  std::string end;
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// A range that is captured as one: the records of a physical table, or a piece of the meta key
// space. `table` is 0 for the latter.
struct Span {
  TableId table{};
  KeyRange range;
  friend bool operator==(const Span&, const Span&) = default;
};

enum class KvOp : uint8_t { kPut, kDelete };

// One committed change of one key. The views point into memory that `owner` keeps alive.
struct KvEvent {
  KvOp op = KvOp::kPut;
  Ts start_ts;
  Ts commit_ts;
  std::string_view key;        // user key, as in KeyRange
  std::string_view value;      // empty for kDelete
  std::string_view old_value;  // the version before; empty if there was none
  std::shared_ptr<const void> owner;

  // What the event holds on to, for quotas.
  size_t bytes() const { return sizeof(KvEvent) + key.size() + value.size() + old_value.size(); }
};

// The order in which changes are delivered: by commit ts, then start ts, then key.
inline bool CommitOrder(const KvEvent& a, const KvEvent& b) {
  if (a.commit_ts != b.commit_ts) return a.commit_ts < b.commit_ts;
  if (a.start_ts != b.start_ts) return a.start_ts < b.start_ts;
  return a.key < b.key;
}

// The records (not the index keys) of a physical table: t{id}_r … t{id}_s.
KeyRange RecordRange(TableId table);
// All keys that start with `prefix`.
KeyRange PrefixRange(std::string_view prefix);

}  // namespace cdc
