// What TiCDC sent for the recordings, against what we make of the same changes.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <span>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "dataflow/codec/encoder.h"
#include "dataflow/codec/message_order.h"
#include "dataflow/codec/tests/golden_avro.h"
#include "dataflow/codec/tests/golden_digests.h"
#include "dataflow/codec/tests/golden_messages.h"
#include "dataflow/codec/tests/recorded_changes.h"
#include "dataflow/codec/tests/rows.h"

namespace cdc {
namespace {

struct Variant {
  std::string name;  // of the file in expected/
  CodecOptions options;
  bool force_replicate = false;
  bool drop_deletes = false;  // its changefeed had a filter that does
};

std::vector<Variant> Variants() {
  std::vector<Variant> variants;
  const auto add = [&](std::string name, Protocol protocol, auto... set) {
    Variant& variant = variants.emplace_back(Variant{.name = std::move(name)});
    variant.options.protocol = protocol;
    variant.options.max_message_bytes = 64 << 20;
    (set(variant), ...);
  };
  const auto extension = [](Variant& v) { v.options.enable_tidb_extension = true; };
  const auto compatible = [](Variant& v) { v.options.content_compatible = true; };
  const auto force = [](Variant& v) { v.force_replicate = true; };
  add("open_protocol", Protocol::kOpen);
  add("open_protocol_force", Protocol::kOpen, force);
  add("canal_json", Protocol::kCanalJson);
  add("canal_json_ext", Protocol::kCanalJson, extension);
  add("canal_json_compat", Protocol::kCanalJson, extension, compatible);
  add("simple_json", Protocol::kSimple);
  const auto full = [](Variant& v) {
    v.options.csv.include_commit_ts = true;
    v.options.csv.output_old_value = true;
    v.options.csv.binary_as_hex = true;
  };
  add("storage_csv", Protocol::kCsv);
  add("storage_csv_ext", Protocol::kCsv, full);
  add("storage_canal_json", Protocol::kCanalJson);
  add("debezium", Protocol::kDebezium, [](Variant& v) { v.options.cluster_id = "ourcluster"; });
  add("simple_avro", Protocol::kSimple,
      [](Variant& v) { v.options.simple_encoding = SimpleEncoding::kAvro; });
  const auto watermark = [](Variant& v) { v.options.avro_enable_watermark = true; };
  const auto no_delete = [](Variant& v) { v.drop_deletes = true; };
  add("old_avro", Protocol::kAvro);
  add("old_avro_ext", Protocol::kAvro, extension, watermark);
  add("avro_nodelete", Protocol::kAvro, extension, no_delete);
  add("old_maxwell", Protocol::kMaxwell);
  add("old_canal", Protocol::kCanal);
  add("canal_json_force", Protocol::kCanalJson, extension, force);
  return variants;
}

// Where ours is not TiCDC's, and why.
struct Difference {
  std::string_view table;     // "schema.table"; its rows are not compared
  uint64_t ddl_ts;            // else: what TiCDC has at this commit ts is not compared
  std::string_view variants;  // a prefix of their names
  uint64_t ddl_until = 0;     // ddl_ts begins a range up to here
};

// Rows that a lossy MODIFY COLUMN rewrote are not in the log, so the recordings hold no old values
// for them; a real store has them. And TiCDC's tables change at the end of the job, though rows
// written before it hold the new column already: it sends them with the old type, or as NULL.
constexpr Difference kModifyColumn[] = {
    {"c09_ddl_columns.chh", 0, ""},   {"c09_ddl_columns.m", 0, ""},
    {"c09_ddl_columns.n", 0, ""},     {"c09_ddl_columns.r", 0, ""},
    {"c09_ddl_columns.w", 0, ""},     {"c22_ddl_under_load.a", 0, ""},
    {"c22_ddl_under_load.b", 0, ""},  {"c22_ddl_under_load.a_away", 0, ""},
    {"c22_ddl_under_load.b2", 0, ""}, {"c25_row_encoding.e", 0, ""},
};
// A swap or chain of names in one RENAME: TiCDC sends a message per step, of which some name the
// wrong table; we send the statement.
constexpr Difference kRenameChains[] = {
    {"", 470649396966719490, ""}, {"", 470649396992671750, ""}, {"", 470649397005778959, ""},
    {"", 470649429577170952, ""}, {"", 470649456565420047, ""},
};
// The only key without NULLs is over a virtual column, whose values the log does not hold. We treat
// the table as one without a key; TiCDC sends rows that no consumer can identify.
constexpr Difference kVirtualKey[] = {
    {"c07_generated_columns.g_uk", 470649378944057365, ""},
};
// Lost its primary key: not captured any more, by the rule that TiCDC applies to new tables only.
constexpr Difference kKeyLost[] = {{"c11_ddl_index.pk2", 0, ""}};
// While partitions are reorganized, a transaction can write a row out of the old partition into the
// new one before the job ends. TiCDC sends its deletion only; we send the update.
constexpr Difference kReorganize[] = {{"c22_ddl_under_load.p", 0, ""}};
// Rows that TiDB wrote again without a change, which can't be told from others in this format; we
// don't send them.
constexpr Difference kVoidUpdates[] = {
    {"c06_dml_patterns.t", 0, "storage_csv"},
    {"c06_dml_patterns.t", 0, "old_avro"},
    {"c06_dml_patterns.t", 0, "avro_nodelete"},
};
// TiCDC's architectures differ in avro. The present one sends no key where the handle is a unique
// index (ours does: deletions have nothing else), and virtual columns, as NULL (ours does not).
constexpr Difference kPresentAvro[] = {
    {"c01_types_numeric.serials", 0, "avro_nodelete"}, {"c05_keys.idx_mix", 0, "avro_nodelete"},
    {"c05_keys.uk_multi", 0, "avro_nodelete"},         {"c05_keys.uk_notnull", 0, "avro_nodelete"},
    {"c11_ddl_index.gi", 0, "avro_nodelete"},          {"c11_ddl_index.i1", 0, "avro_nodelete"},
};
// The former one leaves out the zeros in front of a BIT (ours has its whole width, as the present
// one), and takes a wrong table's schema when two change at once.
constexpr Difference kFormerAvro[] = {
    {"c01_types_numeric.bits", 0, "old_avro"},
    {"c01_types_numeric.bitkeys", 0, "old_avro"},
    {"c01_types_numeric.numeric_defaults", 0, "old_avro"},
    {"c05_keys.ch_mixed", 0, "old_avro"},
    {"c13_partitions.ex", 0, "old_avro"},
    {"c13_partitions.ex_plain", 0, "old_avro"},
};
// In both architectures: where one transaction changes 200 tables, some rows of some go out with
// the name and schema of another, whose columns happen to be the same.
constexpr Difference kAvroRaces[] = {
    {"c17_large_txn.m005", 0, "old_avro"},      {"c17_large_txn.m006", 0, "old_avro"},
    {"c17_large_txn.m007", 0, "old_avro"},      {"c17_large_txn.m018", 0, "old_avro"},
    {"c17_large_txn.m023", 0, "old_avro"},      {"c17_large_txn.m025", 0, "old_avro"},
    {"c17_large_txn.m026", 0, "old_avro"},      {"c17_large_txn.m034", 0, "old_avro"},
    {"c17_large_txn.m037", 0, "old_avro"},      {"c17_large_txn.m063", 0, "old_avro"},
    {"c17_large_txn.m069", 0, "old_avro"},      {"c17_large_txn.m070", 0, "old_avro"},
    {"c17_large_txn.m130", 0, "old_avro"},      {"c17_large_txn.m139", 0, "old_avro"},
    {"c17_large_txn.m165", 0, "old_avro"},      {"c17_large_txn.m196", 0, "old_avro"},
    {"c17_large_txn.m197", 0, "old_avro"},      {"c17_large_txn.m075", 0, "avro_nodelete"},
    {"c17_large_txn.m079", 0, "avro_nodelete"}, {"c17_large_txn.m092", 0, "avro_nodelete"},
    {"c17_large_txn.m100", 0, "avro_nodelete"}, {"c17_large_txn.m105", 0, "avro_nodelete"},
    {"c17_large_txn.m112", 0, "avro_nodelete"}, {"c17_large_txn.m138", 0, "avro_nodelete"},
    {"c17_large_txn.m145", 0, "avro_nodelete"},
};
// The former architecture sends the tables of a batch of CREATE TABLE as parts of a batch (type 60,
// QUERY in canal); the present one, and ours, each as a CREATE TABLE of its own.
constexpr Difference kBatchCreates[] = {
    {"", 470649490407686159, "old_", 470649499360165895},
};
// Rows of partitions name the version in which the partition came to be; ours the table's.
constexpr Difference kPartitionVersion[] = {
    {"c13_partitions.ex_plain", 0, "simple_avro"},
    {"c13_partitions.iv", 0, "simple_avro"},
    {"c13_partitions.r", 0, "simple_avro"},
    {"c13_partitions.ry", 0, "simple_avro"},
};
// TiCDC has defaults of times as the statement's session wrote them, ours are in UTC.
constexpr Difference kTimeDefaults[] = {{"c08_defaults_add_column.d3", 0, "debezium"}};
// A schema's version changes with every DDL here; with TiCDC not with those that it ignores (TTL,
// placement, caching, check constraints, attributes).
constexpr Difference kSchemaVersion[] = {
    {"c10_ddl_tables.opt_ar", 0, "simple"},         {"c11_ddl_index.i1", 0, "simple"},
    {"c23_ttl_placement_resource.ca", 0, "simple"}, {"c23_ttl_placement_resource.pp", 0, "simple"},
    {"c27_check_constraints.c", 0, "simple"},
};
// TiCDC keeps column flags per physical table and forgets to renew those of partitions when the
// logical table changes.
constexpr Difference kStaleFlags[] = {
    {"c13_partitions.r", 0, "open_protocol"},
    {"c19_many_tables.t0027", 0, "open_protocol"},
    {"c19_many_tables.t0097", 0, "open_protocol"},
    {"c19_many_tables.t0167", 0, "open_protocol"},
};

bool IsKnownDifference(std::string_view variant, const GoldenItem& item) {
  const auto matches = [&](const Difference& difference) {
    if (!variant.starts_with(difference.variants)) return false;
    if (!item.ddl) return item.table == difference.table;
    if (difference.ddl_ts == 0) return false;
    if (difference.ddl_until != 0)
      return item.commit_ts.unix_ms() >= Ts(difference.ddl_ts).unix_ms() &&
             item.commit_ts.unix_ms() <= Ts(difference.ddl_until).unix_ms();
    return item.commit_ts == Ts(difference.ddl_ts) ||
           item.commit_ts == Ts::FromUnixMs(Ts(difference.ddl_ts).unix_ms());
  };
  const std::span<const Difference> known[] = {
      kModifyColumn,     kRenameChains, kVirtualKey,    kKeyLost,   kReorganize,
      kVoidUpdates,      kPresentAvro,  kFormerAvro,    kAvroRaces, kBatchCreates,
      kPartitionVersion, kTimeDefaults, kSchemaVersion, kStaleFlags};
  return std::ranges::any_of(known, [&](std::span<const Difference> differences) {
    return std::ranges::any_of(differences, matches);
  });
}

bool IsSequence(DdlType type) {
  return type == DdlType::kCreateSequence || type == DdlType::kAlterSequence ||
         type == DdlType::kDropSequence;
}

struct Items {
  std::map<std::string, std::vector<std::string>> rows;  // by table
  std::vector<std::string> ddls;
};

// Of TiCDC's messages, what the repository has of them.
struct Expected {
  std::vector<GoldenItem> items;
  bool digests = false;  // their texts are
};

// Ours in the same form: with the digest in front.
void PutDigests(std::vector<GoldenItem>* items) {
  for (GoldenItem& item : *items) item.text.insert(0, DigestOf(item.text) + " ");
}

Items Sorted(const std::string& variant, std::vector<GoldenItem> items,
             const std::set<std::string>& unordered) {
  Items result;
  for (GoldenItem& item : items) {
    if (IsKnownDifference(variant, item)) continue;
    if (item.ddl) {
      result.ddls.push_back(std::move(item.text));
    } else {
      result.rows[item.table].push_back(std::move(item.text));
    }
  }
  std::ranges::sort(result.ddls);  // DDLs of different tables may overtake each other
  // TiCDC's former architecture has another order within transactions. Names made safe for avro
  // can be those of several tables.
  const bool other_order = variant.starts_with("old_") || variant.starts_with("avro");
  for (auto& [table, texts] : result.rows)
    if (other_order || unordered.contains(table)) std::ranges::sort(texts);
  return result;
}

// TiCDC's changefeed restarted once: messages came twice.
void DropRepeats(std::vector<GoldenItem>* items) {
  std::set<std::string> seen;
  std::erase_if(*items, [&](const GoldenItem& item) { return !seen.insert(item.text).second; });
}

// Names the first difference, not all that follows from it.
void ExpectSame(const std::string& what, const std::vector<std::string>& ours,
                const std::vector<std::string>& theirs, bool digests) {
  for (size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
    const std::string our = i < ours.size() ? ours[i] : "(nothing)";
    const std::string their = i < theirs.size() ? theirs[i] : "(nothing)";
    if (our == their || (digests && our.substr(0, our.find(' ')) == their)) continue;
    const auto at = std::ranges::mismatch(our, their).in1 - our.begin();
    const size_t from = at > 120 ? static_cast<size_t>(at) - 120 : 0;
    ADD_FAILURE() << what << ", message " << i << " of " << ours.size() << ", TiCDC has "
                  << theirs.size() << "\n  ours:    " << our.substr(from, 400)
                  << "\n  TiCDC's: " << their.substr(from, 400);
    return;
  }
}

// CDC_GOLDEN_VARIANT=avro: only the variants with that in their name, for work on one format.
bool IsWanted(const std::string& variant) {
  const char* wanted = std::getenv("CDC_GOLDEN_VARIANT");
  return wanted == nullptr || variant.find(wanted) != std::string::npos;
}

class GoldenTest : public testing::TestWithParam<const char*> {
 protected:
  std::string Case() const { return std::string(CDC_RECORDINGS "/") + GetParam(); }

