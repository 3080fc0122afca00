// Reads cdcpb.ChangeDataEvent from the bytes as they were received, without decoding into messages:
// what comes out are views into the buffer. Total: any bytes give a result or an error, never a
// crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/kv_event.h"

namespace cdc {

enum class CdcRowType : uint8_t {
  kUnknown = 0,
  kPrewrite = 1,
  kCommit = 2,
  kRollback = 3,
  kCommitted = 4,
  kInitialized = 5,
};

struct CdcRow {
  CdcRowType type = CdcRowType::kUnknown;
  std::optional<KvOp> op;
  Ts start_ts;
  Ts commit_ts;
  uint64_t generation = 0;  // of a pipelined transaction's prewrites: the highest holds
  std::string_view key;
  std::string_view value;
  std::string_view old_value;
};

struct CdcEvent {
  enum class Kind : uint8_t { kNone, kEntries, kError, kResolved };
  uint64_t region_id = 0;
  uint64_t request_id = 0;
  Kind kind = Kind::kNone;   // kNone: something that we do not know
  std::string_view payload;  // the bytes of cdcpb.Event.Entries or cdcpb.Error
  Ts resolved;
};

struct CdcResolved {
  uint64_t request_id = 0;
  Ts ts;
  std::vector<uint64_t> regions;
};

struct ChangeData {
  std::vector<CdcEvent> events;
  std::optional<CdcResolved> resolved;
  void Clear();
};

// Fills `out`, whose memory is used again from call to call. Fields that we do not know are
// skipped.
Status ParseChangeData(std::string_view buffer, ChangeData* out);

// The rows of CdcEvent::payload (kEntries), one at a time.
class CdcRowReader {
 public:
  explicit CdcRowReader(std::string_view entries) : rest_(entries) {}
  // False at the end, or at an error, which status() then tells.
  bool Next(CdcRow* row);
  const Status& status() const { return status_; }

 private:
  std::string_view rest_;
  Status status_;
};

}  // namespace cdc
