#include "edge/consumer/json_reader.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {
namespace {

Status Malformed(const char* what) {
  return Status(Code::kDecode, "malformed simple message: {}", what);
}

// {"location": …, "value": …} for TIMESTAMP, else the value itself.
Result<ConsumedValue> ValueOf(const nlohmann::json& json) {
  const nlohmann::json& value = json.is_object() ? Member(json, "value") : json;
  if (value.is_null()) return ConsumedValue::Null();
  if (!value.is_string()) return Unexpected(Malformed("a value that is no string"));
  return ConsumedValue{ConsumedValue::Kind::kByColumn, value.get<std::string>()};
}

Result<std::vector<ConsumedColumn>> ColumnsOf(const nlohmann::json& values) {
  std::vector<ConsumedColumn> out;
  if (!values.is_object()) return out;
  for (const auto& [name, json] : values.items()) {
    ASSIGN_OR_RETURN(ConsumedValue value, ValueOf(json));
    out.push_back({name, std::move(value)});
  }
  return out;
}

Result<ConsumedRow> RowOf(const nlohmann::json& message, const std::string& type) {
  ConsumedRow row{.commit_ts = Ts(NumberOf(message, "commitTs")),
                  .schema = TextOf(message, "database"),
                  .table = TextOf(message, "table"),
                  .before = {},
                  .after = {}};
  row.claim_location = TextOf(message, "claimCheckLocation");
  if (row.claim_location.empty() && FlagOf(message, "handleKeyOnly"))
    return Unexpected(OnlyHandleKey(row));
  ASSIGN_OR_RETURN(row.before, ColumnsOf(Member(message, "old")));
  ASSIGN_OR_RETURN(row.after, ColumnsOf(Member(message, "data")));
  if (type == "DELETE" ? row.before.empty() || !row.after.empty() : row.after.empty())
    return Unexpected(Malformed("a row without its columns"));
  FillUnchanged(row.after, &row.before);
  return row;
}

class SimpleJsonDecoder final : public MessageDecoder {
 public:
  Status Decode(std::optional<std::string_view> /*key*/, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    ASSIGN_OR_RETURN_STATUS(const nlohmann::json message, ParseObject(value.value_or("")));
    const std::string type = TextOf(message, "type");
    const Ts ts(NumberOf(message, "commitTs"));
    if (type == "WATERMARK") {
      out->push_back(ConsumedWatermark{ts});
      return Status::Ok();
    }
    if (type == "BOOTSTRAP") return Status::Ok();  // the downstream's own table tells its columns
    if (type == "INSERT" || type == "UPDATE" || type == "DELETE") {
      ASSIGN_OR_RETURN_STATUS(ConsumedRow row, RowOf(message, type));
      out->push_back(std::move(row));
      return Status::Ok();
    }
    std::string query = TextOf(message, "sql");
    if (query.empty()) return Malformed("neither a row nor a statement");
    const nlohmann::json& table = Member(message, "tableSchema");
    const DdlType ddl_type = DdlTypeOfQuery(query);
    std::string schema = TextOf(table, "schema");
    if (schema.empty()) schema = DatabaseOfQuery(query);
    out->push_back(ConsumedDdl{.commit_ts = ts,
                               .schema = std::move(schema),
                               .table = TextOf(table, "table"),
                               .query = std::move(query),
                               .type = ddl_type});
    return Status::Ok();
  }
};

}  // namespace

std::unique_ptr<MessageDecoder> MakeSimpleJsonDecoder() {
  return std::make_unique<SimpleJsonDecoder>();
}

}  // namespace cdc
