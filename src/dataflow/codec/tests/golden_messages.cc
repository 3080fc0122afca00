#include "dataflow/codec/tests/golden_messages.h"

#include <regex>

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
std::string WithoutTimeFractions(const std::string& value) {
  static const std::regex time(R"re(("t":11,[^}]*"v":"-?[0-9:]+)\.[0-9]+")re");
  return value.find("\"t\":11,") == std::string::npos ? value
                                                      : std::regex_replace(value, time, "$1\"");
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

void AppendCanalJson(const Message& message, std::vector<GoldenItem>* out) {
  Json value = Json::parse(*message.value);
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
                  .text = (message.key ? *message.key : "null") + value.dump()});
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

}  // namespace

void AppendItems(Protocol protocol, const Message& message, std::vector<GoldenItem>* out) {
  try {
    switch (protocol) {
      case Protocol::kCsv:
        return AppendCsv(message, out);
      case Protocol::kSimple:
        return AppendSimple(message, out);
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
