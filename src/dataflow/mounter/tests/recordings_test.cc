// Rows of real TiDB tables: every record of a recording is mounted as it comes, and what is left at
// the end, decoded by the tables' last version, must be what TiDB's SELECT showed.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zstd.h>

#include "base/bytes.h"
#include "dataflow/mounter/checksum.h"
#include "dataflow/mounter/datum_codec.h"
#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/mounter.h"
#include "dataflow/mounter/table_info_json.h"
#include "dataflow/mounter/tests/fake_schema.h"
#include "model/value_text.h"

namespace cdc {
namespace {

using nlohmann::json;

std::vector<json> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::stringstream raw;
  raw << file.rdbuf();
  const std::string compressed = raw.str();
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 27);
  std::string text;
  std::string chunk(1 << 20, '\0');
  ZSTD_inBuffer in{compressed.data(), compressed.size(), 0};
  ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
  do {
    out.pos = 0;
    const size_t result = ZSTD_decompressStream(context.get(), &out, &in);
    EXPECT_FALSE(ZSTD_isError(result)) << ZSTD_getErrorName(result);
    if (ZSTD_isError(result)) break;
    text.append(chunk.data(), out.pos);
  } while (in.pos < in.size || out.pos == out.size);
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

// The versions of all tables as the meta keys had them.
class RecordedSchema {
 public:
  // A change of a meta key; keys of no table's description are passed over.
  void Apply(const std::string& key, std::optional<std::string> value, Ts commit_ts) {
    std::string_view rest = std::string_view(key).substr(1);
    std::string name, field;
    if (!TakeBytes(&rest, &name) || rest.size() < 8 || rest[7] != 'h') return;
    rest.remove_prefix(8);
    if (!TakeBytes(&rest, &field)) return;
    if (name == "DBs" && value) {
      names_[field] = json::parse(*value)["db_name"]["O"];
      return;
    }
    if (!name.starts_with("DB:") || !field.starts_with("Table:")) return;
    const SchemaId schema{std::atol(name.c_str() + 3)};
    TableInfoPtr table;
    if (value) {
      const auto parsed = ParseTableInfo(*value, schema, names_[name], commit_ts);
      ASSERT_TRUE(parsed) << parsed.error().ToString();
      table = *parsed;
    }
    // A rename or an exchange gives ids away and takes them in one transaction, in any order: only
    // the owner of an id ends it.
    auto& last = tables_[TableId{std::atol(field.c_str() + 6)}];
    if (last != nullptr && last->schema_id == schema) {
      for (TableId gone : last->PhysicalIds())
        if (store_.Latest(gone) == last) store_.End(gone, commit_ts);
      last = nullptr;
    }
    if (table == nullptr) return;
    for (TableId physical : table->PhysicalIds()) store_.Add(physical, commit_ts, table);
    last = table;
  }

  // By logical id; null: dropped.
  const std::map<TableId, TableInfoPtr>& tables() const { return tables_; }
  const FakeSchema& store() const { return store_; }

 private:
  static bool TakeBytes(std::string_view* rest, std::string* bytes) {
    std::string flagged = "\x01" + std::string(*rest);  // as a datum, whose codec knows the form
    std::string_view view = flagged;
    std::pmr::monotonic_buffer_resource arena;
    FlaggedValue value;
    if (!TakeFlagged(&view, &arena, &value)) return false;
    *bytes = value.view;
    rest->remove_prefix(flagged.size() - 1 - view.size());
    return true;
  }

  std::map<std::string, std::string> names_;  // "DB:1" → its name
  std::map<TableId, TableInfoPtr> tables_;
  FakeSchema store_;
};

// The form that values have in final.jsonl (tests/tools/state.py), numbers apart.
json Canonical(const Datum& value, const FieldType& type) {
  if (value.is_null()) return nullptr;
  std::string text;
  AppendText(value, type, &text);
  if (value.kind() == Datum::Kind::kBytes && type.is_binary_charset()) {
    text = ToHex(text);
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return std::toupper(c); });
    return "0x" + text;
  }
  if (value.kind() == Datum::Kind::kJson) return json::parse(text);
  return text;
}

