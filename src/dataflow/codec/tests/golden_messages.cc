#include "dataflow/codec/tests/golden_messages.h"

#include <cctype>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "testing/recording.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

std::vector<std::string> Unframe(std::string_view bytes) {
  std::vector<std::string> items;
  while (bytes.size() >= 8) {
    const uint64_t length = LoadBigEndian64(bytes.data());
    items.emplace_back(bytes.substr(8, length));
    bytes.remove_prefix(std::min<size_t>(bytes.size(), 8 + length));
  }
  return items;
}

std::string TableName(const Json& message, const char* schema, const char* table) {
  return message.value(schema, "") + "." + message.value(table, "");
}

// TiDB writes a row again though a statement changed nothing in it; TiCDC sends that on, we don't.
bool IsVoidUpdate(const Json& row, const char* after, const char* before) {
  if (!row.contains(after) || !row.contains(before) || row[before].is_null()) return false;
  const Json& old = row[before];
  return old == row[after] || old == Json::array({Json::object()});
}

// TiCDC loses the fraction of TIME values in this protocol ("-01:00:00.500" becomes "-01:00:00");
// ours are whole.
std::string WithoutTimeFractions(std::string value) {
  constexpr std::string_view kTimeType = "\"t\":11,";
  for (size_t at = value.find(kTimeType); at < value.size(); at = value.find(kTimeType, at + 1)) {
    const size_t point = value.find('.', at);
    if (point > value.find('}', at)) continue;
    size_t end = point + 1;
    while (std::isdigit(static_cast<unsigned char>(value[end])) != 0) ++end;
    value.erase(point, end - point);
  }
  return value;
}

// The bytes are fixed but for a DDL's text: TiCDC prints the statement anew from its syntax tree,
// we pass on what the user wrote.
void AppendOpen(const Message& message, std::vector<GoldenItem>* out) {
  const std::vector<std::string> keys = Unframe(std::string_view(*message.key).substr(8));
  const std::vector<std::string> values = Unframe(*message.value);
  ASSERT_EQ(keys.size(), values.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const Json key = Json::parse(keys[i]);
    if (key["t"] == 3) continue;
    const bool ddl = key["t"] == 2;
    std::string value = WithoutTimeFractions(values[i]);
    if (ddl) {
      Json masked = Json::parse(value);
      masked.erase("q");
      value = masked.dump();
    }
    if (!ddl && IsVoidUpdate(Json::parse(value), "u", "p")) continue;
    out->push_back({.ddl = ddl,
                    .table = TableName(key, "scm", "tbl"),
                    .commit_ts = Ts(key["ts"].get<uint64_t>()),
                    .text = keys[i] + value});
  }
}

// TiCDC shows a YEAR column without an explicit width as "year(-1)"; ours is "year(4)", what the
// column has.
void RepairYearWidth(Json* types) {
  if (types->is_object())
    for (Json& type : *types)
      if (type == "year(-1)") type = "year(4)";
}

void AppendCanalJsonLine(const std::string& key, std::string_view line,
                         std::vector<GoldenItem>* out) {
  Json value = Json::parse(line);
  if (value["type"] == "TIDB_WATERMARK") return;
  const bool ddl = value["isDdl"];
  if (ddl) value["sql"] = "";
  if (IsVoidUpdate(value, "data", "old")) return;
  value["ts"] = 0;
  RepairYearWidth(&value["mysqlType"]);
  out->push_back({.ddl = ddl,
                  .table = TableName(value, "database", "table"),
                  .commit_ts = value.contains("_tidb")
                                   ? Ts(value["_tidb"]["commitTs"].get<uint64_t>())
                                   : Ts::FromUnixMs(value["es"].get<uint64_t>()),
                  .text = key + value.dump()});
}

// One message, or the lines of a file, whose key is its name.
void AppendCanalJson(const Message& message, std::vector<GoldenItem>* out) {
  constexpr std::string_view kLineEnd = "\r\n";
  std::string_view rest = *message.value;
  const std::string key = rest.ends_with(kLineEnd) ? "" : message.key.value_or("null");
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(kLineEnd), rest.size());
    AppendCanalJsonLine(key, rest.substr(0, end), out);
    rest.remove_prefix(std::min(rest.size(), end + kLineEnd.size()));
  }
}

// The same for schemas: what was left out in the CREATE TABLE is -1 with TiCDC, the default here.
void RepairWidths(Json* schema) {
  for (Json& column : (*schema)["columns"]) {
    Json& type = column["dataType"];
    if (type.value("decimal", 0) == -1) type.erase("decimal");
    if (type["mysqlType"] == "year") type["length"] = 4;
  }
}

