#include "dataflow/dispatcher/partition_rule.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include <zlib.h>

#include "base/log.h"
#include "model/value_text.h"

namespace cdc {
namespace {

// The hash is the exclusive or of these, so that the order of its parts does not matter.
uint32_t PartHash(std::string_view first, std::string_view second) {
  uLong crc = crc32(0, nullptr, 0);
  for (const std::string_view part : {first, second})
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  return static_cast<uint32_t>(crc);
}

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

const IndexInfo* FindIndex(const TableInfo& table, std::string_view name) {
  for (const IndexInfo& index : table.indexes)
    if (index.state == SchemaState::kPublic && SameName(index.name, name)) return &index;
  return nullptr;
}

// The shortest digits that read back as the number, and zeros up to the point: no exponent, and
// unlike std::chars_format::fixed no digits beyond those.
void AppendFixed(double value, bool is_float32, std::string* out) {
  if (!std::isfinite(value)) value = 0;
  std::array<char, 40> text{};
  char* const end = text.data() + text.size();
  constexpr auto kScientific = std::chars_format::scientific;
  const auto written = is_float32
                           ? std::to_chars(text.data(), end, static_cast<float>(value), kScientific)
                           : std::to_chars(text.data(), end, value, kScientific);
  std::string_view rest(text.data(), written.ptr);
  if (rest.starts_with('-')) {
    *out += '-';
    rest.remove_prefix(1);
  }
  const size_t e = rest.find('e');
  std::string digits(rest.substr(0, e));
  std::erase(digits, '.');
  int exponent = 0;  // of the first digit
  const size_t number = rest[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(rest.data() + number, rest.data() + rest.size(), exponent);
  if (exponent < 0) {
    *out += "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
    return;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() < whole) digits.resize(whole, '0');
  if (digits.size() > whole) digits.insert(whole, 1, '.');
  *out += digits;
}

// The form of a value that is hashed. Where it differs from MySQL's text: numbers for ENUM, SET
// and YEAR, no exponents, TIME without its fraction.
void AppendHashed(const Datum& value, const FieldType& type, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
      *out += std::to_string(value.as_uint());
      return;
    case Datum::Kind::kInt:
      *out += std::to_string(value.as_int());
      return;
    case Datum::Kind::kDuration:
      return AppendDuration(value.as_int(), /*fsp=*/0, out);
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return AppendFixed(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    default:
      return AppendText(value, type, out);
  }
}

}  // namespace

PartitionRule PartitionRule::Make(std::string_view name, std::string index,
                                  std::vector<std::string> columns) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  PartitionRule rule;
  rule.index_ = std::move(index);
  if (lower == "ts")
    rule.kind_ = Kind::kTs;
  else if (lower == "index-value" || lower == "rowid")
    rule.kind_ = Kind::kIndexValue;
  else if (lower == "columns") {
    rule.kind_ = Kind::kColumns;
    rule.columns_ = std::move(columns);
  } else if (!lower.empty() && lower != "default" && lower != "table")
    LogWarn("unknown partition rule, rows go by table, partition=\"{}\"", name);
  return rule;
}

Result<TablePartitioner> PartitionRule::For(const TableInfo& table) const {
  TablePartitioner bound;
  bound.by_ts_ = kind_ == Kind::kTs;
  bound.table_hash_ = PartHash(table.schema, table.name);
  if (kind_ == Kind::kTable || kind_ == Kind::kTs) return bound;
  if (kind_ == Kind::kIndexValue && index_.empty()) {
    bound.positions_ = table.handle_key;
    return bound;
  }
  std::vector<std::string> names = columns_;
  if (kind_ == Kind::kIndexValue) {
    const IndexInfo* index = FindIndex(table, index_);
    if (index == nullptr)
      return Error(Code::kDispatcher, "table {}.{} has no index {} to dispatch by", table.schema,
                   table.name, index_);
    names.clear();
    for (const IndexColumn& column : index->columns) names.push_back(column.name);
  }
  for (const std::string& name : names) {
    bound.positions_.push_back(table.FindColumn(name));
    if (bound.positions_.back() < 0)
      return Error(Code::kDispatcher, "table {}.{} has no column {} to dispatch by", table.schema,
                   table.name, name);
  }
  return bound;
}

Status PartitionRule::Check(const TableInfo& table) const {
  if (auto bound = For(table); !bound) return bound.error();
  if (kind_ != Kind::kIndexValue || index_.empty()) return Status::Ok();
  const IndexInfo* index = FindIndex(table, index_);
  if (index->unique || index->primary) return Status::Ok();
  return Status(Code::kDispatcher, "index {} of table {}.{} is not unique: no rule to dispatch by",
                index_, table.schema, table.name);
}

int32_t TablePartitioner::PartitionOf(const RowChange& row, int32_t partitions) const {
  if (by_ts_) return static_cast<int32_t>(row.commit_ts.raw() % static_cast<uint64_t>(partitions));
  uint32_t hash = table_hash_;
  const auto values = row.is_delete() ? row.before : row.after;
  std::string text;
  for (const int position : positions_) {
    const Datum& value = values[static_cast<size_t>(position)];
    if (value.is_null()) continue;
    const ColumnInfo& column = *row.table->columns[static_cast<size_t>(position)];
    text.clear();
    AppendHashed(value, column.type, &text);
    hash ^= PartHash(column.name, text);
  }
  return static_cast<int32_t>(hash % static_cast<uint32_t>(partitions));
}

}  // namespace cdc
