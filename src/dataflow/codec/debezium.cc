#include "dataflow/codec/debezium.h"

#include <algorithm>

#include <fmt/format.h>

#include "dataflow/codec/debezium_ddl.h"
#include "dataflow/codec/debezium_schema.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/simple_schema.h"

namespace cdc {
namespace {

constexpr std::string_view kTransactionField =
    R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},)"
    R"({"type":"int64","optional":false,"field":"total_order"},)"
    R"({"type":"int64","optional":false,"field":"data_collection_order"}],"optional":true,)"
    R"("name":"event.block","version":1,"field":"transaction"})";
constexpr std::string_view kOpFields = R"({"type":"string","optional":false,"field":"op"},)"
                                       R"({"type":"int64","optional":true,"field":"ts_ms"},)";

std::string Quoted(std::string_view text) {
  std::string quoted;
  AppendJsonString(text, &quoted);
  return quoted;
}

std::string TableTopic(const CodecOptions& options, const TableInfo& table) {
  return SafeName(options.cluster_id) + "." + SafeName(table.schema) + "." +
         SafeName(table.name, true, true);
}

}  // namespace

std::string DebeziumEncoder::SourceNames(std::string_view schema, std::string_view table) const {
  return fmt::format(
      R"(,"snapshot":"false","db":{},"table":{},"server_id":0,"gtid":null,"file":"","pos":0,)"
      R"("row":0,"thread":0,"query":null,"commit_ts":)",
      Quoted(schema), Quoted(table));
}

std::string DebeziumEncoder::KeySchema(const TableInfo& table) const {
  std::string schema =
      fmt::format(R"("schema":{{"type":"struct","name":"{}.Key","optional":false,"fields":[)",
                  TableTopic(options_, table));
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (std::ranges::find(table.handle_key, static_cast<int>(i)) == table.handle_key.end())
      continue;
    if (schema.back() != '[') schema += ',';
    AppendDebeziumField(*table.columns[i], options_.enable_tidb_extension, &schema);
  }
  return schema + "]}";
}

std::string DebeziumEncoder::ValueSchema(const TableInfo& table) const {
  const std::string topic = TableTopic(options_, table);
  std::string fields;
  for (const ColumnInfo& column : table.all_columns) {
    if (column.state != SchemaState::kPublic) continue;
    if (options_.selects_column && !options_.selects_column(table, column)) continue;
    if (!fields.empty()) fields += ',';
    if (IsArrayColumn(table, column)) {
      AppendDebeziumField({.name = column.name, .type = {.type = MysqlType::kJson}},
                          options_.enable_tidb_extension, &fields);
      continue;
    }
    AppendDebeziumField(column, options_.enable_tidb_extension, &fields);
  }
  std::string schema = fmt::format(
      R"("schema":{{"type":"struct","optional":false,"name":"{}.Envelope","version":1,"fields":[)",
      topic);
  for (const char* image : {"before", "after"})
    schema += fmt::format(
        R"({{"type":"struct","optional":true,"name":"{}.Value","field":"{}","fields":[{}]}},)",
        topic, image, fields);
  schema +=
      DebeziumSourceSchema(options_.enable_tidb_extension, options_.debezium_include_start_ts);
  schema += ',';
  schema += kOpFields;
  schema += kTransactionField;
  return schema + "]}";
}

DebeziumEncoder::Layout DebeziumEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const int position = static_cast<int>(i);
    const Column column{.position = position, .name = Quoted(table.columns[i]->name) + ":"};
    if (std::ranges::find(table.handle_key, position) != table.handle_key.end())
      layout.key_columns.push_back(column);
    if (!options_.selects_column || options_.selects_column(table, *table.columns[i]))
      layout.columns.push_back(column);
  }
  layout.names = SourceNames(table.schema, table.name);
  layout.key_tail = "}";
  layout.tail = "}";
  if (!options_.debezium_disable_schema) {
    layout.key_tail = "," + KeySchema(table) + "}";
    layout.tail = "," + ValueSchema(table) + "}";
  }
  return layout;
}

void DebeziumEncoder::AppendSource(Ts commit_ts, const std::string& names, Ts start_ts,
                                   std::string* out) const {
  out->append(R"({"payload":{"source":{"version":"2.4.0.Final","connector":"TiCDC","name":)");
  AppendJsonString(options_.cluster_id, out);
  out->append(",\"ts_ms\":");
  AppendInteger(commit_ts.unix_ms(), out);
  out->append(names);
  AppendInteger(commit_ts.raw(), out);
  if (options_.debezium_include_start_ts && start_ts != Ts()) {
    out->append(",\"start_ts\":");
    AppendInteger(start_ts.raw(), out);
  }
  out->append(",\"cluster_id\":");
  AppendJsonString(options_.cluster_id, out);
  out->append("},\"ts_ms\":");
  AppendInteger(NowMs(options_), out);
}

