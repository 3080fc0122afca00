#include "dataflow/codec/tests/golden_avro.h"

#include <cstring>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "testing/recording.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

// A default of bytes: TiCDC writes base64, which a reader takes for the bytes themselves.
void MaskBytesDefaults(Json* schema) {
  for (Json& field : (*schema)["fields"]) {
    if (!field.contains("default") || field["default"].is_null()) continue;
    if (field["type"].dump().find("\"type\":\"bytes\"") != std::string::npos) field["default"] = "";
  }
}

// Header (0, a number of four bytes) and body, as text.
std::string Resolved(const GoldenRegistry& registry, std::string_view bytes, std::string* table) {
  if (bytes.size() < 5 || bytes[0] != 0) return "no header in " + ToHex(bytes);
  uint32_t id;
  std::memcpy(&id, bytes.data() + 1, sizeof id);
  Json schema = Json::parse(registry.Schema(__builtin_bswap32(id)));
  const std::string space = schema["namespace"];
  *table = space.substr(space.find('.') + 1) + "." + schema["name"].get<std::string>();
  MaskBytesDefaults(&schema);
  return schema.dump() + "\n" + ToHex(bytes.substr(5)) + "\n";
}

// Reads values of the encoding one after another. At the end, zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  int64_t Long() {
    uint64_t value = 0;
    for (int shift = 0; !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  std::string Bytes() { return Take(static_cast<size_t>(Long())); }
  bool Boolean() { return Take(1) == std::string(1, '\1'); }
  std::string Hex(size_t size) { return ToHex(Take(size)); }
  template <typename Read>
  Json Optional(const Read& read) {
    return Long() == 0 ? Json() : Json(read());
  }
  template <typename Read>
  Json Array(const Read& read) {
    Json items = Json::array();
    for (int64_t count = Long(); count > 0; count = Long())
      for (int64_t i = 0; i < count && !rest_.empty(); ++i) items.push_back(read());
    return items;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string Take(size_t size) {
    const std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest_;
};

Json ReadValue(Reader* reader) {
  const int64_t branch = reader->Long();
  switch (branch) {
    case 0:
      return {};
    case 1:
    case 7:
      return {branch, reader->Long()};
    case 2:
      return {branch, reader->Hex(4)};
    case 3:
      return {branch, reader->Hex(8)};
    case 6: {
      const std::string location = reader->Bytes();
      return {branch, location, reader->Bytes()};
    }
    default:
      return {branch, ToHex(reader->Bytes())};
  }
}

Json ReadRow(Reader* reader) {
  return reader->Optional([&] {
    Json row = Json::object();
    for (int64_t count = reader->Long(); count > 0; count = reader->Long()) {
      for (int64_t i = 0; i < count && !reader->at_end(); ++i) {
        const std::string name = reader->Bytes();
        row[name] = ReadValue(reader);
      }
    }
    return row;
  });
}

Json ReadColumn(Reader* reader) {
  Json column;
  column["name"] = reader->Bytes();
  column["mysqlType"] = reader->Bytes();
  column["charset"] = reader->Bytes();
  column["collate"] = reader->Bytes();
  column["length"] = reader->Long();
  column["decimal"] = reader->Optional([&] { return reader->Long(); });
  column["elements"] =
      reader->Optional([&] { return reader->Array([&] { return ToHex(reader->Bytes()); }); });
  column["unsigned"] = reader->Optional([&] { return reader->Boolean(); });
  column["zerofill"] = reader->Optional([&] { return reader->Boolean(); });
  column["nullable"] = reader->Boolean();
  column["default"] = reader->Optional([&] { return ToHex(reader->Bytes()); });
  // TiCDC's encoder of debezium changes them for all to the text of the statement, or to "<nil>".
  const bool moment = column["mysqlType"] == "datetime" || column["mysqlType"] == "timestamp";
  if (moment) column["default"] = nullptr;
  // What was left out in the CREATE TABLE is -1 with TiCDC, the default here.
  if (column["mysqlType"] == "year") column["length"] = 4;
  if (column["mysqlType"] == "timestamp" && column["decimal"] == -1) column["decimal"] = 0;
  return column;
}

Json ReadTable(Reader* reader) {
  Json table;
  table["database"] = reader->Bytes();
  table["table"] = reader->Bytes();
  table["tableID"] = reader->Long();
  table["version"] = reader->Long();
  table["columns"] = reader->Array([&] { return ReadColumn(reader); });
  table["indexes"] = reader->Array([&] {
    Json index;
    index["name"] = reader->Bytes();
    index["unique"] = reader->Boolean();
    index["primary"] = reader->Boolean();
    index["nullable"] = reader->Boolean();
    index["columns"] = reader->Array([&] { return reader->Bytes(); });
    return index;
  });
  return table;
}

GoldenItem ReadDdl(Reader* reader) {
  Json ddl;
  ddl["type"] = reader->Long();
  reader->Bytes();  // the statement
  ddl["commitTs"] = reader->Long();
  reader->Long();  // the time of encoding
  ddl["table"] = reader->Optional([&] { return ReadTable(reader); });
  ddl["before"] = reader->Optional([&] { return ReadTable(reader); });
  // TiCDC has the version in which the table got its id.
  if (ddl["before"].is_object()) ddl["before"].erase("version");
  return {.ddl = true,
          .commit_ts = Ts(ddl["commitTs"].get<uint64_t>()),
          .text = ddl.dump() + (reader->at_end() ? "" : " and more")};
}

GoldenItem ReadDml(Reader* reader) {
  Json dml;
  const std::string schema = reader->Bytes();
  const std::string table = reader->Bytes();
  dml["names"] = {schema, table};
  dml["tableID"] = reader->Long();
  dml["type"] = reader->Long();
  dml["commitTs"] = reader->Long();
  reader->Long();  // the time of encoding
  dml["schemaVersion"] = reader->Long();
  dml["claimCheckLocation"] = reader->Optional([&] { return reader->Bytes(); });
  dml["handleKeyOnly"] = reader->Optional([&] { return reader->Boolean(); });
  dml["checksum"] = reader->Long();
  dml["data"] = ReadRow(reader);
  dml["old"] = ReadRow(reader);
  if (dml["data"] == dml["old"]) return {};
  return {.table = schema + "." + table,
          .commit_ts = Ts(dml["commitTs"].get<uint64_t>()),
          .text = dml.dump() + (reader->at_end() ? "" : " and more")};
}

}  // namespace

Result<uint32_t> GoldenRegistry::Register(const std::string& /*subject*/,
                                          const std::string& schema) {
  const auto id = static_cast<uint32_t>(schemas_.size() + 1);
  schemas_[id] = schema;
  return id;
}

Status GoldenRegistry::Load(const std::string& path) {
  std::string text;
  RETURN_IF_ERROR(ReadZstdLines(path, [&](std::string_view line) {
    text.append(line);
    return Status::Ok();
  }));
  const Json entries = Json::parse(text, nullptr, false);
  if (!entries.is_array()) return Status(Code::kUnmarshal, "{} is no list of schemas", path);
  for (const Json& entry : entries) schemas_[entry["id"]] = entry["schema"];
  return Status::Ok();
}

const std::string& GoldenRegistry::Schema(uint32_t id) const {
  static const std::string kNone = "{}";
  const auto found = schemas_.find(id);
  return found == schemas_.end() ? kNone : found->second;
}

void AppendAvro(const GoldenRegistry& registry, const Message& message,
                std::vector<GoldenItem>* out) {
  if (message.value && message.value->starts_with('\2')) return;  // a watermark
  GoldenItem item;
  if (message.value && message.value->starts_with('\1')) {
    Json ddl = Json::parse(message.value->substr(1));
    item.ddl = true;
    item.commit_ts = Ts(ddl["commitTs"].get<uint64_t>());
    ddl["query"] = "";
    item.text = ddl.dump();
  } else {
    if (message.key && !message.key->empty())
      item.text = Resolved(registry, *message.key, &item.table);
    if (message.value && !message.value->empty())
      item.text += Resolved(registry, *message.value, &item.table);
  }
  out->push_back(std::move(item));
}

void AppendSimpleAvro(const Message& message, std::vector<GoldenItem>* out) {
  Reader reader(*message.value);
  const int64_t record = reader.Long();
  const int64_t type = reader.Long();
  const int64_t payload = reader.Long();
  const int64_t version = reader.Long();
  ASSERT_EQ(record, 11);
  ASSERT_EQ(type, payload);
  ASSERT_EQ(version, 1);
  if (type < 2) return;  // watermarks; bootstrap messages come as the sink's settings say
  GoldenItem item = type == 2 ? ReadDdl(&reader) : ReadDml(&reader);
  if (!item.text.empty()) out->push_back(std::move(item));
}

}  // namespace cdc
