#include <cctype>

#include "base/bytes.h"
#include "edge/consumer/json_reader.h"
#include "edge/consumer/message_decoder.h"
#include "edge/consumer/message_packing.h"
#include "model/table_info.h"

namespace cdc {
namespace {

constexpr uint64_t kVersion = 1;
constexpr uint64_t kFlagBinary = 1;

Status Malformed(const char* what) {
  return Status(Code::kDecode, "malformed open-protocol message: {}", what);
}

// Takes a part with its length off the front.
Result<std::string_view> TakeFramed(std::string_view* rest) {
  if (rest->size() < 8) return Unexpected(Malformed("no room for a length"));
  const uint64_t size = LoadBigEndian64(rest->data());
  rest->remove_prefix(8);
  if (size > rest->size()) return Unexpected(Malformed("a length above what is there"));
  const std::string_view part = rest->substr(0, size);
  rest->remove_prefix(size);
  return part;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto tail = [&](int shift) {
    out->push_back(static_cast<char>(0x80 | (code_point >> shift & 0x3f)));
  };
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out->push_back(static_cast<char>(0xc0 | code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | code_point >> 12));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xf0 | code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// The opposite of Go's strconv.Quote, without its quotes.
Result<std::string> Unquote(std::string_view text) {
  std::string out;
  size_t i = 0;
  while (i < text.size()) {
    if (text[i] != '\\') {
      out.push_back(text[i++]);
      continue;
    }
    if (++i == text.size()) return Unexpected(Malformed("a backslash at the end"));
    const char kind = text[i++];
    static constexpr std::string_view kLetters = "abfnrtv\\\"'";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'";
    if (const size_t at = kLetters.find(kind); at != std::string_view::npos) {
      out.push_back(kMeanings[at]);
      continue;
    }
    const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0 || text.size() - i < digits) return Unexpected(Malformed("an unknown escape"));
    uint32_t value = 0;
    for (size_t end = i + digits; i < end; ++i) {
      if (HexDigit(text[i]) < 0) return Unexpected(Malformed("an unknown escape"));
      value = value << 4 | static_cast<uint32_t>(HexDigit(text[i]));
    }
    if (kind == 'x')
      out.push_back(static_cast<char>(value));
    else
      AppendUtf8(value, &out);
  }
  return out;
}

Result<ConsumedValue> StringValue(MysqlType type, uint64_t flags, const std::string& text) {
  const bool binary = flags & kFlagBinary;
  switch (type) {
    case MysqlType::kTinyBlob:
    case MysqlType::kBlob:
    case MysqlType::kMediumBlob:
    case MysqlType::kLongBlob: {
      ASSIGN_OR_RETURN(std::string bytes, FromBase64(text));
      return binary ? ConsumedValue::Bytes(std::move(bytes))
                    : ConsumedValue::Text(std::move(bytes));
    }
    case MysqlType::kString:
    case MysqlType::kVarString:
    case MysqlType::kVarchar: {
      if (!binary) return ConsumedValue::Text(text);
      ASSIGN_OR_RETURN(std::string bytes, Unquote(text));
      return ConsumedValue::Bytes(std::move(bytes));
    }
    default:
      return ConsumedValue::Text(text);
  }
}

Result<ConsumedValue> ValueOf(const nlohmann::json& column) {
  const nlohmann::json& value = Member(column, "v");
  if (value.is_null()) return ConsumedValue::Null();
  if (value.is_number()) return ConsumedValue::Number(value.dump());
  if (!value.is_string()) return Unexpected(Malformed("a value that is no number and no string"));
  const auto type = static_cast<MysqlType>(NumberOf(column, "t"));
  return StringValue(type, NumberOf(column, "f"), value.get<std::string>());
}

Result<std::vector<ConsumedColumn>> ColumnsOf(const nlohmann::json& columns) {
  std::vector<ConsumedColumn> out;
  if (!columns.is_object()) return out;
  for (const auto& [name, column] : columns.items()) {
    ASSIGN_OR_RETURN(ConsumedValue value, ValueOf(column));
    out.push_back({name, std::move(value), FlagOf(column, "h")});
  }
  return out;
}

Result<ConsumedRow> RowOf(const nlohmann::json& key, std::string_view value) {
  ASSIGN_OR_RETURN(const nlohmann::json body, ParseObject(value));
  ConsumedRow row{.commit_ts = Ts(NumberOf(key, "ts")),
                  .schema = TextOf(key, "scm"),
                  .table = TextOf(key, "tbl"),
                  .before = {},
                  .after = {}};
  row.claim_location = TextOf(key, "ccl");
  if (row.claim_location.empty() && FlagOf(key, "ohk")) return Unexpected(OnlyHandleKey(row));
  if (const nlohmann::json& deleted = Member(body, "d"); deleted.is_object()) {
    ASSIGN_OR_RETURN(row.before, ColumnsOf(deleted));
    if (row.before.empty()) return Unexpected(Malformed("a delete without columns"));
    return row;
  }
  ASSIGN_OR_RETURN(row.after, ColumnsOf(Member(body, "u")));
  if (row.after.empty()) return Unexpected(Malformed("a row without columns"));
  ASSIGN_OR_RETURN(row.before, ColumnsOf(Member(body, "p")));
  FillUnchanged(row.after, &row.before);
  return row;
}

Result<ConsumedEvent> EventOf(std::string_view key_text, std::string_view value) {
  ASSIGN_OR_RETURN(const nlohmann::json key, ParseObject(key_text));
  const Ts ts(NumberOf(key, "ts"));
  switch (NumberOf(key, "t")) {
    case 1:
      return RowOf(key, value);
    case 2: {
      ASSIGN_OR_RETURN(const nlohmann::json body, ParseObject(value));
      return ConsumedDdl{.commit_ts = ts,
                         .schema = TextOf(key, "scm"),
                         .table = TextOf(key, "tbl"),
                         .query = TextOf(body, "q"),
                         .type = static_cast<DdlType>(NumberOf(body, "t"))};
    }
    case 3:
      return ConsumedWatermark{ts};
    default:
      return Unexpected(Malformed("an unknown type of event"));
  }
}

// Values are packed one by one, before they get their lengths.
class OpenProtocolDecoder final : public MessageDecoder {
 public:
  explicit OpenProtocolDecoder(MessageCompression packing) : packing_(packing) {}

  Status Decode(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    if (!key || key->size() < 8 || LoadBigEndian64(key->data()) != kVersion)
      return Malformed("no key of version 1");
    std::string_view keys = key->substr(8);
    std::string_view values = value.value_or("");
    while (!keys.empty()) {
      ASSIGN_OR_RETURN_STATUS(const std::string_view event_key, TakeFramed(&keys));
      ASSIGN_OR_RETURN_STATUS(std::string_view event_value, TakeFramed(&values));
      std::string unpacked;
      if (packing_ != MessageCompression::kNone && !event_value.empty()) {
        ASSIGN_OR_RETURN_STATUS(unpacked, UnpackMessage(packing_, event_value));
        event_value = unpacked;
      }
      ASSIGN_OR_RETURN_STATUS(ConsumedEvent event, EventOf(event_key, event_value));
      out->push_back(std::move(event));
    }
    return values.empty() ? Status::Ok() : Malformed("values without keys");
  }

 private:
  const MessageCompression packing_;
};

}  // namespace

std::unique_ptr<MessageDecoder> MakeOpenProtocolDecoder(MessageCompression packing) {
  return std::make_unique<OpenProtocolDecoder>(packing);
}

}  // namespace cdc
