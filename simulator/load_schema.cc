#include "simulator/load_schema.h"

#include <array>
#include <cstring>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "dataflow/mounter/meta_codec.h"
#include "testing/recording.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPad = "sixteen bytes ..";
constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr uint32_t kLargeFlag = 1;  // of the row format: ids and offsets of four bytes
constexpr std::array<std::string_view, 4> kColumns{"id", "k", "c", "pad"};

void AppendLittleEndian32(std::string* out, uint32_t value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
void AppendLittleEndian16(std::string* out, uint16_t value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The last description of a table whose columns are these, and whose id is the handle.
Result<Json> FindTemplate(const Recording& recording) {
  std::optional<Json> found;
  const Status read = recording.ReadTransactions([&](std::vector<KvEvent> events) -> Status {
    for (const KvEvent& event : events) {
      if (event.op != KvOp::kPut || !IsMetaKey(event.key)) continue;
      if (ParseMetaKey(event.key).kind != MetaKey::Kind::kTable) continue;
      Json table = Json::parse(event.value, nullptr, false);
      if (table.is_discarded() || !table.value("pk_is_handle", false)) continue;
      const Json& columns = table["cols"];
      bool same = columns.size() == kColumns.size();
      for (size_t i = 0; same && i < kColumns.size(); ++i) {
        same = columns[i]["name"]["O"] == kColumns[i];
      }
      if (same) found = std::move(table);
    }
    return Status::Ok();
  });
  RETURN_UNEXPECTED_IF_ERROR(read);
  if (found) return *std::move(found);
  return Error(Code::kDecode, "recording {} has no table (id, k, c, pad) to copy",
               recording.meta().name);
}

}  // namespace

// [128][flags][columns not null: 2 bytes][null: 2 bytes][ids][ends of values][values]. Ids and ends
// take four bytes, which only large rows need, so that the number has the same place in all of
// them.
std::string EncodeLoadRow(int32_t k, size_t text_bytes) {
  std::string row;
  row.reserve(text_bytes + 64);
  row.push_back(static_cast<char>(128));
  row.push_back(kLargeFlag);
  AppendLittleEndian16(&row, 3);
  AppendLittleEndian16(&row, 0);
  for (const uint32_t id : {2U, 3U, 4U}) AppendLittleEndian32(&row, id);
  const auto text_end = static_cast<uint32_t>(sizeof k + text_bytes);
  AppendLittleEndian32(&row, sizeof k);
  AppendLittleEndian32(&row, text_end);
  AppendLittleEndian32(&row, text_end + static_cast<uint32_t>(kPad.size()));
  AppendLittleEndian32(&row, static_cast<uint32_t>(k));
  for (size_t i = 0; i < text_bytes; ++i) row.push_back(static_cast<char>('a' + i % 26));
  row.append(kPad);
  return row;
}

std::pair<int32_t, size_t> DecodeLoadRow(std::string_view value) {
  if (value.size() < kLoadRowOverhead) return {0, 0};
  int32_t k;
  std::memcpy(&k, value.data() + kLoadRowNumberAt, sizeof k);
  return {k, value.size() - kLoadRowOverhead};
}

std::string RecordKey(TableId table, int64_t handle) {
  std::string key(1, 't');
  AppendBigEndian64(&key, static_cast<uint64_t>(Raw(table)) ^ kSignBit);
  key.append("_r");
  AppendBigEndian64(&key, static_cast<uint64_t>(handle) ^ kSignBit);
  return key;
}

int64_t RecordHandle(std::string_view key) {
  return static_cast<int64_t>(LoadBigEndian64(key.data() + key.size() - 8) ^ kSignBit);
}

Result<std::vector<std::pair<std::string, std::string>>> LoadSchema(const Recording& recording,
                                                                    SchemaId schema, TableId first,
                                                                    size_t tables,
                                                                    size_t text_bytes) {
  ASSIGN_OR_RETURN(Json table, FindTemplate(recording));
  table["index_info"] = Json::array();
  table["max_idx_id"] = 0;
  table["cols"][0]["type"]["Flen"] = 20;
  table["cols"][0]["type"]["Tp"] = 8;  // BIGINT
  table["cols"][2]["type"]["Flen"] = std::max<size_t>(text_bytes, 255);
  table["cols"][2]["type"]["Tp"] = 15;  // VARCHAR
  Json database = {{"id", Raw(schema)},
                   {"db_name", {{"O", "load"}, {"L", "load"}}},
                   {"charset", "utf8mb4"},
                   {"collate", "utf8mb4_bin"},
                   {"state", 5}};
  std::vector<std::pair<std::string, std::string>> out;
  out.reserve(tables + 1);
  out.emplace_back(SchemaMetaKey(schema), database.dump());
  for (size_t i = 0; i < tables; ++i) {
    const TableId id{Raw(first) + static_cast<int64_t>(i)};
    const std::string name = fmt::format("t{}", i);
    table["id"] = Raw(id);
    table["name"] = {{"O", name}, {"L", name}};
    out.emplace_back(TableMetaKey(schema, id), table.dump());
  }
  return out;
}

}  // namespace cdc
