#include "dataflow/codec/canal_json.h"

#include <algorithm>

#include "dataflow/codec/canal_event_type.h"
#include "dataflow/codec/java_type.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/json_value.h"
#include "dataflow/codec/mysql_type_name.h"

namespace cdc {
namespace {

void AppendObject(const std::string& members, std::string* out) {
  if (members.empty()) {
    out->append("null");
    return;
  }
  out->push_back('{');
  out->append(members);
  out->push_back('}');
}

std::string Member(std::string_view name, std::string_view json_value) {
  std::string member;
  AppendJsonString(name, &member);
  member.push_back(':');
  member.append(json_value);
  return member;
}

std::string Quoted(std::string_view text) {
  std::string quoted;
  AppendJsonString(text, &quoted);
  return quoted;
}

}  // namespace

CanalJsonEncoder::Shape CanalJsonEncoder::MakeShape(const TableInfo& table,
                                                    bool only_handle_key) const {
  Shape shape;
  std::string mysql_types;
  std::string java_types;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnInfo& info = *table.columns[i];
    if (options_.selects_column && !options_.selects_column(table, info)) continue;
    const int position = static_cast<int>(i);
    if (only_handle_key && std::find(table.handle_key.begin(), table.handle_key.end(), position) ==
                               table.handle_key.end())
      continue;
    shape.columns.push_back({.position = position,
                             .java_type_varies = JavaTypeVaries(info.type),
                             .java_type = JavaType(info.type),
                             .name = Member(info.name, "")});
    if (!mysql_types.empty()) mysql_types += ',';
    mysql_types +=
        Member(info.name, Quoted(options_.content_compatible ? MysqlTypeDescription(info.type)
                                                             : MysqlTypeWithSign(info.type)));
    if (!java_types.empty()) java_types += ',';
    java_types += Member(info.name, std::to_string(JavaType(info.type)));
    shape.java_types_vary |= JavaTypeVaries(info.type);
  }
  AppendObject(java_types, &shape.java_types);
  shape.mysql_types = ",\"mysqlType\":";
  AppendObject(mysql_types, &shape.mysql_types);
  return shape;
}

CanalJsonEncoder::Layout CanalJsonEncoder::MakeLayout(const TableInfo& table) const {
  std::string names;
  for (const ColumnInfo* column : table.columns) {
    if (!(column->type.flags & column_flag::kPriKey)) continue;
    if (!names.empty()) names += ',';
    AppendJsonString(column->name, &names);
  }
  return {.head = fmt::format("{{\"id\":0,\"database\":{},\"table\":{},\"pkNames\":[{}],"
                              "\"isDdl\":false,\"type\":\"",
                              Quoted(table.schema), Quoted(table.name), names),
          .all = MakeShape(table, false),
          .handle_only = MakeShape(table, true)};
}

void CanalJsonEncoder::AppendValue(const FieldType& type, const Datum& value, std::string* out) {
  if (value.kind() == Datum::Kind::kBytes && type.flags & column_flag::kBinary)
    return AppendJsonLatin1(value.as_view(), out);
  AppendQuotedValue(type, value, &scratch_, out);
}

void CanalJsonEncoder::AppendValues(const RowChange& row, const Shape& shape,
                                    std::span<const Datum> values, bool only_changed,
                                    std::string* out) {
  out->append("[{");
  bool first = true;
  for (const Column& column : shape.columns) {
    const Datum& value = values[column.position];
    if (only_changed && SameValue(value, row.after[column.position])) continue;
    if (!first) out->push_back(',');
    first = false;
    out->append(column.name);
    AppendValue(row.table->columns[column.position]->type, value, out);
  }
  out->append("}]");
}

