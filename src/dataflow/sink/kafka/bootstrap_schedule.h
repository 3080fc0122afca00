// When a table's description is sent among its rows: protocols whose rows do not describe
// themselves (simple) need it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "model/table_info.h"

namespace cdc {

struct BootstrapOptions {              // sink.send-bootstrap-*
  std::chrono::seconds interval{120};  // -interval-in-sec; 0: never
  int64_t rows_max = 10'000;           // -in-msg-count; 0: never
  bool to_all_partitions = true;       // -to-all-partition; else to the first one
  bool all_at_start = false;           // send-all-bootstrap-at-start

  bool enabled() const { return interval.count() > 0 && rows_max > 0; }
};

// Thread-safe.
class BootstrapSchedule {
 public:
  explicit BootstrapSchedule(BootstrapOptions options) : options_(options) {}

  // Whether the description is to be sent before these rows: they are the table's first ones here,
  // or enough rows or time went by since it was sent. If so, it counts as sent.
  bool Due(TableId table, size_t rows, SteadyTime now);

 private:
  struct Sent {
    SteadyTime at;
    int64_t rows = 0;  // since then
  };

  const BootstrapOptions options_;
  std::mutex mutex_;  // guards sent_
  std::map<TableId, Sent> sent_;
};

}  // namespace cdc
