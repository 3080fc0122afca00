// How often encoders ask for memory once they know a table: for messages, not for columns.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include <gtest/gtest.h>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/schema_registry.h"
#include "dataflow/codec/tests/rows.h"
#include "dataflow/mounter/default_value.h"

namespace {

std::atomic<uint64_t> allocations = 0;

void* Allocate(size_t size) {
  ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All others of the language end up in these.
void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace cdc {
namespace {

constexpr size_t kRows = 64;

// A table with `times` columns of each type, and updates of it.
class Workload {
 public:
  explicit Workload(int times) {
    std::vector<TestColumn> columns = {{"id", MysqlType::kLonglong, kTestPrimaryKey, 20, 0, {}}};
    std::vector<std::string> texts = {"1"};
    for (int i = 0; i < times; ++i) {
      const auto add = [&](MysqlType type, const char* text, int64_t length, int64_t decimal = 0,
                           uint64_t flags = 0, std::vector<std::string> elems = {}) {
        columns.push_back({"column_" + std::to_string(columns.size()), type, flags, length, decimal,
                           std::move(elems)});
        texts.emplace_back(text);
      };
      add(MysqlType::kLong, "-12", 11);
      add(MysqlType::kLonglong, "18446744073709551610", 20, 0, column_flag::kUnsigned);
      add(MysqlType::kVarchar, "some words with a \" in them, longer than a short string", 100);
      add(MysqlType::kBlob, "\x01\xff bytes \xfe", 65535, 0, column_flag::kBinary);
      add(MysqlType::kDouble, "0.25", 22, -1);
      add(MysqlType::kNewDecimal, "-1234567.25", 20, 2);
      add(MysqlType::kDatetime, "2024-02-29 01:02:03.123456", 26, 6);
      add(MysqlType::kTimestamp, "2024-02-29 01:02:03", 19);
      add(MysqlType::kDate, "2024-02-29", 10);
      add(MysqlType::kDuration, "-12:00:01", 10);
      add(MysqlType::kYear, "2024", 4);
      add(MysqlType::kEnum, "b", 1, 0, 0, {"a", "b"});
      add(MysqlType::kSet, "a,b", 3, 0, 0, {"a", "b"});
    }
    table_ = MakeTable(columns);
    storage_.resize(columns.size());
    std::vector<Datum> values;
    for (size_t i = 0; i < columns.size(); ++i)
      values.push_back(
          ParseDefault(texts[i], table_->columns[i]->type, Ts::FromUnixMs(0), &storage_[i])
              .value());
    std::vector<Datum> before = values;
    before[1] = Datum::Int(7);
    row_ = std::make_unique<TestRow>(table_, before, values);
    rows_.assign(kRows, row_.get());
  }

  // Allocations a row, once the encoder has seen the table.
  double Measured(const CodecOptions& options) const {
    auto encoder = EventEncoder::Create(options);
    EXPECT_TRUE(encoder.has_value());
    std::vector<Message> messages;
    messages.reserve(kRows);
    uint64_t counted = 0;
    for (int round = 0; round < 3; ++round) {
      messages.clear();
      const uint64_t before = allocations;
      const Status status = (*encoder)->EncodeRows(rows_, &messages);
      counted = allocations - before;
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    return static_cast<double>(counted) / kRows;
  }

 private:
  std::shared_ptr<TableInfo> table_;
  std::vector<std::string> storage_;
  std::unique_ptr<TestRow> row_;
  std::vector<const RowChange*> rows_;
};

class OneSchema final : public SchemaRegistry {
 public:
  Result<uint32_t> Register(const std::string&, const std::string&) override { return 1; }
};

TEST(Allocations, AreForMessagesNotForColumns) {
  const Workload narrow(1);
  const Workload wide(8);
  StandingClock clock;
  const auto check = [&](const char* name, Protocol protocol, double most, auto... set) {
    SCOPED_TRACE(name);
    CodecOptions options;
    options.protocol = protocol;
    options.clock = &clock;
    if (protocol == Protocol::kAvro) options.schema_registry = std::make_shared<OneSchema>();
    (set(options), ...);
    const double of_narrow = narrow.Measured(options);
    const double of_wide = wide.Measured(options);
    EXPECT_LE(of_narrow, most);
    EXPECT_LE(of_wide, of_narrow + 1) << "91 columns more";
    EXPECT_GT(of_narrow, 0) << "nothing was counted";
  };
  // A key and a value for each message, and one time in which the value has outgrown the one
  // before.
  check("open-protocol", Protocol::kOpen, 3);
  check("canal-json", Protocol::kCanalJson, 3);
  check("simple", Protocol::kSimple, 3);
  check("simple in avro", Protocol::kSimple, 3,
        [](CodecOptions& o) { o.simple_encoding = SimpleEncoding::kAvro; });
  check("debezium", Protocol::kDebezium, 3);
  check("maxwell", Protocol::kMaxwell, 3);
  check("canal", Protocol::kCanal, 3);
  check("avro", Protocol::kAvro, 3);
  check("csv", Protocol::kCsv, 3);
}

}  // namespace
}  // namespace cdc
