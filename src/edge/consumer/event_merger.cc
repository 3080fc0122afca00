#include "edge/consumer/event_merger.h"

#include <algorithm>

namespace cdc {
namespace {

int RankOf(const ConsumedEvent& event) {
  const auto* row = std::get_if<ConsumedRow>(&event);
  if (row == nullptr) return 2;
  return row->is_delete() ? 0 : 1;
}

}  // namespace

void EventMerger::AddPartition(const TopicPartition& partition, int64_t next_offset, Ts watermark) {
  partitions_.try_emplace(partition, Partition{next_offset, watermark, {}});
}

void EventMerger::Add(const TopicPartition& partition, int64_t offset,
                      std::vector<ConsumedEvent> events) {
  Partition& from = partitions_.at(partition);
  from.next_offset = std::max(from.next_offset, offset + 1);
  for (ConsumedEvent& event : events) {
    const Ts ts = TsOf(event);
    if (std::holds_alternative<ConsumedWatermark>(event)) {
      from.watermark = std::max(from.watermark, ts);
      continue;
    }
    if (ts <= from.watermark) {
      ++duplicates_;
      continue;
    }
    from.waiting_offsets.insert(offset);
    const Order order{ts, RankOf(event), sequence_++};
    waiting_.emplace(order, Waiting{std::move(event), &from, offset});
  }
  AdvanceResolved();
}

void EventMerger::AdvanceResolved() {
  if (partitions_.empty()) return;
  Ts lowest = Ts::Max();
  for (const auto& [name, partition] : partitions_) lowest = std::min(lowest, partition.watermark);
  resolved_ = std::max(resolved_, lowest);
}

std::vector<ConsumedEvent> EventMerger::Take() {
  std::vector<ConsumedEvent> ready;
  while (!waiting_.empty() && waiting_.begin()->first.ts <= resolved_) {
    Waiting& first = waiting_.begin()->second;
    auto& offsets = first.partition->waiting_offsets;
    offsets.erase(offsets.find(first.offset));
    const auto* ddl = std::get_if<ConsumedDdl>(&first.event);
    const bool seen =
        ddl != nullptr &&
        !recent_ddls_.insert({ddl->commit_ts, ddl->schema, ddl->table, ddl->query}).second;
    if (!seen) ready.push_back(std::move(first.event));
    waiting_.erase(waiting_.begin());
  }
  Ts lowest = resolved_;
  for (const auto& [name, partition] : partitions_) lowest = std::min(lowest, partition.watermark);
  std::erase_if(recent_ddls_, [&](const DdlKey& ddl) { return std::get<0>(ddl) <= lowest; });
  return ready;
}

std::map<TopicPartition, EventMerger::Position> EventMerger::Positions() const {
  std::map<TopicPartition, Position> positions;
  for (const auto& [name, partition] : partitions_) {
    const auto& offsets = partition.waiting_offsets;
    // The watermarks above resolved_ come again with what waits for them.
    positions[name] = {
        offsets.empty() ? partition.next_offset : *offsets.begin(),
        offsets.empty() ? partition.watermark : std::min(partition.watermark, resolved_)};
  }
  return positions;
}

bool EventMerger::IsAhead(const TopicPartition& partition) const {
  const auto found = partitions_.find(partition);
  return found != partitions_.end() && found->second.watermark > resolved_;
}

}  // namespace cdc
