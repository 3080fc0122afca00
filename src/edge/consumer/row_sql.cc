#include "edge/consumer/row_sql.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "base/bytes.h"
#include "dataflow/sink/mysql/sql_writer.h"
#include "edge/consumer/column_value.h"

namespace cdc {
namespace {

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string TableName(const ConsumedRow& row) {
  return QuoteIdentifier(row.schema) + "." + QuoteIdentifier(row.table);
}

// Digits, and nothing that could end a literal.
bool IsNumber(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isdigit(c) != 0 || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
  });
}

// The DOUBLE that servers compare a FLOAT column with. The FLOAT nearest to the largest value of a
// FLOAT(M,D) may lie above it.
Status AppendFloat(const std::string& text, double max, std::string* out) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return Status(Code::kDecode, "'{}' is no FLOAT", text);
  fmt::format_to(std::back_inserter(*out), "{:.17g}",
                 std::clamp(static_cast<double>(value), -max, max));
  return Status::Ok();
}

bool SameValues(const std::vector<const ConsumedColumn*>& a,
                const std::vector<const ConsumedColumn*>& b) {
  return std::ranges::equal(a, b, [](const ConsumedColumn* x, const ConsumedColumn* y) {
    return x->name == y->name && x->value == y->value;
  });
}

}  // namespace

const DownstreamTable::Column* DownstreamTable::Find(const std::string& name) const {
  const auto found = columns.find(Lower(name));
  return found == columns.end() ? nullptr : &found->second;
}

Status RowSql::AppendLiteral(const ConsumedColumn& column, const DownstreamTable& table,
                             std::string* out) {
  const DownstreamTable::Column* known = table.Find(column.name);
  if (known == nullptr)
    return Status(Code::kDecode, "the downstream table has no column {}", column.name);
  ASSIGN_OR_RETURN_STATUS(const ConsumedValue value, ResolveValue(column.value, *known));
  using Kind = ConsumedValue::Kind;
  const std::string& text = value.text;
  if (value.kind != Kind::kNull && known->type == "float")
    return AppendFloat(text, known->float_max, out);
  switch (value.kind) {
    case Kind::kNull:
      *out += "NULL";
      return Status::Ok();
    case Kind::kNumber:
      if (!IsNumber(text)) return Status(Code::kDecode, "'{}' is no number", text);
      has_enum_error_ |= known->type == "enum" && text == "0";
      *out += text;
      return Status::Ok();
    case Kind::kBytes:
      *out += "x'" + ToHex(text) + "'";
      return Status::Ok();
    default:
      has_enum_error_ |= known->type == "enum" && text.empty();
      *out += QuoteText(text);
      return Status::Ok();
  }
}

std::vector<const ConsumedColumn*> RowSql::KeyColumns(const std::vector<ConsumedColumn>& columns,
                                                      const DownstreamTable& table) const {
  std::vector<const ConsumedColumn*> key;
  for (const ConsumedColumn& column : columns)
    if (std::ranges::find(table.key, Lower(column.name)) != table.key.end()) key.push_back(&column);
  if (!key.empty() && key.size() == table.key.size()) return key;
  key.clear();
  for (const ConsumedColumn& column : columns)
    if (column.key) key.push_back(&column);
  if (!key.empty()) return key;
  for (const ConsumedColumn& column : columns) key.push_back(&column);
  return key;
}

void RowSql::Continue(const std::string& head, const char* separator, const std::string& part,
                      const char* tail) {
  if (head_ == head) {
    text_ += separator + part;
    return;
  }
  Finish();
  text_ += head + part;
  head_ = head;
  tail_ = tail;
}

const std::string& RowSql::Finish() {
  if (!head_.empty()) text_ += tail_ + ";";
  head_.clear();
  tail_.clear();
  return text_;
}

Status RowSql::Delete(const ConsumedRow& row, const DownstreamTable& table) {
  std::string condition;
  for (const ConsumedColumn* column : KeyColumns(row.before, table)) {
    if (!condition.empty()) condition += " AND ";
    condition += QuoteIdentifier(column->name) + "<=>";
    RETURN_IF_ERROR(AppendLiteral(*column, table, &condition));
  }
  if (!table.key.empty()) {
    Continue("DELETE FROM " + TableName(row) + " WHERE ", " OR ", "(" + condition + ")", "");
    return Status::Ok();
  }
  Finish();
  text_ += "DELETE FROM " + TableName(row) + " WHERE " + condition + " LIMIT 1;";
  return Status::Ok();
}

Status RowSql::Write(const ConsumedRow& row, const DownstreamTable& table) {
  std::string names;
  std::string values;
  for (const ConsumedColumn& column : row.after) {
    const DownstreamTable::Column* known = table.Find(column.name);
    if (known != nullptr && known->generated) continue;
    names += (names.empty() ? "" : ",") + QuoteIdentifier(column.name);
    if (!values.empty()) values += ',';
    RETURN_IF_ERROR(AppendLiteral(column, table, &values));
  }
  const char* verb = table.key.empty() ? "INSERT INTO " : "REPLACE INTO ";
  Continue(verb + TableName(row) + " (" + names + ") VALUES ", ",", "(" + values + ")", "");
  return Status::Ok();
}

Status RowSql::Add(const ConsumedRow& row, const DownstreamTable& table) {
  if (row.is_delete()) return Delete(row, table);
  const bool keeps_key = !table.key.empty() && !row.before.empty() &&
                         SameValues(KeyColumns(row.before, table), KeyColumns(row.after, table));
  if (!row.before.empty() && !keeps_key) RETURN_IF_ERROR(Delete(row, table));
  return Write(row, table);
}

}  // namespace cdc
