#include "dataflow/sink/mysql/sql_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "model/value_text.h"

namespace cdc {
namespace {

int FractionDigits(const FieldType& type) {
  return type.decimal > 0 ? static_cast<int>(type.decimal) : 0;
}

// FLOAT(M,D) holds less than 10^(M-D), but its largest value, as a float, may be just that: servers
// look at the literal before they round it.
double WithinLimits(double value, const FieldType& type) {
  if (type.decimal < 0 || type.length < type.decimal) return value;
  const double limit = std::pow(10.0, static_cast<double>(type.length - type.decimal)) -
                       std::pow(10.0, -static_cast<double>(type.decimal));
  return std::clamp(value, -limit, limit);
}

// In utf8mb4 no byte of a multi-byte character looks like one of these.
bool MustEscape(char c) { return c == '\'' || c == '\\' || c == '\0'; }

void AppendEscaped(std::string_view text, std::string* out) {
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!MustEscape(text[i])) [[likely]]
      continue;
    out->append(text, start, i - start);
    out->push_back('\\');
    out->push_back(text[i] == '\0' ? '0' : text[i]);
    start = i + 1;
  }
  out->append(text, start);
}

}  // namespace

void SqlWriter::Identifier(std::string_view name) {
  sql_.push_back('`');
  for (const char c : name) {
    if (c == '`') sql_.push_back('`');
    sql_.push_back(c);
  }
  sql_.push_back('`');
}

void SqlWriter::Table(const TableInfo& table) {
  Identifier(table.schema);
  sql_.push_back('.');
  Identifier(table.name);
}

void SqlWriter::Quoted(std::string_view text) {
  sql_.push_back('\'');
  AppendEscaped(text, &sql_);
  sql_.push_back('\'');
}

void SqlWriter::Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  sql_ += "x'";
  const size_t at = sql_.size();
  sql_.resize(at + bytes.size() * 2);
  char* out = sql_.data() + at;
  for (const char c : bytes) {
    *out++ = kDigits[static_cast<unsigned char>(c) >> 4];
    *out++ = kDigits[static_cast<unsigned char>(c) & 15];
  }
  sql_.push_back('\'');
}

void SqlWriter::Float(double value) {
  const size_t at = sql_.size();
  AppendDouble(value, false, &sql_);
  // Always a floating-point literal: as a DECIMAL literal it would have bounds of its own, and -0
  // would lose its sign.
  if (sql_.find('e', at) == std::string::npos) sql_ += "e0";
}

// [4-byte count][float32 …], little endian.
void SqlWriter::Vector(std::string_view stored) {
  sql_ += "'[";
  const char* separator = "";
  for (size_t at = 4; at + sizeof(float) <= stored.size(); at += sizeof(float)) {
    float element = 0;
    std::memcpy(&element, stored.data() + at, sizeof element);
    sql_ += separator;
    separator = ",";
    AppendDouble(element, false, &sql_);
  }
  sql_ += "]'";
}

void SqlWriter::Value(const Datum& value, const FieldType& type) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      sql_ += "NULL";
      return;
    case Datum::Kind::kInt:
      fmt::format_to(std::back_inserter(sql_), FMT_COMPILE("{}"), value.as_int());
      return;
    case Datum::Kind::kUint:
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
    case Datum::Kind::kBit:
      fmt::format_to(std::back_inserter(sql_), FMT_COMPILE("{}"), value.as_uint());
      return;
    case Datum::Kind::kFloat:
      Float(WithinLimits(value.as_double(), type));
      return;
    case Datum::Kind::kDouble:
      Float(value.as_double());
      return;
    case Datum::Kind::kBytes:
      if (type.is_binary_charset())
        Hex(value.as_view());
      else
        Quoted(value.as_view());
      return;
    case Datum::Kind::kDecimal:
      AppendDecimal(value.as_view(), &sql_);
      return;
    case Datum::Kind::kTime:
      sql_.push_back('\'');
      AppendTime(value, type.type, FractionDigits(type), &sql_);
      sql_.push_back('\'');
      return;
    case Datum::Kind::kDuration:
      sql_.push_back('\'');
      AppendDuration(value.as_int(), FractionDigits(type), &sql_);
      sql_.push_back('\'');
      return;
    case Datum::Kind::kJson:
      scratch_.clear();
      AppendJson(value.as_view(), &scratch_);
      Quoted(scratch_);
      return;
    case Datum::Kind::kVector:
      Vector(value.as_view());
      return;
  }
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) {
    if (c == '`') quoted.push_back('`');
    quoted.push_back(c);
  }
  return quoted + "`";
}

std::string QuoteText(std::string_view text) {
  std::string quoted = "'";
  AppendEscaped(text, &quoted);
  return quoted + "'";
}

}  // namespace cdc
