// Puts the events of all partitions into one order, as far as watermarks allow.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "edge/consumer/consumed_event.h"

namespace cdc {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// Everything up to the lowest watermark of all partitions is ready: rows and schema changes by
// commit ts, rows before schema changes of the same ts; in one ts, deletes before what is written.
// A schema change that came in several partitions is given out once. What a partition repeats below
// its own watermark is dropped: it had come before.
//
// Who sends a watermark has all rows up to it acknowledged, in whatever partition. So once one was
// read anywhere, nothing up to it can still come to be behind the present ends of partitions.
//
// Pure: no I/O, no clock. Not thread-safe.
class EventMerger {
 public:
  // `resolved`: everything up to it was applied by a run before this one.
  explicit EventMerger(Ts resolved) : resolved_(resolved) {}

  // One that is added later holds all others back until its watermark is as high; its own events
  // are taken, however old they are. `watermark`: what it had reached in the run before this one.
  void AddPartition(const TopicPartition& partition, int64_t next_offset, Ts watermark);
  bool HasPartition(const TopicPartition& partition) const {
    return partitions_.contains(partition);
  }

  // All events of the message at `offset`, which come in order for each partition.
  void Add(const TopicPartition& partition, int64_t offset, std::vector<ConsumedEvent> events);

  // All messages of the partition that existed when `ts` was read as another one's watermark have
  // been added: as good as a watermark of its own, which a topic that is not in use never gets.
  void RaiseWatermark(const TopicPartition& partition, Ts ts);

  // The lowest and the highest watermark of all partitions.
  Ts lowest() const;
  Ts highest() const;
  // The highest that `lowest` was at a Take.
  Ts resolved() const { return resolved_; }
  // The events that are ready, in order. No watermarks.
  std::vector<ConsumedEvent> Take();

  // Where to read on after a crash, once all that Take gave out is applied.
  struct Position {
    int64_t offset = 0;
    Ts watermark;
  };
  std::map<TopicPartition, Position> Positions() const;

  // What was read of each, applied or not.
  struct Reading {
    int64_t next_offset = 0;
    Ts watermark;
  };
  Reading ReadingOf(const TopicPartition& partition) const;

  size_t waiting() const { return waiting_.size(); }
  bool HasReady() const { return !waiting_.empty() && waiting_.begin()->first.ts <= lowest(); }
  size_t duplicates() const { return duplicates_; }
  // Whether others hold back what this partition has: it need not be read on.
  bool IsAhead(const TopicPartition& partition) const;

 private:
  struct Partition {
    int64_t next_offset = 0;
    Ts watermark;
    std::multiset<int64_t> waiting_offsets;
  };
  struct Order {
    Ts ts;
    int rank = 0;
    uint64_t sequence = 0;
    friend auto operator<=>(const Order&, const Order&) = default;
  };
  struct Waiting {
    ConsumedEvent event;
    Partition* partition = nullptr;
    int64_t offset = 0;
  };
  Ts resolved_;
  std::map<TopicPartition, Partition> partitions_;
  std::map<Order, Waiting> waiting_;
  uint64_t sequence_ = 0;
  size_t duplicates_ = 0;
};

}  // namespace cdc
