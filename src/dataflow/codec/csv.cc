#include "dataflow/codec/csv.h"

#include "dataflow/codec/json_text.h"
#include "model/value_text.h"

namespace cdc {
namespace {

void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    out->push_back(kDigits[c >> 4 & 15]);
    out->push_back(kDigits[c & 15]);
  }
}

}  // namespace

// Between quotes, which are doubled inside; without a quote character, what would end a field or a
// line is escaped.
void CsvEncoder::AppendField(std::string_view text, std::string* out) const {
  const std::string& quote = options_.csv.quote;
  if (quote.empty()) return AppendEscaped(text, out);
  const char mark = quote[0];
  out->push_back(mark);
  for (size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark)) {
    out->append(text.substr(0, at + 1));
    out->push_back(mark);
    text.remove_prefix(at + 1);
  }
  out->append(text);
  out->push_back(mark);
}

void CsvEncoder::AppendEscaped(std::string_view text, std::string* out) const {
  const std::string& delimiter = options_.csv.delimiter;
  while (!text.empty()) {
    if (text.starts_with(delimiter)) {
      for (const char c : delimiter) {
        out->push_back('\\');
        out->push_back(c);
      }
      text.remove_prefix(delimiter.size());
      continue;
    }
    const char c = text[0];
    if (c == '\r' || c == '\n' || c == '\\') out->push_back('\\');
    out->push_back(c == '\r' ? 'r' : c == '\n' ? 'n' : c);
    text.remove_prefix(1);
  }
}

std::string CsvEncoder::Header(const TableInfo& table, const std::vector<int>& positions) const {
  std::string header = "ticdc-meta$operation";
  const auto add = [&](std::string_view name) {
    header += options_.csv.delimiter;
    header += name;
  };
  add("ticdc-meta$table");
  add("ticdc-meta$schema");
  if (options_.csv.include_commit_ts) add("ticdc-meta$commit-ts");
  if (options_.csv.output_old_value) add("ticdc-meta$is-update");
  for (const int position : positions) add(table.columns[position]->name);
  return header + options_.csv.terminator;
}

CsvEncoder::Layout CsvEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout;
  for (const std::string* name : {&table.name, &table.schema}) {
    layout.names += options_.csv.delimiter;
    AppendField(*name, &layout.names);
  }
  for (size_t i = 0; i < table.columns.size(); ++i)
    if (!options_.selects_column || options_.selects_column(table, *table.columns[i]))
      layout.positions.push_back(static_cast<int>(i));
  if (options_.csv.output_field_header) layout.header = Header(table, layout.positions);
  return layout;
}

void CsvEncoder::AppendValue(const FieldType& type, const Datum& value, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      out->append(options_.csv.null_string);
      return;
    case Datum::Kind::kInt:
      return AppendInteger(value.as_int(), out);
    case Datum::Kind::kUint:
    case Datum::Kind::kBit:
      return AppendInteger(value.as_uint(), out);
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return AppendGoDouble(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    case Datum::Kind::kBytes:
      if (!(type.flags & column_flag::kBinary)) return AppendField(value.as_view(), out);
      scratch_.clear();
      if (options_.csv.binary_as_hex) {
        AppendHex(value.as_view(), &scratch_);
        return AppendField(scratch_, out);
      }
      AppendJsonBase64(value.as_view(), &scratch_);
      return AppendField(std::string_view(scratch_).substr(1, scratch_.size() - 2), out);
    default:
      scratch_.clear();
      AppendText(value, type, &scratch_);
      return AppendField(scratch_, out);
  }
}

void CsvEncoder::AppendLine(const RowChange& row, const Layout& layout, char operation,
                            std::span<const Datum> values, std::string* out) {
  AppendField(std::string_view(&operation, 1), out);
  out->append(layout.names);
  if (options_.csv.include_commit_ts) {
    out->append(options_.csv.delimiter);
    AppendInteger(row.commit_ts.raw(), out);
  }
  if (options_.csv.output_old_value) {
    out->append(options_.csv.delimiter);
    out->append(row.is_update() ? "true" : "false");
  }
  for (const int position : layout.positions) {
    out->append(options_.csv.delimiter);
    AppendValue(row.table->columns[position]->type, values[position], out);
  }
  out->append(options_.csv.terminator);
}

void CsvEncoder::AppendRow(const RowChange& row, const Layout& layout, std::string* out) {
  if (row.is_update() && options_.csv.output_old_value) {
    AppendLine(row, layout, 'D', row.before, out);
    AppendLine(row, layout, 'I', row.after, out);
  } else if (row.is_delete()) {
    AppendLine(row, layout, 'D', row.before, out);
  } else {
    AppendLine(row, layout, row.is_insert() ? 'I' : 'U', row.after, out);
  }
}

Status CsvEncoder::EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) {
  const TableInfo* table = nullptr;
  for (const RowChange* row : rows) {
    const Layout& layout =
        tables_.Get(*row->table, [this](const TableInfo& info) { return MakeLayout(info); });
    if (table != row->table) out->push_back({.key = layout.header, .value = ""});
    table = row->table;
    Message& message = out->back();
    AppendRow(*row, layout, &*message.value);
    ++message.rows;
    message.ts = row->commit_ts;
  }
  return Status::Ok();
}

}  // namespace cdc
