// How fast the mounter alone turns records into rows: a sysbench-like table of seven columns, rows
// of about 290 bytes, batches of 1024 on one thread. With a number as its argument it mounts each
// batch so often and says nothing: for counting instructions.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>

#include <sys/resource.h>

#include "base/check.h"
#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/mounter.h"
#include "dataflow/mounter/tests/fake_schema.h"
#include "dataflow/mounter/tests/row_builder.h"
#include "model/decimal.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

constexpr TableId kTable{100};
constexpr int kBatchRows = 1024;
constexpr int kBatches = 64;  // distinct ones: 38 MB of input, more than the caches hold
constexpr auto kDuration = std::chrono::seconds(2);

TableInfoPtr BenchTable() {
  using enum MysqlType;
  constexpr uint64_t kNotNull = column_flag::kNotNull;
  auto table = MakeTable(
      kTable, {MakeColumn(1, "id", kLonglong, column_flag::kPriKey | kNotNull),
               MakeColumn(2, "k", kLong, kNotNull), MakeColumn(3, "c", kString, kNotNull),
               MakeColumn(4, "pad", kString, kNotNull), MakeColumn(5, "amount", kNewDecimal),
               MakeColumn(6, "at", kTimestamp), MakeColumn(7, "note", kVarchar)});
  table->Finish();
  return table;
}

std::string BenchRow(int i) {
  return RowV2Bytes({{2, IntBytes(static_cast<int64_t>(i) * 7919)},
                     {3, std::string(120, static_cast<char>('a' + i % 26))},
                     {4, std::string(60, static_cast<char>('0' + i % 10))},
                     {5, *DecimalFromText(std::to_string(i) + ".25", 12, 2)},
                     {6, UintBytes(PackTime({2024, 1 + i % 12, 1 + i % 28, i % 24, i % 60, 0, 0}))},
                     {7, std::string(40, 'n')}});
}

std::vector<std::vector<KvEvent>> BenchBatches(bool updates) {
  std::vector<std::vector<KvEvent>> batches(kBatches);
  uint64_t ts = 1000;
  int i = 0;
  for (auto& batch : batches)
    for (int row = 0; row < kBatchRows; ++row, ++i, ts += 2) {
      const auto bytes = std::make_shared<std::array<std::string, 3>>(std::array{
          RecordKeyOf(kTable, i), BenchRow(i), updates ? BenchRow(i + 1) : std::string()});
      batch.push_back({.op = KvOp::kPut,
                       .start_ts = Ts(ts),
                       .commit_ts = Ts(ts + 1),
                       .key = (*bytes)[0],
                       .value = (*bytes)[1],
                       .old_value = (*bytes)[2],
                       .owner = bytes});
    }
  return batches;
}

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void Run(const char* name, bool updates, std::optional<int> rounds) {
  FakeSchema schema;
  FakeFilter filter;
  schema.Add(kTable, Ts(1), BenchTable());
  auto mounter = Mounter::Create(kTable, schema, filter, "Asia/Shanghai");
  CDC_CHECK(mounter, "{}", mounter.error().ToString());
  auto batches = BenchBatches(updates);
  size_t row_bytes = batches[0][0].key.size() + batches[0][0].value.size();
  uint64_t rows = 0;
  const auto start = std::chrono::steady_clock::now();
  const double cpu_start = CpuSeconds();
  const auto more = [&] {
    return rounds ? (*rounds)-- > 0 : std::chrono::steady_clock::now() - start < kDuration;
  };
  while (more())
    for (auto& batch : batches) {
      Result<RowBatch> mounted = (*mounter)->Mount(std::move(batch));
      CDC_CHECK(mounted && mounted->rows.size() == kBatchRows, "a batch of other size");
      rows += mounted->rows.size();
      batch = std::move(mounted->events);
    }
  if (rounds) return;
  const double cpu = CpuSeconds() - cpu_start;
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"rows/cpu_s\",\"rows_per_s\":%.0f,"
      "\"rows_per_cpu_second\":%.0f,\"row_bytes\":%zu,\"rss_mib\":%ld}\n",
      name, static_cast<double>(rows) / cpu, static_cast<double>(rows) / wall,
      static_cast<double>(rows) / cpu, row_bytes, usage.ru_maxrss / 1024);
}

}  // namespace
}  // namespace cdc

int main(int argc, char** argv) {
  const auto rounds = argc > 1 ? std::optional(std::atoi(argv[1])) : std::nullopt;
  cdc::Run("mounter_inserts", /*updates=*/false, rounds);
  cdc::Run("mounter_updates", /*updates=*/true, rounds);
  return 0;
}