  // All messages, or their digests; empty where there are none. CDC_GOLDEN_FULL=DIR: reads the
  // messages from DIR/<case>/expected where the repository keeps digests, and renews these.
  Result<Expected> ReadExpected(const Variant& variant) {
    const std::string base = "/expected/" + variant.name;
    if (std::filesystem::exists(Case() + base + ".jsonl.zst")) {
      ASSIGN_OR_RETURN(auto items, ReadMessages(variant, Case() + base));
      return Expected{.items = std::move(items)};
    }
    const std::string digests = Case() + base + ".digests.zst";
    if (const char* full = std::getenv("CDC_GOLDEN_FULL"); full != nullptr) {
      const std::string path = fmt::format("{}/{}{}", full, GetParam(), base);
      if (!std::filesystem::exists(path + ".jsonl.zst")) return Expected{};
      ASSIGN_OR_RETURN(auto items, ReadMessages(variant, path));
      if (variant.name == "debezium") DropRepeats(&items);
      RETURN_UNEXPECTED_IF_ERROR(WriteDigests(digests, items));
      return Expected{.items = std::move(items)};
    }
    if (!std::filesystem::exists(digests)) return Expected{};
    ASSIGN_OR_RETURN(auto items, ReadDigests(digests));
    return Expected{.items = std::move(items), .digests = true};
  }

