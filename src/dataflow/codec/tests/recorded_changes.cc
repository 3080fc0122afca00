#include "dataflow/codec/tests/recorded_changes.h"

#include <algorithm>
#include <unordered_map>

#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/mounter.h"

namespace cdc {
namespace {

bool InSpans(const std::vector<Span>& spans, std::string_view key) {
  return std::ranges::any_of(
      spans, [&](const Span& span) { return key >= span.range.start && key < span.range.end; });
}

}  // namespace

Result<std::unique_ptr<RecordedChanges>> RecordedChanges::Load(const std::string& directory,
                                                               bool force_replicate) {
  auto changes = std::make_unique<RecordedChanges>();
  ASSIGN_OR_RETURN(changes->recording_, Recording::Open(directory));
  const RecordingMeta& meta = changes->recording_->meta();
  ReplicaConfig config;
  config.filter.rules = meta.filter;
  config.force_replicate = force_replicate;
  config.ignore_ineligible_table = true;
  ASSIGN_OR_RETURN(changes->filter_, Filter::Create(config));
  ASSIGN_OR_RETURN(changes->schema_, SchemaStore::Open(changes->recording_->base(), meta.start_ts,
                                                       *changes->filter_));
  SchemaStore& schema = *changes->schema_;
  const std::vector<Span> ddl_spans = schema.DdlSpans();
  std::unordered_map<TableId, std::vector<KvEvent>> rows;
  RETURN_UNEXPECTED_IF_ERROR(
      changes->recording_->ReadTransactions([&](std::vector<KvEvent> events) {
        std::vector<KvEvent> ddl_events;
        for (KvEvent& event : events) {
          RecordKey key;
          if (InSpans(ddl_spans, event.key)) {
            ddl_events.push_back(std::move(event));
          } else if (ParseTableKey(event.key, &key) == KeyKind::kRecord) {
            rows[key.table].push_back(std::move(event));
          }
        }
        if (!ddl_events.empty()) schema.Append(std::move(ddl_events));
        return Status::Ok();
      }));
  RETURN_UNEXPECTED_IF_ERROR(schema.Advance(meta.end_ts));

  std::vector<Capture> captures;
  for (const PhysicalTable& table : schema.CapturedTables(meta.start_ts))
    captures.push_back({.physical = table.id, .start = meta.start_ts});
  for (const DdlEventPtr& ddl : schema.DdlsAfter(meta.start_ts)) {
    if (ddl->replicate && !IsForDatabasesOnly(*ddl)) changes->ddls_.push_back(ddl);
    for (const TableId dropped : ddl->dropped)
      for (Capture& capture : captures)
        if (capture.physical == dropped && capture.end == Ts::Max()) capture.end = ddl->commit_ts;
    for (const TableId added : ddl->added)
      captures.push_back({.physical = added, .start = ddl->commit_ts});
  }
  RETURN_UNEXPECTED_IF_ERROR(changes->MountTables(captures, std::move(rows)));
  return changes;
}

Status RecordedChanges::MountTables(const std::vector<Capture>& captures,
                                    std::unordered_map<TableId, std::vector<KvEvent>> events) {
  for (const Capture& capture : captures) {
    std::vector<KvEvent> captured;
    for (const KvEvent& event : events[capture.physical])
      if (event.commit_ts > capture.start && event.commit_ts <= capture.end)
        captured.push_back(event);
    if (captured.empty()) continue;
    ASSIGN_OR_RETURN_STATUS(auto mounter,
                            Mounter::Create(capture.physical, *schema_, *filter_, "UTC"));
    ASSIGN_OR_RETURN_STATUS(RowBatch batch, mounter->Mount(std::move(captured)));
    Table& table = tables_.emplace_back();
    table.physical = capture.physical;
    table.batches.push_back(std::move(batch));
  }
  return Status::Ok();
}

}  // namespace cdc
