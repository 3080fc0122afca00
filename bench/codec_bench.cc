// Rows and megabytes of messages per second of each message protocol, on one thread: a JSON object
// a line.
//
// codec_bench [SECONDS]: how long to run each protocol (default 2).
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "base/clock.h"
#include "dataflow/codec/encoder.h"
#include "model/packed_time.h"

namespace cdc {
namespace {

constexpr size_t kRowsPerBatch = 64;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void AddColumn(TableInfo* table, const char* name, MysqlType type, uint64_t flags, int64_t length,
               int64_t decimal = 0) {
  ColumnInfo column{.id = static_cast<int64_t>(table->all_columns.size()) + 1,
                    .name = name,
                    .offset = static_cast<int>(table->all_columns.size())};
  column.type = {.type = type,
                 .flags = flags,
                 .length = length,
                 .decimal = decimal,
                 .charset = flags & column_flag::kBinary ? "binary" : "utf8mb4",
                 .collation = "utf8mb4_bin"};
  table->all_columns.push_back(std::move(column));
}

// Ten columns as an order table has them, about 250 bytes of values a row; every third change is an
// update.
struct Workload {
  Workload() : note(120, 'n') {
    table.id = TableId{1};
    table.schema = "shop";
    table.name = "orders";
    table.pk_is_handle = true;
    AddColumn(&table, "id", MysqlType::kLonglong, column_flag::kPriKey | column_flag::kNotNull, 20);
    AddColumn(&table, "customer", MysqlType::kLong, column_flag::kUnsigned, 10);
    AddColumn(&table, "status", MysqlType::kVarchar, 0, 16);
    AddColumn(&table, "title", MysqlType::kVarchar, 0, 200);
    AddColumn(&table, "note", MysqlType::kBlob, 0, 65535);
    AddColumn(&table, "weight", MysqlType::kDouble, 0, 22, -1);
    AddColumn(&table, "created", MysqlType::kDatetime, 0, 26, 6);
    AddColumn(&table, "changed", MysqlType::kTimestamp, 0, 19);
    AddColumn(&table, "token", MysqlType::kVarchar, column_flag::kBinary, 32);
    AddColumn(&table, "flags", MysqlType::kTiny, 0, 4);
    table.Finish();
    for (size_t i = 0; i < kRowsPerBatch; ++i) {
      values.push_back(Row(i));
      olds.push_back(Row(i + 1));
    }
    for (size_t i = 0; i < kRowsPerBatch; ++i) {
      RowChange row;
      row.table = &table;
      row.physical_id = table.id;
      row.commit_ts = Ts::FromUnixMs(1'700'000'000'000 + i);
      row.after = values[i];
      if (i % 3 == 0) row.before = olds[i];
      rows.push_back(row);
    }
    for (const RowChange& row : rows) pointers.push_back(&row);
  }

  std::vector<Datum> Row(size_t i) const {
    const auto text = [](std::string_view view) { return Datum::View(Datum::Kind::kBytes, view); };
    const uint64_t time = PackTime({2024, 2, 29, 12, static_cast<int>(i % 60), 7, 123456});
    return {Datum::Int(static_cast<int64_t>(1'000'000 + i)),
            Datum::Uint(40'000 + i),
            text("delivered"),
            text("A title of some words, with a \"quotation\" in it"),
            text(note),
            Datum::Double(0.25 * static_cast<double>(i)),
            Datum::Time(time),
            Datum::Time(time),
            text("\x01\x02\xfe\xff 16 raw bytes"),
            Datum::Int(1)};
  }

  TableInfo table;
  std::string note;
  std::vector<std::vector<Datum>> values;
  std::vector<std::vector<Datum>> olds;
  std::vector<RowChange> rows;
  std::vector<const RowChange*> pointers;
};

int Measure(const char* name, const Workload& workload, const CodecOptions& options,
            double seconds) {
  auto encoder = EventEncoder::Create(options);
  if (!encoder) {
    std::fprintf(stderr, "%s: %s\n", name, encoder.error().ToString().c_str());
    return 1;
  }
  const auto now = [] {
    return std::chrono::duration<double>(SystemClock().Now().time_since_epoch()).count();
  };
  uint64_t rows = 0;
  uint64_t bytes = 0;
  const double cpu_before = CpuSeconds();
  const double begin = now();
  double elapsed = 0;
  while (elapsed < seconds) {
    for (int i = 0; i < 50; ++i) {
      std::vector<Message> messages;
      if (const Status status = (*encoder)->EncodeRows(workload.pointers, &messages);
          !status.ok()) {
        std::fprintf(stderr, "%s: %s\n", name, status.ToString().c_str());
        return 1;
      }
      for (const Message& message : messages)
        bytes +=
            (message.key ? message.key->size() : 0) + (message.value ? message.value->size() : 0);
      rows += workload.rows.size();
    }
    elapsed = now() - begin;
  }
  const double cpu = CpuSeconds() - cpu_before;
  std::printf(
      "{\"name\":\"codec/%s\",\"unit\":\"rows/s\",\"value\":%.0f,\"rows_per_cpu_second\":%.0f,"
      "\"mb_per_cpu_second\":%.0f,\"bytes_per_row\":%.0f}\n",
      name, static_cast<double>(rows) / elapsed, static_cast<double>(rows) / cpu,
      static_cast<double>(bytes) / cpu / 1e6,
      static_cast<double>(bytes) / static_cast<double>(rows));
  return 0;
}

}  // namespace
}  // namespace cdc

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  const cdc::Workload workload;
  int failures = 0;
  const auto measure = [&](const char* name, cdc::Protocol protocol, auto... set) {
    cdc::CodecOptions options;
    options.protocol = protocol;
    options.clock = &cdc::SystemClock();
    (set(options), ...);
    options.schema_registry_url = protocol == cdc::Protocol::kAvro ? "-" : "";
    if (const cdc::Status opened = cdc::OpenCodecResources(&options, cdc::SystemClock());
        !opened.ok()) {
      std::fprintf(stderr, "%s: %s\n", name, opened.ToString().c_str());
      ++failures;
      return;
    }
    failures += cdc::Measure(name, workload, options, seconds);
  };
  const auto extension = [](cdc::CodecOptions& o) { o.enable_tidb_extension = true; };
  measure("open-protocol", cdc::Protocol::kOpen);
  measure("canal-json", cdc::Protocol::kCanalJson);
  measure("canal-json-extension", cdc::Protocol::kCanalJson, extension);
  measure("simple-json", cdc::Protocol::kSimple);
  measure("simple-avro", cdc::Protocol::kSimple,
          [](cdc::CodecOptions& o) { o.simple_encoding = cdc::SimpleEncoding::kAvro; });
  measure("debezium", cdc::Protocol::kDebezium);
  measure("debezium-no-schema", cdc::Protocol::kDebezium,
          [](cdc::CodecOptions& o) { o.debezium_disable_schema = true; });
  measure("avro", cdc::Protocol::kAvro);
  measure("avro-extension", cdc::Protocol::kAvro, extension);
  measure("canal", cdc::Protocol::kCanal);
  measure("maxwell", cdc::Protocol::kMaxwell);
  measure("csv", cdc::Protocol::kCsv);
  return failures == 0 ? 0 : 1;
}
