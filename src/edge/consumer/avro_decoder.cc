#include "edge/consumer/avro_decoder.h"

#include <algorithm>
#include <map>

#include <httplib.h>

#include "base/bytes.h"
#include "edge/consumer/avro_value.h"
#include "edge/consumer/json_reader.h"

namespace cdc {
namespace {

using nlohmann::json;

constexpr size_t kHeaderBytes = 5;
constexpr std::string_view kOperation = "_tidb_op";
constexpr std::string_view kCommitTs = "_tidb_commit_ts";
constexpr std::string_view kPhysicalTime = "_tidb_commit_physical_time";
constexpr std::string_view kBefore = "_ticdc_before";

Status Malformed(const char* what) {
  return Status(Code::kDecode, "malformed avro message: {}", what);
}

class RegistrySource final : public SchemaSource {
 public:
  explicit RegistrySource(const std::string& url) {
    const size_t scheme = url.find("://");
    const size_t path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
    origin_ = url.substr(0, path);
    if (path != std::string::npos) path_ = url.substr(path);
    while (path_.ends_with('/')) path_.pop_back();
  }

  Result<std::string> SchemaOf(uint32_t id) override {
    httplib::Client client(origin_);
    const auto answer = client.Get(fmt::format("{}/schemas/ids/{}", path_, id));
    if (!answer)
      return Error(Code::kSchemaRegistry, "asking {} for schema {}: {}", origin_, id,
                   httplib::to_string(answer.error()));
    if (answer->status != 200)
      return Error(Code::kSchemaRegistry, "asking {} for schema {}: status {}", origin_, id,
                   answer->status);
    ASSIGN_OR_RETURN(const json body, ParseObject(answer->body));
    return TextOf(body, "schema");
  }

 private:
  std::string origin_;
  std::string path_;
};

class AvroDecoder final : public MessageDecoder {
 public:
  explicit AvroDecoder(std::unique_ptr<SchemaSource> schemas) : schemas_(std::move(schemas)) {}

  Status Decode(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    if (!value || value->empty())
      return Status(Code::kNotSupported,
                    "a deletion without its commit ts: the changefeed needs "
                    "avro-include-before-value=true for its messages to be put in order");
    switch (value->front()) {
      case 0:
        break;
      case 1:
        return DecodeDdl(value->substr(1), out);
      case 2:
        if (value->size() != 9) return Malformed("a watermark of another length");
        out->push_back(ConsumedWatermark{Ts(LoadBigEndian64(value->data() + 1))});
        return Status::Ok();
      default:
        return Malformed("an unknown first byte");
    }
    ASSIGN_OR_RETURN_STATUS(const json* schema, SchemaOf(*value));
    const json* key_schema = nullptr;
    if (key && !key->empty()) {
      ASSIGN_OR_RETURN_STATUS(key_schema, SchemaOf(*key));
    }
    return DecodeRow(*schema, key_schema, value->substr(kHeaderBytes), out);
  }

 private:
  static Status DecodeDdl(std::string_view text, std::vector<ConsumedEvent>* out) {
    ASSIGN_OR_RETURN_STATUS(const json ddl, ParseObject(text));
    out->push_back(ConsumedDdl{.commit_ts = Ts(NumberOf(ddl, "commitTs")),
                               .schema = TextOf(ddl, "schema"),
                               .table = TextOf(ddl, "table"),
                               .query = TextOf(ddl, "query"),
                               .type = static_cast<DdlType>(NumberOf(ddl, "type"))});
    return Status::Ok();
  }

  Result<const json*> SchemaOf(std::string_view message) {
    if (message.size() < kHeaderBytes || message.front() != 0)
      return Unexpected(Malformed("no header"));
    uint32_t id = 0;
    for (size_t i = 1; i < kHeaderBytes; ++i) id = id << 8 | static_cast<unsigned char>(message[i]);
    const auto known = parsed_.find(id);
    if (known != parsed_.end()) return &known->second;
    ASSIGN_OR_RETURN(const std::string text, schemas_->SchemaOf(id));
    ASSIGN_OR_RETURN(json schema, ParseObject(text));
    if (!Member(schema, "fields").is_array())
      return Unexpected(Malformed("its schema is no record"));
    return &parsed_.emplace(id, std::move(schema)).first->second;
  }

  struct Extension {
    std::string operation;
    std::string commit_ts;
  };

  // The fields of a record, in order; those that are none of the table's go elsewhere.
  static Status ReadRecord(const json& schema, const json* key_schema, AvroReader* reader,
                           std::vector<ConsumedColumn>* columns,
                           std::vector<ConsumedColumn>* before, Extension* extension) {
    for (const json& field : Member(schema, "fields")) {
      const std::string name = TextOf(field, "name");
      ASSIGN_OR_RETURN_STATUS(const json* type, reader->Branch(Member(field, "type")));
      if (name == kBefore && before != nullptr && Member(*type, "fields").is_array()) {
        RETURN_IF_ERROR(ReadRecord(*type, key_schema, reader, before, nullptr, extension));
        continue;
      }
      ASSIGN_OR_RETURN_STATUS(ConsumedValue value, reader->Value(*type));
      if (name == kOperation)
        extension->operation = value.text;
      else if (name == kCommitTs)
        extension->commit_ts = value.text;
      else if (name != kPhysicalTime && name != kBefore)
        columns->push_back({name, std::move(value), key_schema && IsField(*key_schema, name)});
    }
    return Status::Ok();
  }

  static bool IsField(const json& schema, const std::string& name) {
    const json& fields = Member(schema, "fields");
    return std::any_of(fields.begin(), fields.end(),
                       [&name](const json& field) { return TextOf(field, "name") == name; });
  }

  static Status DecodeRow(const json& schema, const json* key_schema, std::string_view bytes,
                          std::vector<ConsumedEvent>* out) {
    // "<the changefeed's namespace>.<schema>"
    const std::string space = TextOf(schema, "namespace");
    ConsumedRow row{.commit_ts = Ts(),
                    .schema = space.substr(std::min(space.find('.'), space.size() - 1) + 1),
                    .table = TextOf(schema, "name"),
                    .before = {},
                    .after = {}};
    AvroReader reader(bytes);
    Extension extension;
    RETURN_IF_ERROR(ReadRecord(schema, key_schema, &reader, &row.after, &row.before, &extension));
    if (!reader.AtEnd()) return Malformed("more than its schema tells");
    row.commit_ts = Ts(std::strtoull(extension.commit_ts.c_str(), nullptr, 10));
    if (row.commit_ts == Ts())
      return Status(Code::kNotSupported,
                    "an avro message without commit ts: the changefeed needs "
                    "enable-tidb-extension=true for its messages to be put in order");
    if (extension.operation == "d") {
      row.before = std::move(row.after);
      row.after.clear();
    }
    if (row.before.empty() && row.after.empty()) return Malformed("a row without columns");
    out->push_back(std::move(row));
    return Status::Ok();
  }

  const std::unique_ptr<SchemaSource> schemas_;
  std::map<uint32_t, json> parsed_;
};

}  // namespace

std::unique_ptr<SchemaSource> MakeRegistrySource(const std::string& url) {
  return std::make_unique<RegistrySource>(url);
}

std::unique_ptr<MessageDecoder> MakeAvroDecoder(std::unique_ptr<SchemaSource> schemas) {
  return std::make_unique<AvroDecoder>(std::move(schemas));
}

}  // namespace cdc
