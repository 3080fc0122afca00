#include "edge/consumer/avro_value.h"
#include "edge/consumer/json_reader.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {
namespace {

Unexpected Malformed(const char* what) {
  return Error(Code::kDecode, "malformed simple message: {}", what);
}

// Positions in the unions and enums of the protocol's schema.
constexpr int64_t kMessage = 11;
constexpr int64_t kVersion = 1;
enum Payload : int64_t { kWatermark = 0, kBootstrap = 1, kDdl = 2, kDml = 3 };
enum Change : int64_t { kInsert = 0, kUpdate = 1, kDelete = 2 };
enum Value : int64_t {
  kNullValue = 0,
  kLongValue = 1,
  kFloatValue = 2,
  kDoubleValue = 3,
  kStringValue = 4,
  kBytesValue = 5,
  kTimestampValue = 6,
  kUnsignedBigintValue = 7,
};

class Reader : public AvroReader {
 public:
  using AvroReader::AvroReader;

  Result<std::string> Text() {
    ASSIGN_OR_RETURN(const std::string_view bytes, Bytes());
    return std::string(bytes);
  }
  Result<Ts> Timestamp() {
    ASSIGN_OR_RETURN(const int64_t ts, Long());
    return Ts(static_cast<uint64_t>(ts));
  }
  // Whether a union with null has the other branch.
  Result<bool> Present() {
    ASSIGN_OR_RETURN(const int64_t branch, Long());
    if (branch != 0 && branch != 1) return Malformed("an unknown branch of a union");
    return branch == 1;
  }

  Result<ConsumedValue> ColumnValue() {
    static const nlohmann::json float_type = "float";
    static const nlohmann::json double_type = "double";
    ASSIGN_OR_RETURN(const int64_t kind, Long());
    switch (kind) {
      case kNullValue:
        return ConsumedValue::Null();
      case kLongValue: {
        ASSIGN_OR_RETURN(const int64_t number, Long());
        return ConsumedValue::Number(std::to_string(number));
      }
      case kFloatValue:
        return AvroReader::Value(float_type);
      case kDoubleValue:
        return AvroReader::Value(double_type);
      case kTimestampValue:
        RETURN_UNEXPECTED_IF_ERROR(StatusOf(Bytes()));  // its zone, which is the changefeed's
        [[fallthrough]];
      case kStringValue: {
        ASSIGN_OR_RETURN(std::string text, Text());
        return ConsumedValue{ConsumedValue::Kind::kByColumn, std::move(text)};  // a BIT, too
      }
      case kBytesValue: {
        ASSIGN_OR_RETURN(std::string bytes, Text());
        return ConsumedValue::Bytes(std::move(bytes));
      }
      case kUnsignedBigintValue: {
        ASSIGN_OR_RETURN(const int64_t number, Long());
        return ConsumedValue::Number(std::to_string(static_cast<uint64_t>(number)));
      }
      default:
        return Malformed("an unknown kind of value");
    }
  }

  // A map, in blocks.
  Status Columns(std::vector<ConsumedColumn>* out) {
    while (true) {
      ASSIGN_OR_RETURN_STATUS(int64_t count, Long());
      if (count == 0) return Status::Ok();
      if (count < 0) {
        count = -count;
        RETURN_IF_ERROR(StatusOf(Long()));  // its size in bytes
      }
      for (int64_t i = 0; i < count; ++i) {
        ASSIGN_OR_RETURN_STATUS(std::string name, Text());
        ASSIGN_OR_RETURN_STATUS(ConsumedValue value, ColumnValue());
        out->push_back({.name = std::move(name), .value = std::move(value)});
      }
    }
  }

  // {version, corrupted, current, previous}
  Status SkipChecksum() {
    RETURN_IF_ERROR(StatusOf(Long()));
    RETURN_IF_ERROR(StatusOf(Boolean()));
    RETURN_IF_ERROR(StatusOf(Long()));
    return StatusOf(Long());
  }