json CanonicalExpected(const json& value, const FieldType& type) {
  if (value.is_null()) return value;
  const std::string& text = value.get_ref<const std::string&>();
  if (type.type == MysqlType::kJson) return json::parse(text);
  if (type.type == MysqlType::kVector) {
    const auto elements = json::parse(text).get<std::vector<float>>();
    const auto count = static_cast<uint32_t>(elements.size());
    std::string stored(reinterpret_cast<const char*>(&count), sizeof count);
    stored.append(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(float));
    std::string shortest;
    AppendVector(stored, &shortest);
    return shortest;
  }
  if (type.type == MysqlType::kFloat || type.type == MysqlType::kDouble) {
    std::string shortest;
    AppendDouble(std::strtod(text.c_str(), nullptr), type.type == MysqlType::kFloat, &shortest);
    return shortest == "-0" ? "0" : shortest;
  }
  return text;
}

class Recording {
 public:
  explicit Recording(const std::string& name) : dir_(std::string(CDC_RECORDINGS) + "/" + name) {
    for (const json& line : ReadLines(dir_ + "/base.jsonl.zst"))
      schema_.Apply(*FromHex(line["k"].get<std::string>()),
                    FromHex(line["v"].get<std::string>()).value(), Ts(1));
    txns_ = ReadLines(dir_ + "/txns.jsonl.zst");
    for (const json& txn : txns_)
      for (const json& mut : txn["muts"])
        if (const std::string& key = mut[1].get_ref<const std::string&>(); key.starts_with("6d"))
          schema_.Apply(
              *FromHex(key),
              mut[0] == "P" ? std::optional(*FromHex(mut[2].get<std::string>())) : std::nullopt,
              Ts(txn["commit_ts"]));
  }

  // How many keys the store does not send: rows that a change of a column's type rewrote.
  size_t UnsentKeys() const {
    std::ifstream file(dir_ + "/meta.json");
    return json::parse(file)["keys_changed_but_not_sent"];
  }

  template <typename Fn>
  void ForEachPut(Fn&& fn) const {
    for (const json& txn : txns_)
      for (const json& mut : txn["muts"])
        if (mut[0] == "P")
          fn(*FromHex(mut[1].get<std::string>()), *FromHex(mut[2].get<std::string>()));
  }

  // Mounts all changes of records in order; keeps the last values.
  void MountAll() {
    for (const json& txn : txns_) {
      const Ts commit_ts(txn["commit_ts"]);
      std::map<TableId, std::vector<KvEvent>> events;
      for (const json& mut : txn["muts"]) {
        const auto owned = std::make_shared<std::array<std::string, 3>>();
        auto& [key, value, old_value] = *owned;
        key = *FromHex(mut[1].get<std::string>());
        RecordKey record;
        if (ParseTableKey(key, &record) != KeyKind::kRecord) continue;
        if (mut[0] == "P") value = *FromHex(mut[2].get<std::string>());
        old_value = std::exchange(live_[key], value);
        if (!schema_.store().TableAt(record.table, commit_ts))
          continue;  // created before, or mysql's own
        events[record.table].push_back({.op = mut[0] == "P" ? KvOp::kPut : KvOp::kDelete,
                                        .start_ts = Ts(txn["start_ts"]),
                                        .commit_ts = commit_ts,
                                        .key = key,
                                        .value = value,
                                        .old_value = old_value,
                                        .owner = owned});
      }
      for (auto& [table, batch] : events) Mount(table, std::move(batch));
    }
  }

  RowBatch Mount(TableId table, std::vector<KvEvent> events) {
    auto mounter = *Mounter::Create(table, schema_.store(), filter_, "UTC");
    auto rows = mounter->Mount(std::move(events));
    EXPECT_TRUE(rows) << rows.error().ToString();
    return rows ? *std::move(rows) : RowBatch();
  }

  // "db.table" → its rows, as SELECT would show them now.
  std::map<std::string, std::multiset<json>> State() {
    std::map<std::string, std::multiset<json>> state;
    for (const auto& [id, table] : schema_.tables()) {
      if (table == nullptr) continue;
      auto& rows = state[table->schema + "." + table->name];
      for (TableId physical : table->PhysicalIds()) {
        const KeyRange range = RecordRange(physical);
        for (auto it = live_.lower_bound(range.start); it != live_.end() && it->first < range.end;
             ++it)
          if (!it->second.empty()) rows.insert(Decode(physical, it->first, it->second));
      }
    }
    return state;
  }

