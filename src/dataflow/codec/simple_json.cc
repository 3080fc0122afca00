#include "dataflow/codec/simple_json.h"

#include <algorithm>

#include "dataflow/codec/json_text.h"
#include "dataflow/codec/json_value.h"
#include "dataflow/codec/simple_schema.h"

namespace cdc {

SimpleJsonEncoder::Layout SimpleJsonEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout{.head = "{\"version\":1,\"database\":"};
  AppendJsonString(table.schema, &layout.head);
  layout.head += ",\"table\":";
  AppendJsonString(table.name, &layout.head);
  layout.head += ",\"tableID\":";
  layout.version = fmt::format(",\"schemaVersion\":{}", SimpleSchemaVersion(table));
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (options_.selects_column && !options_.selects_column(table, *table.columns[i])) continue;
    const int position = static_cast<int>(i);
    Column column{.position = position,
                  .handle = std::ranges::find(table.handle_key, position) != table.handle_key.end(),
                  .name = {}};
    AppendJsonString(table.columns[i]->name, &column.name);
    column.name += ':';
    layout.columns.push_back(std::move(column));
  }
  return layout;
}

void SimpleJsonEncoder::AppendValue(const FieldType& type, const Datum& value, std::string* out) {
  if (value.kind() == Datum::Kind::kBytes && type.flags & column_flag::kBinary)
    return AppendJsonBase64(value.as_view(), out);
  if (type.type != MysqlType::kTimestamp || value.is_null())
    return AppendQuotedValue(type, value, &scratch_, out);
  out->append("{\"location\":");
  AppendJsonString(options_.time_zone, out);
  out->append(",\"value\":");
  AppendQuotedValue(type, value, &scratch_, out);
  out->push_back('}');
}

void SimpleJsonEncoder::AppendValues(const RowChange& row, const Layout& layout,
                                     std::span<const Datum> values, bool only_handle_key,
                                     std::string* out) {
  out->push_back('{');
  for (const Column& column : layout.columns) {
    if (only_handle_key && !column.handle) continue;
    if (out->back() != '{') out->push_back(',');
    out->append(column.name);
    AppendValue(row.table->columns[column.position]->type, values[column.position], out);
  }
  out->push_back('}');
}

void SimpleJsonEncoder::AppendRow(const RowChange& row, const Layout& layout, const RowForm& form,
                                  std::string* out) {
  out->append(layout.head);
  AppendInteger(Raw(row.physical_id), out);
  out->append(",\"type\":\"");
  out->append(row.is_delete() ? "DELETE" : row.is_insert() ? "INSERT" : "UPDATE");
  out->append("\",\"commitTs\":");
  AppendInteger(row.commit_ts.raw(), out);
  out->append(",\"buildTs\":");
  AppendInteger(NowMs(options_), out);
  out->append(layout.version);
  if (!form.claim_location.empty()) {
    out->append(",\"claimCheckLocation\":");
    AppendJsonString(form.claim_location, out);
  }
  if (form.only_handle_key) out->append(",\"handleKeyOnly\":true");
  if (options_.row_checksum && row.checksum.exists()) {
    out->append(",\"checksum\":{\"version\":");
    AppendInteger(row.checksum.version, out);
    out->append(row.checksum.corrupted ? ",\"corrupted\":true" : ",\"corrupted\":false");
    out->append(",\"current\":");
    AppendInteger(row.checksum.after, out);
    out->append(",\"previous\":");
    AppendInteger(row.checksum.before, out);
    out->push_back('}');
  }
  if (!row.is_delete()) {
    out->append(",\"data\":");
    AppendValues(row, layout, row.after, form.only_handle_key, out);
  }
  if (!row.is_insert()) {
    out->append(",\"old\":");
    const bool reduce = row.is_delete() && options_.delete_only_output_handle_key_columns;
    AppendValues(row, layout, row.before, form.only_handle_key || reduce, out);
  }
  out->push_back('}');
}

Status SimpleJsonEncoder::EncodeRows(std::span<const RowChange* const> rows,
                                     std::vector<Message>* out) {
  return messages_.Encode(
      rows, out, [&](const RowChange& row, const RowForm& form, Message* message) {
        const Layout& layout =
            tables_.Get(*row.table, [this](const TableInfo& table) { return MakeLayout(table); });
        AppendRow(row, layout, form, &*message->value);
        return Status::Ok();
      });
}

Status SimpleJsonEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    std::string value =
        fmt::format("{{\"version\":1,\"type\":\"{}\",\"sql\":", SimpleDdlType(part.type));
    AppendJsonString(part.query, &value);
    value += fmt::format(",\"commitTs\":{},\"buildTs\":{}", ddl.commit_ts, NowMs(options_));
    const SimpleDdlTables tables = SimpleTablesOf(part);
    if (tables.table != nullptr) {
      value += ",\"tableSchema\":";
      AppendSimpleSchema(*tables.table, &value);
    }
    if (tables.before != nullptr) {
      value += ",\"preTableSchema\":";
      AppendSimpleSchema(*tables.before, &value);
    }
    value += '}';
    out->push_back({.key = std::nullopt, .value = std::move(value), .ts = ddl.commit_ts});
    RETURN_IF_ERROR(PackMessage(options_, &out->back()));
  }
  return Status::Ok();
}

Status SimpleJsonEncoder::EncodeWatermark(Ts ts, std::vector<Message>* out) {
  out->push_back({.key = std::nullopt,
                  .value = fmt::format(
                      "{{\"version\":1,\"type\":\"WATERMARK\",\"commitTs\":{},\"buildTs\":{}}}", ts,
                      NowMs(options_)),
                  .ts = ts});
  return PackMessage(options_, &out->back());
}

Status SimpleJsonEncoder::EncodeBootstrap(const TableInfo& table, std::vector<Message>* out) {
  std::string value = fmt::format(
      "{{\"version\":1,\"type\":\"BOOTSTRAP\",\"commitTs\":0,\"buildTs\":{},\"tableSchema\":",
      NowMs(options_));
  AppendSimpleSchema(table, &value);
  value += '}';
  out->push_back({.key = "", .value = std::move(value)});
  return PackMessage(options_, &out->back());
}

}  // namespace cdc