void CanalJsonEncoder::AppendRow(const RowChange& row, const Layout& layout, const RowForm& form,
                                 std::string* out) {
  const bool handle_only =
      form.only_handle_key || (row.is_delete() && options_.delete_only_output_handle_key_columns);
  const Shape& shape = handle_only ? layout.handle_only : layout.all;
  const std::span<const Datum> values = row.is_delete() ? row.before : row.after;

  out->append(layout.head);
  out->append(row.is_delete() ? "DELETE" : row.is_insert() ? "INSERT" : "UPDATE");
  out->append("\",\"es\":");
  AppendInteger(row.commit_ts.unix_ms(), out);
  out->append(",\"ts\":");
  AppendInteger(NowMs(options_), out);
  out->append(",\"sql\":\"\",\"sqlType\":");
  if (!shape.java_types_vary) {
    out->append(shape.java_types);
  } else {
    char separator = '{';
    for (const Column& column : shape.columns) {
      out->push_back(separator);
      separator = ',';
      out->append(column.name);
      AppendInteger(column.java_type_varies ? JavaTypeOf(row.table->columns[column.position]->type,
                                                         values[column.position])
                                            : column.java_type,
                    out);
    }
    out->push_back('}');
  }
  out->append(shape.mysql_types);
  out->append(",\"old\":");
  if (row.is_update()) {
    AppendValues(row, shape, row.before,
                 options_.only_output_updated_columns || options_.content_compatible, out);
  } else {
    out->append("null");
  }
  out->append(",\"data\":");
  AppendValues(row, shape, values, false, out);
  if (options_.enable_tidb_extension) {
    out->append(",\"_tidb\":{\"commitTs\":");
    AppendInteger(row.commit_ts.raw(), out);
    if (!form.claim_location.empty()) {
      out->append(",\"claimCheckLocation\":");
      AppendJsonString(form.claim_location, out);
    } else if (form.only_handle_key) {
      out->append(",\"onlyHandleKey\":true");
    }
    out->push_back('}');
  }
  out->push_back('}');
}

Status CanalJsonEncoder::EncodeRows(std::span<const RowChange* const> rows,
                                    std::vector<Message>* out) {
  return messages_.Encode(
      rows, out, [&](const RowChange& row, const RowForm& form, Message* message) {
        const Layout& layout =
            tables_.Get(*row.table, [this](const TableInfo& table) { return MakeLayout(table); });
        AppendRow(row, layout, form, &*message->value);
        return Status::Ok();
      });
}

Status CanalJsonEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    std::string value = fmt::format(
        "{{\"id\":0,\"database\":{},\"table\":{},\"pkNames\":null,\"isDdl\":true,\"type\":\"{}\","
        "\"es\":{},\"ts\":{},\"sql\":{},\"sqlType\":null,\"mysqlType\":null,\"data\":null,"
        "\"old\":null",
        Quoted(part.schema), Quoted(part.table), CanalEventTypeName(CanalEventTypeOf(part.type)),
        ddl.commit_ts.unix_ms(), NowMs(options_), Quoted(part.query));
    if (options_.enable_tidb_extension)
      value += fmt::format(",\"_tidb\":{{\"commitTs\":{}}}", ddl.commit_ts);
    value += '}';
    out->push_back({.key = std::nullopt, .value = std::move(value), .ts = ddl.commit_ts});
    RETURN_IF_ERROR(PackMessage(options_, &out->back()));
  }
  return Status::Ok();
}

Status CanalJsonEncoder::EncodeWatermark(Ts ts, std::vector<Message>* out) {
  if (!options_.enable_tidb_extension) return Status::Ok();
  out->push_back(
      {.key = std::nullopt,
       .value = fmt::format(
           "{{\"id\":0,\"database\":\"\",\"table\":\"\",\"pkNames\":null,\"isDdl\":false,"
           "\"type\":\"TIDB_WATERMARK\",\"es\":{},\"ts\":{},\"sql\":\"\",\"sqlType\":null,"
           "\"mysqlType\":null,\"data\":null,\"old\":null,\"_tidb\":{{\"watermarkTs\":{}}}}}",
           ts.unix_ms(), NowMs(options_), ts),
       .ts = ts});
  return PackMessage(options_, &out->back());
}

}  // namespace cdc