// The lines of a file; what is between quotes may hold line ends.
void AppendCsv(const Message& message, std::vector<GoldenItem>* out) {
  std::string_view rest = *message.value;
  while (!rest.empty()) {
    bool quoted = false;
    size_t end = 0;
    while (end < rest.size() && (quoted || !rest.substr(end).starts_with("\r\n")))
      quoted ^= rest[end++] == '"';
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.size(), end + 2));
    static const std::regex names(R"re("[IUD]","((?:[^"]|"")*)","((?:[^"]|"")*)")re");
    std::smatch match;
    ASSERT_TRUE(std::regex_search(line.begin(), line.begin() + std::min<size_t>(line.size(), 400),
                                  match, names))
        << line.substr(0, 400);
    out->push_back({.table = match[2].str() + "." + match[1].str(), .text = line});
  }
}

// Bootstrap messages come as often as the sink's settings say.
void AppendSimple(const Message& message, std::vector<GoldenItem>* out) {
  Json value = Json::parse(*message.value);
  const std::string type = value["type"];
  if (type == "WATERMARK" || type == "BOOTSTRAP") return;
  const bool ddl = !value.contains("schemaVersion");
  if (IsVoidUpdate(value, "data", "old")) return;
  value["buildTs"] = 0;
  if (ddl) value["sql"] = "";
  if (value.contains("tableSchema")) RepairWidths(&value["tableSchema"]);
  out->push_back({.ddl = ddl,
                  .table = TableName(value, "database", "table"),
                  .commit_ts = Ts(value["commitTs"].get<uint64_t>()),
                  .text = (message.key ? *message.key : "null") + value.dump()});
}

// What depends on the clock, and a DDL's text, is masked. TiCDC takes lengths and defaults of times
// from the statement's text, ours are those of the table: of TIME without a fraction there is none.
void MaskDebeziumColumns(Json* changes) {
  for (Json& change : *changes) {
    if (!change.contains("table") || change["table"].is_null()) continue;
    for (Json& column : change["table"]["columns"]) {
      column["comment"] = nullptr;
      const std::string type = column["typeName"];
      const bool time = type == "DATETIME" || type == "TIMESTAMP" || type == "TIME";
      if (time && column["length"] == 0) column["length"] = nullptr;
      if (time || type == "DATE") column["defaultValueExpression"] = nullptr;
      if (type == "YEAR" && column["length"].is_null()) column["length"] = 4;
    }
  }
}

// TiCDC names virtual columns twice, which no reader of schemas takes.
void DropRepeatedFields(Json* schema) {
  if (!schema->is_object() || !schema->contains("fields")) return;
  Json fields = Json::array();
  std::set<std::string> names;
  for (Json& field : (*schema)["fields"]) {
    DropRepeatedFields(&field);
    if (names.insert(field.value("field", "")).second) fields.push_back(std::move(field));
  }
  (*schema)["fields"] = std::move(fields);
}

// TiCDC sends a column's default in the place of NULL, ours is NULL: what the row holds. And there
// is no type for the largest BIGINT UNSIGNED: TiCDC rounds it as a default, though not as a value.
void MaskDefaults(Json* value) {
  if (!value->contains("schema")) return;
  for (Json& image : (*value)["schema"]["fields"]) {
    const std::string name = image.value("field", "");
    if ((name != "before" && name != "after") || !image.contains("fields")) continue;
    Json& row = (*value)["payload"][name];
    for (Json& field : image["fields"]) {
      if (!field.contains("default")) continue;
      Json& fallback = field["default"];
      if (fallback.is_number_float() && fallback > 9.2e18) fallback = -1;
      const bool in_row = row.is_object() && row.contains(field["field"]);
      if (in_row && field["optional"] == true && row[field["field"]] == fallback)
        row[field["field"]] = nullptr;
    }
  }
}

// Messages name the cluster, in several places.
std::string WithoutClusterName(std::string text, const std::string& cluster) {
  for (size_t at = text.find(cluster); at != std::string::npos; at = text.find(cluster, at))
    text.replace(at, cluster.size(), "*");
  return text;
}

void AppendDebezium(const Message& message, std::vector<GoldenItem>* out) {
  Json value = Json::parse(*message.value);
  Json& payload = value["payload"];
  if (payload.value("op", "") == "m") return;
  if (IsVoidUpdate(payload, "after", "before")) return;
  const bool ddl = payload.contains("ddl");
  payload["ts_ms"] = 0;
  if (ddl) {
    payload["ddl"] = "";
    MaskDebeziumColumns(&payload["tableChanges"]);
  }
  DropRepeatedFields(&value["schema"]);
  MaskDefaults(&value);
  out->push_back(
      {.ddl = ddl,
       .table = TableName(payload["source"], "db", "table"),
       .commit_ts = Ts(payload["source"]["commit_ts"].get<uint64_t>()),
       .text = WithoutClusterName(*message.key + value.dump(), payload["source"]["cluster_id"])});
}