void DebeziumEncoder::AppendValues(const TableInfo& table, const std::vector<Column>& columns,
                                   std::span<const Datum> values, std::string* out) {
  char separator = '{';
  for (const Column& column : columns) {
    out->push_back(separator);
    separator = ',';
    out->append(column.name);
    AppendDebeziumValue(table.columns[column.position]->type, values[column.position], &utc_,
                        &scratch_, out);
  }
  out->append(separator == '{' ? "{}" : "}");
}

void DebeziumEncoder::AppendRow(const RowChange& row, const Layout& layout, Message* message) {
  const std::span<const Datum> current = row.is_delete() ? row.before : row.after;
  message->key->append("{\"payload\":");
  AppendValues(*row.table, layout.key_columns, current, &*message->key);
  message->key->append(layout.key_tail);

  std::string* value = &*message->value;
  AppendSource(row.commit_ts, layout.names, row.start_ts, value);
  if (row.is_insert()) {
    value->append(R"(,"transaction":null,"op":"c","before":null,"after":)");
  } else if (row.is_delete()) {
    value->append(R"(,"transaction":null,"op":"d","after":null,"before":)");
  } else {
    value->append(R"(,"transaction":null,"op":"u",)");
    if (options_.debezium_output_old_value) {
      value->append("\"before\":");
      AppendValues(*row.table, layout.columns, row.before, value);
      value->push_back(',');
    }
    value->append("\"after\":");
  }
  AppendValues(*row.table, layout.columns, current, value);
  value->push_back('}');
  value->append(layout.tail);
}

Status DebeziumEncoder::EncodeRows(std::span<const RowChange* const> rows,
                                   std::vector<Message>* out) {
  return messages_.Encode(rows, out, [&](const RowChange& row, const RowForm&, Message* message) {
    const Layout& layout =
        tables_.Get(*row.table, [this](const TableInfo& table) { return MakeLayout(table); });
    AppendRow(row, layout, message);
    return Status::Ok();
  });
}

void DebeziumEncoder::AppendDdl(const DdlPart& part, Ts commit_ts, std::string* out) const {
  AppendSource(commit_ts, SourceNames(part.schema, part.table), Ts(), out);
  out->append(",\"databaseName\":");
  AppendJsonString(part.schema, out);
  out->append(",\"schemaName\":null,\"ddl\":");
  AppendJsonString(part.query, out);
  out->append(",\"tableChanges\":");
  AppendDebeziumTableChanges(part, out);
  out->push_back('}');
  if (!options_.debezium_disable_schema) {
    out->append(R"(,"schema":{"optional":false,"type":"struct","version":1,)"
                R"("name":"io.debezium.connector.mysql.SchemaChangeValue","fields":[)");
    out->append(DebeziumSourceSchema(options_.enable_tidb_extension, false));
    out->push_back(',');
    out->append(DebeziumChangeFields());
    out->append("]}");
  }
  out->push_back('}');
}

Status DebeziumEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    if (DebeziumChangeType(part.type).empty()) continue;
    Message& message = out->emplace_back(Message{.key = "", .value = "", .ts = ddl.commit_ts});
    message.key = fmt::format(R"({{"payload":{{"databaseName":{}}})", Quoted(part.schema));
    if (!options_.debezium_disable_schema)
      *message.key +=
          R"(,"schema":{"type":"struct","name":"io.debezium.connector.mysql.SchemaChangeKey",)"
          R"("optional":false,"version":1,"fields":[{"field":"databaseName","optional":false,)"
          R"("type":"string"}]})";
    *message.key += '}';
    AppendDdl(part, ddl.commit_ts, &*message.value);
    RETURN_IF_ERROR(PackMessage(options_, &message));
  }
  return Status::Ok();
}

Status DebeziumEncoder::EncodeWatermark(Ts ts, std::vector<Message>* out) {
  if (!options_.enable_tidb_extension) return Status::Ok();
  const std::string topic = SafeName(options_.cluster_id) + ".watermark";
  Message& message = out->emplace_back(Message{.key = R"({"payload":{})", .value = "", .ts = ts});
  AppendSource(ts, SourceNames("", ""), Ts(), &*message.value);
  message.value->append(R"(,"transaction":null,"op":"m"})");
  if (!options_.debezium_disable_schema) {
    *message.key += fmt::format(
        R"(,"schema":{{"type":"struct","name":"{}.Key","optional":false,"fields":[]}})", topic);
    *message.value += fmt::format(
        R"(,"schema":{{"type":"struct","optional":false,"name":"{}.Envelope","version":1,)"
        R"("fields":[{},{}{}]}})",
        topic, DebeziumSourceSchema(true, false), kOpFields, kTransactionField);
  }
  message.key->push_back('}');
  message.value->push_back('}');
  return PackMessage(options_, &message);
}

}  // namespace cdc
