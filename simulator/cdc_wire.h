// Writes cdcpb.ChangeDataEvent as bytes, without messages: events of rows, and resolved timestamps.
// Pieces may be appended to each other, since a message is the sum of its fields.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/ts.h"

namespace cdc::wire {

enum class RowType : uint8_t {
  kPrewrite = 1,
  kCommit = 2,
  kRollback = 3,
  kCommitted = 4,
  kInitialized = 5
};
enum class RowOp : uint8_t { kUnknown = 0, kPut = 1, kDelete = 2 };

struct Row {
  RowType type = RowType::kPrewrite;
  RowOp op = RowOp::kUnknown;
  Ts start_ts;
  Ts commit_ts;
  std::string_view key;
  std::string_view value;
  std::string_view old_value;
  uint64_t txn_source = 0;
};

void AppendVarint(std::string* out, uint64_t value);
size_t VarintSize(uint64_t value);

// One entry of cdcpb.Event.Entries.
void AppendRow(std::string* entries, const Row& row);
// An event of a ChangeDataEvent up to its `rows_bytes` of entries, which the caller appends next.
void AppendEventHead(std::string* out, uint64_t region, uint64_t request, size_t rows_bytes);
void AppendEvent(std::string* out, uint64_t region, uint64_t request, std::string_view entries);
// `error`: a serialized cdcpb.Error.
void AppendError(std::string* out, uint64_t region, uint64_t request, std::string_view error);
// For many regions at once, and for one, as clients before 4.0.8 need it.
void AppendResolved(std::string* out, uint64_t request, Ts ts, std::span<const uint64_t> regions);
void AppendResolvedEvent(std::string* out, uint64_t region, uint64_t request, Ts ts);

}  // namespace cdc::wire
