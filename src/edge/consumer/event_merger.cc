#include "edge/consumer/event_merger.h"

#include <algorithm>
#include <tuple>

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
}

void EventMerger::RaiseWatermark(const TopicPartition& partition, Ts ts) {
  Partition& raised = partitions_.at(partition);
  raised.watermark = std::max(raised.watermark, ts);
}

Ts EventMerger::lowest() const {
  Ts lowest = partitions_.empty() ? Ts() : Ts::Max();
  for (const auto& [name, partition] : partitions_) lowest = std::min(lowest, partition.watermark);
  return lowest;
}

Ts EventMerger::highest() const {
  Ts highest;
  for (const auto& [name, partition] : partitions_)
    highest = std::max(highest, partition.watermark);
  return highest;
}

std::vector<ConsumedEvent> EventMerger::Take() {
  const Ts lowest = this->lowest();
  resolved_ = std::max(resolved_, lowest);
  std::vector<ConsumedEvent> ready;
  // All that were told of a schema change have told it by now.
  std::set<std::tuple<Ts, std::string, std::string, std::string>> ddls;
  while (!waiting_.empty() && waiting_.begin()->first.ts <= lowest) {
    Waiting& first = waiting_.begin()->second;
    auto& offsets = first.partition->waiting_offsets;
    offsets.erase(offsets.find(first.offset));
    const auto* ddl = std::get_if<ConsumedDdl>(&first.event);
    if (ddl == nullptr || ddls.insert({ddl->commit_ts, ddl->schema, ddl->table, ddl->query}).second)
      ready.push_back(std::move(first.event));
    waiting_.erase(waiting_.begin());
  }
  return ready;
}

std::map<TopicPartition, EventMerger::Position> EventMerger::Positions() const {
  const Ts lowest = this->lowest();
  std::map<TopicPartition, Position> positions;
  for (const auto& [name, partition] : partitions_) {
    const auto& offsets = partition.waiting_offsets;
    // The watermarks above the lowest come again with what waits for them.
    positions[name] = {
        offsets.empty() ? partition.next_offset : *offsets.begin(),
        offsets.empty() ? partition.watermark : std::min(partition.watermark, lowest)};
  }
  return positions;
}

EventMerger::Reading EventMerger::ReadingOf(const TopicPartition& partition) const {
  const Partition& of = partitions_.at(partition);
  return {of.next_offset, of.watermark};
}

bool EventMerger::IsAhead(const TopicPartition& partition) const {
  const auto found = partitions_.find(partition);
  return found != partitions_.end() && found->second.watermark > lowest();
}

}  // namespace cdc
