#include "dataflow/mounter/meta_codec.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/bytes.h"

namespace cdc {
namespace {

constexpr char kPrefix = 'm';
constexpr uint64_t kHashData = 'h';
constexpr uint64_t kListData = 'l';
constexpr size_t kGroup = 8;

// Memcomparable bytes: groups of eight, each followed by 255 minus the number of padding zeros.
void AppendComparable(std::string_view bytes, std::string* out) {
  for (size_t at = 0; at <= bytes.size(); at += kGroup) {
    const std::string_view group = bytes.substr(at, kGroup);
    out->append(group);
    out->append(kGroup - group.size(), '\0');
    out->push_back(static_cast<char>(255 - (kGroup - group.size())));
  }
}

std::optional<std::string> TakeComparable(std::string_view* from) {
  std::string bytes;
  while (from->size() > kGroup) {
    const size_t padding = 255 - static_cast<unsigned char>((*from)[kGroup]);
    if (padding > kGroup) return std::nullopt;
    bytes.append(from->substr(0, kGroup - padding));
    from->remove_prefix(kGroup + 1);
    if (padding > 0) return bytes;
  }
  return std::nullopt;
}

// The number after `prefix` if `text` is just that.
std::optional<int64_t> NumberAfter(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string HashPrefix(std::string_view name) {
  std::string key(1, kPrefix);
  AppendComparable(name, &key);
  AppendBigEndian64(&key, kHashData);
  return key;
}

std::string SchemaName(SchemaId schema) { return fmt::format("DB:{}", Raw(schema)); }

}  // namespace

bool IsMetaKey(std::string_view key) { return key.starts_with(kPrefix); }

MetaKey ParseMetaKey(std::string_view key) {
  if (!IsMetaKey(key)) return {};
  std::string_view rest = key.substr(1);
  const auto name = TakeComparable(&rest);
  if (!name || rest.size() < sizeof(uint64_t)) return {};
  const uint64_t type = LoadBigEndian64(rest.data());
  rest.remove_prefix(sizeof(uint64_t));
  if (type == kListData && (*name == "DDLJobList" || *name == "DDLJobAddIdxList"))
    return {.kind = MetaKey::Kind::kDdlJobList};
  if (type != kHashData) return {};
  const auto field = TakeComparable(&rest);
  if (!field) return {};
  if (*name == "DBs") {
    if (const auto schema = NumberAfter(*field, "DB:"))
      return {.kind = MetaKey::Kind::kSchema, .schema = SchemaId(*schema)};
  } else if (const auto schema = NumberAfter(*name, "DB:")) {
    if (const auto table = NumberAfter(*field, "Table:"))
      return {.kind = MetaKey::Kind::kTable, .schema = SchemaId(*schema), .table = TableId(*table)};
  }
  return {};
}

KeyRange SchemasRange() { return PrefixRange(HashPrefix("DBs")); }

// "Table:" fits into the first group of the field, so it is a prefix of the encoded one, too.
KeyRange TablesRange(SchemaId schema) {
  return PrefixRange(HashPrefix(SchemaName(schema)) + "Table:");
}

std::string SchemaMetaKey(SchemaId schema) {
  std::string key = HashPrefix("DBs");
  AppendComparable(SchemaName(schema), &key);
  return key;
}

std::string TableMetaKey(SchemaId schema, TableId table) {
  std::string key = HashPrefix(SchemaName(schema));
  AppendComparable(fmt::format("Table:{}", Raw(table)), &key);
  return key;
}

std::string DdlJobListKey(int64_t index) {
  std::string key(1, kPrefix);
  AppendComparable("DDLJobList", &key);
  AppendBigEndian64(&key, kListData);
  AppendBigEndian64(&key, static_cast<uint64_t>(index) ^ (uint64_t{1} << 63));
  return key;
}

}  // namespace cdc
