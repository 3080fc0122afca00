#include "edge/consumer/json_reader.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {
namespace {

Status Malformed(const char* what) {
  return Status(Code::kDecode, "malformed debezium message: {}", what);
}

Result<ConsumedValue> ValueOf(const nlohmann::json& value) {
  if (value.is_null()) return ConsumedValue::Null();
  if (value.is_string())
    return ConsumedValue{ConsumedValue::Kind::kDebeziumText, value.get<std::string>()};
  if (value.is_boolean())
    return ConsumedValue{ConsumedValue::Kind::kDebeziumNumber, value.get<bool>() ? "1" : "0"};
  if (value.is_number()) return ConsumedValue{ConsumedValue::Kind::kDebeziumNumber, value.dump()};
  return Unexpected(Malformed("a value that is no scalar"));
}

// `keys`: the payload of the message's key.
Result<std::vector<ConsumedColumn>> ColumnsOf(const nlohmann::json& values,
                                              const nlohmann::json& keys) {
  std::vector<ConsumedColumn> out;
  if (!values.is_object()) return out;
  for (const auto& [name, json] : values.items()) {
    ASSIGN_OR_RETURN(ConsumedValue value, ValueOf(json));
    out.push_back({name, std::move(value), !Member(keys, name.c_str()).is_null()});
  }
  return out;
}

// With or without a schema beside it.
Result<nlohmann::json> PayloadOf(std::string_view text) {
  ASSIGN_OR_RETURN(nlohmann::json message, ParseObject(text));
  nlohmann::json payload = Member(message, "payload");
  if (!payload.is_object()) return Unexpected(Malformed("no payload"));
  return payload;
}

class DebeziumDecoder final : public MessageDecoder {
 public:
  Status Decode(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    if (key && !value) return Status::Ok();  // for compaction, behind a delete
    ASSIGN_OR_RETURN_STATUS(const nlohmann::json payload, PayloadOf(value.value_or("")));
    ASSIGN_OR_RETURN_STATUS(const nlohmann::json keys, PayloadOf(key.value_or("")));
    const nlohmann::json& source = Member(payload, "source");
    const Ts ts(NumberOf(source, "commit_ts"));
    if (ts == Ts()) return Malformed("no commit_ts in its source");
    const std::string operation = TextOf(payload, "op");
    if (operation == "m") {
      out->push_back(ConsumedWatermark{ts});
      return Status::Ok();
    }
    ConsumedRow row{.commit_ts = ts,
                    .schema = TextOf(source, "db"),
                    .table = TextOf(source, "table"),
                    .before = {},
                    .after = {}};
    if (operation.empty()) {
      std::string query = TextOf(payload, "ddl");
      if (query.empty()) return Malformed("neither a row nor a statement");
      const DdlType type = DdlTypeOfQuery(query);
      out->push_back(
          ConsumedDdl{ts, std::move(row.schema), std::move(row.table), std::move(query), type});
      return Status::Ok();
    }
    ASSIGN_OR_RETURN_STATUS(row.before, ColumnsOf(Member(payload, "before"), keys));
    ASSIGN_OR_RETURN_STATUS(row.after, ColumnsOf(Member(payload, "after"), keys));
    const bool complete = operation == "d"
                              ? !row.before.empty() && row.after.empty()
                              : (operation == "c" || operation == "u") && !row.after.empty();
    if (!complete) return Malformed("a row without its columns, or an unknown op");
    out->push_back(std::move(row));
    return Status::Ok();
  }
};

}  // namespace

std::unique_ptr<MessageDecoder> MakeDebeziumDecoder() {
  return std::make_unique<DebeziumDecoder>();
}

}  // namespace cdc
