#include "dataflow/mounter/mounter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/row_codec.h"
#include "dataflow/mounter/time_zone.h"

namespace cdc {
namespace {

class RowMounter final : public Mounter {
 public:
  RowMounter(TableId physical, const SchemaStore& schema, const Filter& filter, TimeZone zone,
             RowIntegrity integrity)
      : physical_(physical),
        schema_(schema),
        filter_(filter),
        zone_(std::move(zone)),
        integrity_(integrity) {}

  Result<RowBatch> Mount(std::vector<KvEvent> events) override;

 private:
  Status FindTables(const std::vector<KvEvent>& events);
  Status UseTableAt(Ts commit_ts);
  Status MountEvent(const KvEvent& event, RowBatch* batch);
  Result<std::span<const Datum>> DecodeValues(std::string_view value, const RecordKey& key,
                                              std::pmr::memory_resource* arena);

  const TableId physical_;
  const SchemaStore& schema_;
  const Filter& filter_;
  const TimeZone zone_;
  const RowIntegrity integrity_;

  // The version that decodes rows now. Null before the first row, and after the table is gone.
  TableInfoPtr table_;
  std::unique_ptr<RowDecoder> decoder_;          // of table_
  std::unique_ptr<RowVerifier> verifier_;        // of table_; null: rows are not checked
  std::unique_ptr<const RowFilter> row_filter_;  // of table_; null: all rows pass
  // Rows with a commit ts in [first, last] are known to belong to table_.
  Ts table_first_ = Ts::Max();
  Ts table_last_;
};

// One lookup at either end of the batch: if both find the same version, all rows between belong to
// it. Else each commit ts is looked up as it comes.
Status RowMounter::FindTables(const std::vector<KvEvent>& events) {
  const Ts first = events.front().commit_ts;
  const Ts last = events.back().commit_ts;
  RETURN_IF_ERROR(UseTableAt(first));
  if (last == first || table_ == nullptr) return Status::Ok();
  const Result<TableInfoPtr> at_last = schema_.TableAt(physical_, last);
  if (at_last && *at_last == table_) table_last_ = last;
  return Status::Ok();
}

Status RowMounter::UseTableAt(Ts commit_ts) {
  if (table_first_ <= commit_ts && commit_ts <= table_last_) return Status::Ok();
  Result<TableInfoPtr> found = schema_.TableAt(physical_, commit_ts);
  TableInfoPtr table;
  if (found) {
    table = *std::move(found);
  } else if (found.error().code() != Code::kSchemaTableMiss || table_last_ == Ts()) {
    // Never seen, or not known yet.
    return found.error();
  }
  // A table that was there before and is not now has been dropped or truncated; rows that
  // transactions of an older schema still wrote to it are lost in the upstream, too.
  if (table != table_) {
    row_filter_.reset();
    if (table != nullptr) {
      ASSIGN_OR_RETURN_STATUS(row_filter_, filter_.RowFilterFor(*table));
    }
    table_ = std::move(table);
    decoder_ = table_ == nullptr ? nullptr : std::make_unique<RowDecoder>(*table_, zone_);
    if (integrity_ != RowIntegrity::kUnchecked)
      verifier_ = table_ == nullptr ? nullptr : std::make_unique<RowVerifier>(*table_, integrity_);
  }
  table_first_ = table_last_ = commit_ts;
  return Status::Ok();
}

Result<std::span<const Datum>> RowMounter::DecodeValues(std::string_view value,
                                                        const RecordKey& key,
                                                        std::pmr::memory_resource* arena) {
  if (value.empty()) return std::span<const Datum>();
  const size_t count = table_->columns.size();
  auto* const values = static_cast<Datum*>(arena->allocate(count * sizeof(Datum), alignof(Datum)));
  std::uninitialized_default_construct_n(values, count);
  RETURN_UNEXPECTED_IF_ERROR(decoder_->Decode(value, key, arena, values));
  return std::span<const Datum>(values, count);
}

Status RowMounter::MountEvent(const KvEvent& event, RowBatch* batch) {
  RecordKey key;
  if (ParseTableKey(event.key, &key) != KeyKind::kRecord) return Status::Ok();  // an index's
  if (key.table != physical_)
    return {Code::kInvalidRecordKey, "record key {} in the span of table {}", ToHex(event.key),
            physical_};
  const std::string_view new_value = event.op == KvOp::kPut ? event.value : std::string_view();
  // Nothing before and nothing after: a row that was inserted and deleted in one transaction.
  // Equal bytes: nothing changed.
  if (new_value == event.old_value) return Status::Ok();
  RETURN_IF_ERROR(UseTableAt(event.commit_ts));
  if (table_ == nullptr) return Status::Ok();
  RowChecksum checksum;
  if (verifier_) RETURN_IF_ERROR(verifier_->CheckBytes(event, key, &checksum));

  std::pmr::memory_resource* const arena = batch->arena.get();
  ASSIGN_OR_RETURN_STATUS(const auto before, DecodeValues(event.old_value, key, arena));
  ASSIGN_OR_RETURN_STATUS(const auto after, DecodeValues(new_value, key, arena));
  if (!before.empty() && std::equal(before.begin(), before.end(), after.begin(), after.end(),
                                    [](const Datum& a, const Datum& b) { return SameValue(a, b); }))
    return Status::Ok();
  if (verifier_)
    RETURN_IF_ERROR(verifier_->CheckValues(event, key, before, after, arena, &checksum));
  const size_t bytes = event.key.size() + new_value.size() + event.old_value.size() +
                       (before.size() + after.size()) * sizeof(Datum);
  const RowChange row{.table = table_.get(),
                      .physical_id = physical_,
                      .start_ts = event.start_ts,
                      .commit_ts = event.commit_ts,
                      .before = before,
                      .after = after,
                      .bytes = bytes,
                      .checksum = checksum};
  if (row_filter_ && row_filter_->Ignores(row)) return Status::Ok();
  if (batch->tables.empty() || batch->tables.back() != table_) batch->tables.push_back(table_);
  batch->rows.push_back(row);
  batch->bytes += bytes;
  return Status::Ok();
}

Result<RowBatch> RowMounter::Mount(std::vector<KvEvent> events) {
  RowBatch batch;
  if (events.empty()) return batch;
  RETURN_UNEXPECTED_IF_ERROR(FindTables(events));
  batch.rows.reserve(events.size());
  if (table_ != nullptr)  // room for the values of all rows at once
    batch.arena = std::make_unique<std::pmr::monotonic_buffer_resource>(
        events.size() * table_->columns.size() * sizeof(Datum) *
        (events.front().old_value.empty() ? 1 : 2));
  Ts txn_start;
  bool txn_ignored = false;
  for (const KvEvent& event : events) {
    if (event.start_ts != txn_start) {
      txn_start = event.start_ts;
      txn_ignored = filter_.IgnoresTxn(txn_start);
    }
    if (txn_ignored) continue;
    RETURN_UNEXPECTED_IF_ERROR(MountEvent(event, &batch));
  }
  batch.events = std::move(events);
  return batch;
}

}  // namespace

Result<std::unique_ptr<Mounter>> Mounter::Create(TableId physical, const SchemaStore& schema,
                                                 const Filter& filter, const std::string& time_zone,
                                                 RowIntegrity integrity) {
  ASSIGN_OR_RETURN(TimeZone zone, TimeZone::Load(time_zone));
  return std::make_unique<RowMounter>(physical, schema, filter, std::move(zone), integrity);
}

}  // namespace cdc
