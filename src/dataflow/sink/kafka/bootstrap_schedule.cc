#include "dataflow/sink/kafka/bootstrap_schedule.h"

namespace cdc {

bool BootstrapSchedule::Due(TableId table, size_t rows, SteadyTime now) {
  if (!options_.enabled()) return false;
  std::lock_guard lock(mutex_);
  const auto [found, is_new] = sent_.try_emplace(table, Sent{now, 0});
  Sent& sent = found->second;
  const bool due = is_new || now - sent.at >= options_.interval || sent.rows >= options_.rows_max;
  if (due) sent = {now, 0};
  sent.rows += static_cast<int64_t>(rows);
  return due;
}

}  // namespace cdc
