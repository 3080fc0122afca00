#include "edge/consumer/message_decoder.h"

#include <algorithm>
#include <cctype>

#include "edge/consumer/avro_decoder.h"
#include "edge/consumer/json_reader.h"
#include "edge/consumer/whole_message_decoder.h"

namespace cdc {
namespace {

// The words of a statement up to `count`, in capitals, without comments before them.
std::vector<std::string> FirstWords(std::string_view query, size_t count) {
  std::vector<std::string> words;
  size_t at = 0;
  while (at < query.size() && words.size() < count) {
    if (query.substr(at).starts_with("/*")) {
      const size_t end = query.find("*/", at + 2);
      if (end == std::string_view::npos) break;
      at = end + 2;
      continue;
    }
    const auto c = static_cast<unsigned char>(query[at]);
    if (!std::isalpha(c)) {
      ++at;
      continue;
    }
    std::string word;
    while (at < query.size() &&
           (std::isalnum(static_cast<unsigned char>(query[at])) != 0 || query[at] == '_'))
      word += static_cast<char>(std::toupper(static_cast<unsigned char>(query[at++])));
    words.push_back(std::move(word));
  }
  return words;
}

std::string Upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

struct Token {
  std::string text;
  bool quoted = false;
};

// A word or a quoted name off the front of a statement, with the blanks and comments before it.
Token TakeToken(std::string_view* query) {
  constexpr std::string_view kBlanks = " \t\r\n";
  query->remove_prefix(std::min(query->find_first_not_of(kBlanks), query->size()));
  while (query->starts_with("/*")) {
    const size_t end = query->find("*/", 2);
    query->remove_prefix(end == std::string_view::npos ? query->size() : end + 2);
    query->remove_prefix(std::min(query->find_first_not_of(kBlanks), query->size()));
  }
  Token token{.text = {}, .quoted = query->starts_with('`')};
  if (!token.quoted) {
    token.text = query->substr(0, query->find_first_of(" \t\r\n;/`"));
    query->remove_prefix(token.text.size());
    return token;
  }
  query->remove_prefix(1);
  while (!query->empty()) {
    const char c = query->front();
    query->remove_prefix(1);
    if (c == '`') {
      if (!query->starts_with('`')) break;
      query->remove_prefix(1);
    }
    token.text += c;
  }
  return token;
}

}  // namespace

Ts TsOf(const ConsumedEvent& event) {
  if (const auto* row = std::get_if<ConsumedRow>(&event)) return row->commit_ts;
  if (const auto* ddl = std::get_if<ConsumedDdl>(&event)) return ddl->commit_ts;
  return std::get<ConsumedWatermark>(event).ts;
}

Result<std::unique_ptr<MessageDecoder>> MessageDecoder::Create(const CodecOptions& options) {
  const auto whole = [&](std::unique_ptr<MessageDecoder> decoder) {
    return MakeWholeMessageDecoder(options, std::move(decoder));
  };
  switch (options.protocol) {
    case Protocol::kOpen:
      return whole(MakeOpenProtocolDecoder(options.compression));
    case Protocol::kCanalJson:
      return whole(MakeCanalJsonDecoder());
    case Protocol::kDebezium:
      return whole(MakeDebeziumDecoder());
    case Protocol::kAvro:
      return whole(MakeAvroDecoder(MakeRegistrySource(options.schema_registry_url)));
    case Protocol::kSimple:
      return whole(options.simple_encoding == SimpleEncoding::kJson ? MakeSimpleJsonDecoder()
                                                                    : MakeSimpleAvroDecoder());
    default:
      return Error(Code::kNotSupported,
                   "this protocol cannot be replayed: known are open-protocol, canal-json, avro, "
                   "debezium and simple");
  }
}

Status OnlyHandleKey(const ConsumedRow& row) {
  return Status(Code::kNotSupported,
                "a row of {}.{} at {} has only its handle key: its other columns are not in the "
                "topic (large-message-handle-option=\"handle-key-only\"; claim-check keeps them)",
                row.schema, row.table, row.commit_ts);
}

DdlType DdlTypeOfQuery(std::string_view query) {
  const std::vector<std::string> words = FirstWords(query, 6);
  const auto word = [&](size_t i) { return i < words.size() ? words[i] : std::string(); };
  const auto names = [&](const char* what) {
    return std::ranges::find(words, what) != words.end();
  };
  const bool database = word(1) == "DATABASE" || word(1) == "SCHEMA";
  if (word(0) == "CREATE") {
    if (database) return DdlType::kCreateSchema;
    if (names("INDEX")) return DdlType::kAddIndex;
    return names("VIEW") ? DdlType::kCreateView : DdlType::kCreateTable;
  }
  if (word(0) == "DROP") {
    if (database) return DdlType::kDropSchema;
    if (word(1) == "INDEX") return DdlType::kDropIndex;
    return word(1) == "VIEW" ? DdlType::kDropView : DdlType::kDropTable;
  }
  if (word(0) == "TRUNCATE") return DdlType::kTruncateTable;
  if (word(0) == "RENAME") return DdlType::kRenameTable;
  if (word(0) == "ALTER" && database) return DdlType::kModifySchemaCharsetAndCollate;
  if (word(0) == "ALTER" && word(3) == "REMOVE" && word(4) == "TTL")
    return DdlType::kAlterTtlRemove;
  if (word(0) == "ALTER" && word(3).starts_with("TTL")) return DdlType::kAlterTtlInfo;
  // Any change of a table: told apart further only by what its answer "already done" would mean.
  if (word(0) == "ALTER") return DdlType::kMultiSchemaChange;
  return DdlType::kNone;
}

std::string DatabaseOfQuery(std::string_view query) {
  const auto is = [](const Token& token, std::initializer_list<std::string_view> words) {
    return !token.quoted && std::ranges::find(words, Upper(token.text)) != words.end();
  };
  if (!is(TakeToken(&query), {"CREATE", "DROP", "ALTER"})) return "";
  if (!is(TakeToken(&query), {"DATABASE", "SCHEMA"})) return "";
  Token token = TakeToken(&query);
  while (is(token, {"IF", "NOT", "EXISTS"})) token = TakeToken(&query);
  // ALTER DATABASE may leave the name out.
  const bool option = is(token, {"DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "PLACEMENT", "SET"});
  return option ? "" : token.text;
}

std::optional<QueriedRename> RenameOfQuery(std::string_view query) {
  if (Upper(TakeToken(&query).text) != "RENAME" || Upper(TakeToken(&query).text) != "TABLE")
    return std::nullopt;
  QueriedRename rename;
  const auto take_name = [&](std::string* schema, std::string* table) {
    const Token first = TakeToken(&query);
    const Token dot = TakeToken(&query);
    const Token second = TakeToken(&query);
    *schema = first.text;
    *table = second.text;
    return first.quoted && dot.text == "." && second.quoted;
  };
  if (!take_name(&rename.schema, &rename.table) || Upper(TakeToken(&query).text) != "TO" ||
      !take_name(&rename.new_schema, &rename.new_table) || !TakeToken(&query).text.empty())
    return std::nullopt;
  return rename;
}

Result<nlohmann::json> ParseObject(std::string_view text) {
  nlohmann::json parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Error(Code::kDecode, "a message that is no JSON object");
  return parsed;
}

const nlohmann::json& Member(const nlohmann::json& object, const char* name) {
  static const nlohmann::json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string TextOf(const nlohmann::json& object, const char* name) {
  const nlohmann::json& member = Member(object, name);
  return member.is_string() ? member.get<std::string>() : "";
}

uint64_t NumberOf(const nlohmann::json& object, const char* name) {
  const nlohmann::json& member = Member(object, name);
  return member.is_number_unsigned() ? member.get<uint64_t>() : 0;
}

bool FlagOf(const nlohmann::json& object, const char* name) {
  const nlohmann::json& member = Member(object, name);
  return member.is_boolean() && member.get<bool>();
}

void FillUnchanged(const std::vector<ConsumedColumn>& after, std::vector<ConsumedColumn>* before) {
  if (before->empty() || before->size() >= after.size()) return;
  for (const ConsumedColumn& column : after) {
    const auto same = [&](const ConsumedColumn& other) { return other.name == column.name; };
    if (std::ranges::none_of(*before, same)) before->push_back(column);
  }
}

}  // namespace cdc