  static Result<std::vector<GoldenItem>> ReadMessages(const Variant& variant,
                                                      const std::string& path) {
    GoldenRegistry registry;
    if (variant.options.protocol == Protocol::kAvro)
      RETURN_UNEXPECTED_IF_ERROR(registry.Load(path + ".schemas.json.zst"));
    ASSIGN_OR_RETURN(const auto golden, ReadGolden(path + ".jsonl.zst"));
    std::vector<GoldenItem> items;
    for (const GoldenMessage& message : golden) Append(variant, registry, message.message, &items);
    return items;
  }

  // Their partitions' messages interleave.
  static std::set<std::string> Partitioned(const RecordedChanges& changes) {
    std::set<std::string> tables;
    for (const RecordedChanges::Table& table : changes.tables())
      for (const RowBatch& batch : table.batches)
        for (const RowChange& row : batch.rows)
          if (row.table->is_partitioned()) tables.insert(row.table->schema + "." + row.table->name);
    return tables;
  }

  std::vector<GoldenItem> Encode(const RecordedChanges& changes, Variant variant) {
    variant.options.clock = &clock_;
    variant.options.schema_registry = registry_;
    auto encoder = EventEncoder::Create(variant.options);
    EXPECT_TRUE(encoder.has_value()) << encoder.error().ToString();
    std::vector<Message> messages;
    for (const DdlEventPtr& ddl : changes.ddls()) {
      if (IsSequence(ddl->type)) continue;  // TiCDC does not pass them on
      DdlEvent event = *ddl;
      // TiCDC dates a DDL by its job's end; we by when it took effect (see SchemaStore).
      if (event.done_ts > event.commit_ts) event.commit_ts = event.done_ts;
      const Status status = (*encoder)->EncodeDdl(event, &messages);
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    std::vector<RowChange> rows;
    MessageOrder order(true);
    for (const RecordedChanges::Table& table : changes.tables())
      for (const RowBatch& batch : table.batches) order.Arrange(batch.rows, &rows);
    // Tables can take over each other's names.
    std::ranges::stable_sort(rows, {}, &RowChange::commit_ts);
    std::vector<const RowChange*> pointers;
    for (const RowChange& row : rows)
      if (!variant.drop_deletes || !row.is_delete()) pointers.push_back(&row);
    const Status status = (*encoder)->EncodeRows(pointers, &messages);
    EXPECT_TRUE(status.ok()) << status.ToString();
    std::vector<GoldenItem> items;
    for (const Message& message : messages) Append(variant, *registry_, message, &items);
    return items;
  }

  static void Append(const Variant& variant, const GoldenRegistry& registry, const Message& message,
                     std::vector<GoldenItem>* out) {
    if (variant.options.protocol == Protocol::kAvro) return AppendAvro(registry, message, out);
    if (variant.options.simple_encoding == SimpleEncoding::kAvro)
      return AppendSimpleAvro(message, out);
    AppendItems(variant.options.protocol, message, out);
  }

  StandingClock clock_;
  std::shared_ptr<GoldenRegistry> registry_ = std::make_shared<GoldenRegistry>();  // of ours
};

TEST_P(GoldenTest, MessagesEqualTiCdcs) {
  std::map<bool, std::unique_ptr<RecordedChanges>> loaded;
  for (const Variant& variant : Variants()) {
    if (!IsWanted(variant.name)) continue;
    SCOPED_TRACE(variant.name);
    Result<Expected> expected = ReadExpected(variant);
    ASSERT_TRUE(expected.has_value()) << expected.error().ToString();
    if (expected->items.empty()) continue;
    auto& changes = loaded[variant.force_replicate];
    if (changes == nullptr) {
      auto result = RecordedChanges::Load(Case(), variant.force_replicate);
      ASSERT_TRUE(result.has_value()) << result.error().ToString();
      changes = *std::move(result);
    }
    if (variant.name == "debezium" && !expected->digests) DropRepeats(&expected->items);
    std::vector<GoldenItem> encoded = Encode(*changes, variant);
    if (expected->digests) PutDigests(&encoded);
    const std::set<std::string> partitioned = Partitioned(*changes);
    const Items ours = Sorted(variant.name, std::move(encoded), partitioned);
    Items theirs = Sorted(variant.name, std::move(expected->items), partitioned);
    // Storage holds schema changes in another form.
    if (!variant.name.starts_with("storage_"))
      ExpectSame("DDLs", ours.ddls, theirs.ddls, expected->digests);
    for (const auto& [table, rows] : ours.rows)
      ExpectSame(table, rows, theirs.rows[table], expected->digests);
    for (const auto& [table, rows] : theirs.rows)
      if (!ours.rows.contains(table)) ExpectSame(table, {}, rows, expected->digests);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recordings, GoldenTest,
    testing::Values("01_types_numeric", "02_types_string", "03_types_time",
                    "04_types_json_enum_set_vector", "05_keys", "06_dml_patterns",
                    "07_generated_columns", "08_defaults_add_column", "09_ddl_columns",
                    "10_ddl_tables", "11_ddl_index", "12_ddl_database_safe", "13_partitions",
                    "14_views_sequences_temp_safe", "15_foreign_keys", "16_filters", "17_large_txn",
                    "18_wide_rows", "19_many_tables", "20_bank", "21_oltp", "22_ddl_under_load",
                    "23_ttl_placement_resource", "24_user_privileges_safe", "25_row_encoding",
                    "26_bdr", "27_check_constraints", "28_long_txn"),
    [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace cdc
