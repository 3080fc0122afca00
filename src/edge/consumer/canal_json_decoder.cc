#include <algorithm>
#include <array>

#include "edge/consumer/json_reader.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {
namespace {

Status Malformed(const char* what) {
  return Status(Code::kDecode, "malformed canal-json message: {}", what);
}

// "varchar(10)", "int unsigned": up to what is no letter.
std::string_view BaseType(std::string_view type) {
  return type.substr(0, std::min(type.find_first_of("( "), type.size()));
}

bool IsOneOf(std::string_view type, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, type) != names.end();
}

// Bytes that were written as the code points of ISO 8859-1.
Result<std::string> FromLatin1(const std::string& utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto c = static_cast<unsigned char>(utf8[i]);
    if (c < 0x80) {
      out.push_back(utf8[i]);
      continue;
    }
    if ((c != 0xc2 && c != 0xc3) || i + 1 == utf8.size())
      return Unexpected(Malformed("a binary string with characters above U+00FF"));
    const auto next = static_cast<unsigned char>(utf8[++i]);
    out.push_back(static_cast<char>((c & 3) << 6 | (next & 0x3f)));
  }
  return out;
}

Result<ConsumedValue> ValueOf(std::string_view type, const nlohmann::json& value) {
  if (value.is_null()) return ConsumedValue::Null();
  if (!value.is_string()) return Unexpected(Malformed("a value that is no string"));
  auto text = value.get<std::string>();
  if (IsOneOf(type, {"tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary"})) {
    ASSIGN_OR_RETURN(std::string bytes, FromLatin1(text));
    return ConsumedValue::Bytes(std::move(bytes));
  }
  if (IsOneOf(type, {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit", "enum",
                     "set", "decimal"}))
    return ConsumedValue::Number(std::move(text));
  return ConsumedValue::Text(std::move(text));
}

Result<std::vector<ConsumedColumn>> ColumnsOf(const nlohmann::json& message, const char* member) {
  std::vector<ConsumedColumn> out;
  const nlohmann::json& rows = Member(message, member);
  if (rows.is_null()) return out;
  if (!rows.is_array() || rows.size() != 1 || !rows[0].is_object())
    return Unexpected(Malformed("data that is not one row"));
  const nlohmann::json& types = Member(message, "mysqlType");
  const nlohmann::json& keys = Member(message, "pkNames");
  for (const auto& [name, value] : rows[0].items()) {
    const std::string type = TextOf(types, name.c_str());
    ASSIGN_OR_RETURN(ConsumedValue read, ValueOf(BaseType(type), value));
    const bool key =
        keys.is_array() && std::any_of(keys.begin(), keys.end(), [&name](const auto& key_name) {
          return key_name.is_string() && key_name.template get<std::string>() == name;
        });
    out.push_back({name, std::move(read), key});
  }
  return out;
}

Result<ConsumedRow> RowOf(const nlohmann::json& message, const std::string& type, Ts commit_ts) {
  ConsumedRow row{.commit_ts = commit_ts,
                  .schema = TextOf(message, "database"),
                  .table = TextOf(message, "table"),
                  .before = {},
                  .after = {}};
  const nlohmann::json& extension = Member(message, "_tidb");
  row.claim_location = TextOf(extension, "claimCheckLocation");
  if (row.claim_location.empty() && FlagOf(extension, "onlyHandleKey"))
    return Unexpected(OnlyHandleKey(row));
  ASSIGN_OR_RETURN(std::vector<ConsumedColumn> data, ColumnsOf(message, "data"));
  if (data.empty()) return Unexpected(Malformed("a row without columns"));
  if (type == "DELETE") {
    row.before = std::move(data);
    return row;
  }
  row.after = std::move(data);
  if (type == "UPDATE") {
    ASSIGN_OR_RETURN(row.before, ColumnsOf(message, "old"));
    FillUnchanged(row.after, &row.before);
  }
  return row;
}

class CanalJsonDecoder final : public MessageDecoder {
 public:
  Status Decode(std::optional<std::string_view> /*key*/, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    ASSIGN_OR_RETURN_STATUS(const nlohmann::json message, ParseObject(value.value_or("")));
    const nlohmann::json& extension = Member(message, "_tidb");
    const std::string type = TextOf(message, "type");
    if (type == "TIDB_WATERMARK") {
      out->push_back(ConsumedWatermark{Ts(NumberOf(extension, "watermarkTs"))});
      return Status::Ok();
    }
    const Ts commit_ts(NumberOf(extension, "commitTs"));
    if (commit_ts == Ts())
      return Status(Code::kNotSupported,
                    "a canal-json message without commitTs: the changefeed needs "
                    "enable-tidb-extension=true for its messages to be put in order");
    if (FlagOf(message, "isDdl")) {
      std::string query = TextOf(message, "sql");
      const DdlType ddl_type = DdlTypeOfQuery(query);
      out->push_back(ConsumedDdl{.commit_ts = commit_ts,
                                 .schema = TextOf(message, "database"),
                                 .table = TextOf(message, "table"),
                                 .query = std::move(query),
                                 .type = ddl_type});
      return Status::Ok();
    }
    ASSIGN_OR_RETURN_STATUS(ConsumedRow row, RowOf(message, type, commit_ts));
    out->push_back(std::move(row));
    return Status::Ok();
  }
};

}  // namespace

std::unique_ptr<MessageDecoder> MakeCanalJsonDecoder() {
  return std::make_unique<CanalJsonDecoder>();
}

}  // namespace cdc