// Several objects one behind another. Numbers of FLOATs are free in their form.
void AppendMaxwell(const Message& message, std::vector<GoldenItem>* out) {
  std::istringstream stream(*message.value);
  while (stream >> std::ws && !stream.eof()) {
    Json value;
    stream >> value;
    const bool ddl = value.contains("sql");
    if (ddl) value["sql"] = "";
    if (ddl && value["table"] == "") continue;  // TiCDC crashes at changes of databases
    // An update that changes nothing has no "old".
    if (value["type"] == "update" && !value.contains("old")) continue;
    out->push_back({.ddl = ddl,
                    .table = TableName(value, "database", "table"),
                    .commit_ts = ddl ? Ts(value["ts"].get<uint64_t>())
                                     : Ts::FromUnixMs(value["ts"].get<uint64_t>() * 1000),
                    .text = (ddl ? *message.key : "") + value.dump()});
  }
}

// Just enough of protobuf to take a message apart.
struct WireField {
  int number;
  uint64_t varint;
  std::string_view bytes;
};

std::vector<WireField> WireFields(std::string_view message) {
  std::vector<WireField> fields;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0; !message.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message[0]);
      message.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (!message.empty()) {
    const uint64_t tag = varint();
    WireField& field = fields.emplace_back(WireField{.number = static_cast<int>(tag >> 3)});
    field.varint = varint();
    if ((tag & 7) != 2) continue;
    field.bytes = message.substr(0, field.varint);
    message.remove_prefix(field.bytes.size());
  }
  return fields;
}

std::string_view BytesOf(const std::vector<WireField>& fields, int number) {
  for (const WireField& field : fields)
    if (field.number == number) return field.bytes;
  return {};
}

// Entries in which an update's two images are the same are left out, as above; a DDL's text is
// masked.
void AppendCanal(const Message& message, std::vector<GoldenItem>* out) {
  for (const WireField& packed : WireFields(BytesOf(WireFields(*message.value), 5))) {
    const std::vector<WireField> entry = WireFields(packed.bytes);
    const std::vector<WireField> header = WireFields(BytesOf(entry, 1));
    const std::vector<WireField> change = WireFields(BytesOf(entry, 3));
    GoldenItem item{
        .table = std::string(BytesOf(header, 8)) + "." + std::string(BytesOf(header, 9)),
        .text = std::string(BytesOf(entry, 1))};
    for (const WireField& field : header)
      if (field.number == 6) item.commit_ts = Ts::FromUnixMs(field.varint);
    std::string before;
    std::string after;
    for (const WireField& field : change) {
      if (field.number == 10) item.ddl = field.varint == 1;
      if (field.number != 12) continue;
      for (const WireField& column : WireFields(field.bytes))
        (column.number == 1 ? before : after) += column.bytes;
    }
    if (!before.empty() && before == after) continue;
    item.text += item.ddl ? std::string(BytesOf(change, 14)) : std::string(BytesOf(entry, 3));
    out->push_back(std::move(item));
  }
}

}  // namespace

void AppendItems(Protocol protocol, const Message& message, std::vector<GoldenItem>* out) {
  try {
    switch (protocol) {
      case Protocol::kCsv:
        return AppendCsv(message, out);
      case Protocol::kSimple:
        return AppendSimple(message, out);
      case Protocol::kDebezium:
        return AppendDebezium(message, out);
      case Protocol::kMaxwell:
        return AppendMaxwell(message, out);
      case Protocol::kCanal:
        return AppendCanal(message, out);
      default:
        FAIL() << "no reader for protocol " << ProtocolName(protocol);
      case Protocol::kOpen:
        return AppendOpen(message, out);
      case Protocol::kCanalJson:
        return AppendCanalJson(message, out);
    }
  } catch (const Json::exception& e) {
    ADD_FAILURE() << e.what() << " in " << *message.value;
  }
}

Result<std::vector<GoldenMessage>> ReadGolden(const std::string& path) {
  std::vector<GoldenMessage> messages;
  const auto bytes = [](const Json& field) -> std::optional<std::string> {
    if (field.is_null()) return std::nullopt;
    return FromBase64(field.get<std::string>()).value_or("");
  };
  RETURN_UNEXPECTED_IF_ERROR(ReadZstdLines(path, [&](std::string_view line) {
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) return Status(Code::kUnmarshal, "{} has a line that is no JSON", path);
    messages.push_back({.partition = record["partition"],
                        .message = {.key = bytes(record["key"]), .value = bytes(record["value"])}});
    return Status::Ok();
  }));
  return messages;
}

}  // namespace cdc