  std::map<std::string, std::multiset<json>> Expected() {
    std::map<std::string, std::multiset<json>> state;
    std::map<std::string, TableInfoPtr> tables;
    std::map<std::string, std::vector<bool>> replicated;  // virtual columns are not
    for (const auto& [id, table] : schema_.tables())
      if (table != nullptr) tables[table->schema + "." + table->name] = table;
    for (const json& line : ReadLines(dir_ + "/final.jsonl.zst")) {
      if (line.contains("error") || !line.contains("t")) continue;
      const std::string name = line["d"].get<std::string>() + "." + line["t"].get<std::string>();
      if (line.contains("kind")) {
        if (line["kind"] != "table") continue;
        for (const json& column : line["columns"])
          replicated[name].push_back(column["generated"] != "virtual");
        state[name];
        continue;
      }
      if (!replicated.contains(name)) continue;
      json row = json::array();
      for (size_t i = 0; i < replicated[name].size(); ++i)
        if (replicated[name][i])
          row.push_back(
              CanonicalExpected(line["r"][i], tables.at(name)->columns[row.size()]->type));
      state[name].insert(std::move(row));
    }
    return state;
  }

 private:
  json Decode(TableId physical, const std::string& key, const std::string& value) {
    const RowBatch batch = Mount(physical, {{.op = KvOp::kPut,
                                             .start_ts = Ts(1),
                                             .commit_ts = Ts::Max(),
                                             .key = key,
                                             .value = value,
                                             .old_value = {},
                                             .owner = {}}});
    json row = json::array();
    for (const RowChange& change : batch.rows)
      for (size_t i = 0; i < change.after.size(); ++i)
        row.push_back(Canonical(change.after[i], change.table->columns[i]->type));
    return row;
  }

  const std::string dir_;
  RecordedSchema schema_;
  FakeFilter filter_;
  std::vector<json> txns_;
  std::map<std::string, std::string> live_;
};

std::string Line(const json& row) {
  return row.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 600) + "\n";
}

class RecordedRows : public testing::TestWithParam<const char*> {};

TEST_P(RecordedRows, EndAsTiDbShowsThem) {
  Recording recording(GetParam());
  recording.MountAll();
  auto state = recording.State();
  size_t compared = 0;
  size_t different = 0;
  std::string differences;
  for (const auto& [name, expected] : recording.Expected()) {
    const auto& rows = state[name];
    compared += expected.size();
    std::vector<json> missing, unexpected;
    std::set_difference(expected.begin(), expected.end(), rows.begin(), rows.end(),
                        std::back_inserter(missing));
    std::set_difference(rows.begin(), rows.end(), expected.begin(), expected.end(),
                        std::back_inserter(unexpected));
    different += std::max(missing.size(), unexpected.size());
    for (const json& row : missing) differences += name + " lacks " + Line(row);
    for (const json& row : unexpected) differences += name + " has " + Line(row);
  }
  EXPECT_GT(compared, 0u);
  EXPECT_LE(different, recording.UnsentKeys()) << differences.substr(0, 4000);
}

TEST(RecordedChecksums, MatchUntilAByteChanges) {
  const Recording recording("25_row_encoding");
  int checked = 0;
  recording.ForEachPut([&](const std::string& key, std::string value) {
    RecordKey record;
    RowV2 row;
    if (ParseTableKey(key, &record) != KeyKind::kRecord) return;
    if (VerifyRowChecksum(value, key, record, &row) == ChecksumVerdict::kNone) return;
    ++checked;
    EXPECT_EQ(VerifyRowChecksum(value, key, record, &row), ChecksumVerdict::kMatches);
    RecordKey other = record;
    other.handle = "12345678";
    EXPECT_EQ(VerifyRowChecksum(value, key, other, &row), ChecksumVerdict::kMismatch);
    value.back() ^= 1;
    EXPECT_EQ(VerifyRowChecksum(value, key, record, &row), ChecksumVerdict::kMismatch);
  });
  EXPECT_GT(checked, 5);
}

INSTANTIATE_TEST_SUITE_P(Cases, RecordedRows,
                         testing::Values("01_types_numeric", "02_types_string", "03_types_time",
                                         "04_types_json_enum_set_vector", "05_keys",
                                         "06_dml_patterns", "07_generated_columns",
                                         "08_defaults_add_column", "09_ddl_columns",
                                         "13_partitions", "22_ddl_under_load", "25_row_encoding"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace cdc