  template <typename T>
  static Status StatusOf(const Result<T>& result) {
    return result ? Status::Ok() : result.error();
  }
};

Result<ConsumedEvent> RowOf(Reader& reader) {
  ConsumedRow row;
  ASSIGN_OR_RETURN(row.schema, reader.Text());
  ASSIGN_OR_RETURN(row.table, reader.Text());
  RETURN_UNEXPECTED_IF_ERROR(Reader::StatusOf(reader.Long()));  // the table's id
  ASSIGN_OR_RETURN(const int64_t change, reader.Long());
  ASSIGN_OR_RETURN(row.commit_ts, reader.Timestamp());
  RETURN_UNEXPECTED_IF_ERROR(Reader::StatusOf(reader.Long()));  // when it was made
  RETURN_UNEXPECTED_IF_ERROR(Reader::StatusOf(reader.Long()));  // version of the schema
  ASSIGN_OR_RETURN(const bool claimed, reader.Present());
  if (claimed) {
    ASSIGN_OR_RETURN(row.claim_location, reader.Text());
  }
  ASSIGN_OR_RETURN(bool only_handle_key, reader.Present());
  if (only_handle_key) {
    ASSIGN_OR_RETURN(only_handle_key, reader.Boolean());
  }
  if (only_handle_key && !claimed) return Unexpected(OnlyHandleKey(row));
  ASSIGN_OR_RETURN(const bool has_checksum, reader.Present());
  if (has_checksum) RETURN_UNEXPECTED_IF_ERROR(reader.SkipChecksum());
  for (auto* columns : {&row.after, &row.before}) {
    ASSIGN_OR_RETURN(const bool present, reader.Present());
    if (present) RETURN_UNEXPECTED_IF_ERROR(reader.Columns(columns));
  }
  if (change == kDelete ? row.before.empty() || !row.after.empty() : row.after.empty())
    return Malformed("a row without its columns");
  FillUnchanged(row.after, &row.before);
  return row;
}

Result<ConsumedEvent> DdlOf(Reader& reader) {
  ConsumedDdl ddl;
  RETURN_UNEXPECTED_IF_ERROR(Reader::StatusOf(reader.Long()));  // a coarser type than TiDB's
  ASSIGN_OR_RETURN(ddl.query, reader.Text());
  ASSIGN_OR_RETURN(ddl.commit_ts, reader.Timestamp());
  RETURN_UNEXPECTED_IF_ERROR(Reader::StatusOf(reader.Long()));  // when it was made
  ASSIGN_OR_RETURN(const bool has_table, reader.Present());
  if (has_table) {
    ASSIGN_OR_RETURN(ddl.schema, reader.Text());
    ASSIGN_OR_RETURN(ddl.table, reader.Text());
  }
  if (ddl.schema.empty()) ddl.schema = DatabaseOfQuery(ddl.query);
  ddl.type = DdlTypeOfQuery(ddl.query);
  return ddl;  // the descriptions of tables that follow are not needed
}

class SimpleAvroDecoder final : public MessageDecoder {
 public:
  Status Decode(std::optional<std::string_view> /*key*/, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    Reader reader(value.value_or(""));
    ASSIGN_OR_RETURN_STATUS(const int64_t record, reader.Long());
    ASSIGN_OR_RETURN_STATUS(const int64_t type, reader.Long());
    ASSIGN_OR_RETURN_STATUS(const int64_t payload, reader.Long());
    ASSIGN_OR_RETURN_STATUS(const int64_t version, reader.Long());
    if (record != kMessage || type != payload || version != kVersion)
      return Malformed("another head").error();
    switch (payload) {
      case kWatermark: {
        ASSIGN_OR_RETURN_STATUS(const Ts ts, reader.Timestamp());
        out->push_back(ConsumedWatermark{ts});
        return Status::Ok();
      }
      case kBootstrap:
        return Status::Ok();  // the downstream's own table tells its columns
      case kDdl: {
        ASSIGN_OR_RETURN_STATUS(ConsumedEvent ddl, DdlOf(reader));
        out->push_back(std::move(ddl));
        return Status::Ok();
      }
      case kDml: {
        ASSIGN_OR_RETURN_STATUS(ConsumedEvent row, RowOf(reader));
        out->push_back(std::move(row));
        return Status::Ok();
      }
      default:
        return Malformed("an unknown type of message").error();
    }
  }
};

}  // namespace

std::unique_ptr<MessageDecoder> MakeSimpleAvroDecoder() {
  return std::make_unique<SimpleAvroDecoder>();
}

}  // namespace cdc
