#include "dataflow/mounter/integrity.h"

#include <algorithm>
#include <memory_resource>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

namespace cdc {
namespace {

constexpr uint8_t kOfColumns = 0;

std::string_view NewValue(const KvEvent& event) {
  return event.op == KvOp::kPut ? event.value : std::string_view();
}

}  // namespace

RowIntegrity RowIntegrityOf(const IntegrityConfig& config) {
  if (config.check_level == "none") return RowIntegrity::kUnchecked;
  return config.corruption_handle_level == "error" ? RowIntegrity::kFail : RowIntegrity::kWarn;
}

RowVerifier::RowVerifier(const TableInfo& table, RowIntegrity integrity)
    : table_(table), integrity_(integrity), columns_(table) {
  const bool zoned = std::ranges::any_of(table.columns, [](const ColumnInfo* column) {
    return column->type.type == MysqlType::kTimestamp;
  });
  if (!zoned) return;
  const Result<TimeZone> utc = TimeZone::Load("UTC");
  CDC_CHECK(utc.has_value(), "{}", utc.error().ToString());
  utc_.emplace(table, *utc);
}

Status RowVerifier::Corrupted(const KvEvent& event, RowChecksum* checksum) const {
  Status corrupted(Code::kCorruptedData,
                   "a row of {}.{} does not match its checksum: key {}, commit ts {}",
                   table_.schema, table_.name, ToHex(event.key), event.commit_ts);
  if (integrity_ == RowIntegrity::kFail) return corrupted;
  checksum->corrupted = true;
  static LogLimiter limiter(10s);
  if (limiter.Allow()) LogWarn("corrupted row, sent on as it is: {}", corrupted.message());
  return Status::Ok();
}

Status RowVerifier::CheckBytes(const KvEvent& event, const RecordKey& key,
                               RowChecksum* checksum) const {
  for (const std::string_view value : {event.old_value, NewValue(event)}) {
    RowV2 row;
    if (VerifyRowChecksum(value, event.key, key, &row) == ChecksumVerdict::kMismatch)
      RETURN_IF_ERROR(Corrupted(event, checksum));
  }
  return Status::Ok();
}

Status RowVerifier::CheckValues(const KvEvent& event, const RecordKey& key,
                                std::span<const Datum> before, std::span<const Datum> after,
                                std::pmr::memory_resource* arena, RowChecksum* checksum) {
  RETURN_IF_ERROR(CheckSide({.value = event.old_value, .values = before, .old = true}, event, key,
                            arena, checksum));
  return CheckSide({.value = NewValue(event), .values = after, .old = false}, event, key, arena,
                   checksum);
}

Status RowVerifier::CheckSide(const Side& side, const KvEvent& event, const RecordKey& key,
                              std::pmr::memory_resource* arena, RowChecksum* checksum) {
  RowV2 row;
  const ChecksumVerdict verdict = VerifyRowChecksum(side.value, event.key, key, &row);
  const bool unknown = verdict == ChecksumVerdict::kUnproven && row.checksum_version != kOfColumns;
  if (verdict == ChecksumVerdict::kNone || unknown) return Status::Ok();
  std::span<const Datum> values = side.values;
  std::pmr::vector<Datum> in_utc(arena);
  if (utc_) {
    in_utc.resize(values.size());
    RETURN_IF_ERROR(utc_->Decode(side.value, key, arena, in_utc.data()));
    values = in_utc;
  }
  const uint32_t computed = columns_.Of(values);
  // An old row may have been written with columns that are gone by now.
  const bool same_columns = side.old || computed == row.checksum || computed == row.extra_checksum;
  const bool matches = verdict == ChecksumVerdict::kMatches ||
                       (verdict == ChecksumVerdict::kUnproven && same_columns);
  // Of a row that does not match, what was stored: so consumers find the same.
  (side.old ? checksum->before : checksum->after) = matches ? computed : row.checksum;
  checksum->version = row.checksum_version;
  if (matches || verdict == ChecksumVerdict::kMismatch) return Status::Ok();
  return Corrupted(event, checksum);
}

}  // namespace cdc
