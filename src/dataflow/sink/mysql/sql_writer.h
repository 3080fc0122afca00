// SQL text, appended to one reused buffer: identifiers and values of rows as literals that every
// MySQL-compatible server reads back exactly.
#pragma once

#include <string>
#include <string_view>

#include "model/datum.h"
#include "model/table_info.h"

namespace cdc {

// For sessions in utf8mb4 with backslash escapes on and ANSI_QUOTES off (RowSessionSql's).
// Not thread-safe; a writer per connection.
class SqlWriter {
 public:
  void Clear() { sql_.clear(); }
  const std::string& sql() const { return sql_; }
  size_t size() const { return sql_.size(); }

  void Text(std::string_view sql) { sql_ += sql; }
  void Identifier(std::string_view name);
  // `schema`.`name`
  void Table(const TableInfo& table);
  // A value, to store or to compare its column with. Numbers, BIT, ENUM (its index) and SET (its
  // mask) as numbers, binary strings in hexadecimal, all else quoted. FLOAT, and what VECTOR
  // consists of, with all digits of the DOUBLE that servers compare it with: the shortest digits
  // that read back as the same FLOAT may lie beyond the largest one.
  void Value(const Datum& value, const FieldType& type);

 private:
  void Quoted(std::string_view text);
  void Hex(std::string_view bytes);
  void Float(double value);
  void Vector(std::string_view stored);

  std::string sql_;
  std::string scratch_;
};

// `name` in backquotes; for text that is not in a hot path.
std::string QuoteIdentifier(std::string_view name);
// 'text' with quotes and backslashes escaped.
std::string QuoteText(std::string_view text);

}  // namespace cdc
